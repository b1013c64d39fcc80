import { expect, test } from 'vitest'
import { createLateEnds } from '../../../services/workers/late-ends.ts'
import type { StageHandlers } from '../../../services/workers/stage.ts'
import { beginStart, runHandler, type Start } from '../../../services/workers/start.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { JOBS } from '../../../shared/contracts/jobs.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { recordingLog } from '../../support/recording-log.ts'

test.each([
  ['may begin a write within its time', 0, null],
  ['that slept with its machine, whose other clock stood still meanwhile, may not', 1, 'STAGE_TIMEOUT'],
])('a start %s', async (_what, timesOver, code) => {
  const key = { tenant_id: newId(), document_id: newId(), revision: 1, stage: 'index' } as const
  const start = beginStart(key, { kind: 'run', document: {}, epoch: 1, starts: 1 } as never, 'rules')
  start.startedAt = new Date(Date.now() - timesOver * (JOBS.index.timeoutMs + 1))
  const services = {
    handlers: { index: async ({ expectTime }: { expectTime(): void }) => expectTime() } as unknown as StageHandlers,
    tenants: { keys: async () => ({}) } as unknown as Tenants,
    lateEnds: createLateEnds<Start>(recordingLog().log, async () => undefined),
  }
  const said = await runHandler(services, start, new AbortController().signal).then(
    () => null,
    (error) => error.code,
  )
  expect(said).toBe(code)
})
