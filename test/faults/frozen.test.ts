import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { isStopped } from '../support/process.ts'
import { childrenOf } from '../support/process-tree.ts'
import { places, serviceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { untilCompletedOnce } from './outcomes.ts'
import { ownPostgres } from './own-postgres.ts'
import { overRedis } from './queues.ts'
import { send, upload } from './requests.ts'
import { letter } from './texts.ts'

const TEST_MS = 240_000
/** A client waits for an answer until the database has been silent for 20 s, and a service that closes gives up after 25 s. */
const ANSWER_MS_MAX = 40_000

test('a worker that stands still inside its commit loses the transaction: the document can be erased and processed', {
  timeout: TEST_MS,
}, async () => {
  const { services } = await overRedis()
  const [ingest, zombie] = await Promise.all([services.start('ingest'), services.start('workers')])
  const lock = await services.lock('pages')
  const [erased, processed] = [await upload(services, ingest), await upload(services, ingest)]
  await waitUntil(async () => (await lock.waiting()) === 2, 'both documents to be in a commit')
  zombie.kill('SIGSTOP')
  await lock.release()
  await services.start('workers')
  await waitUntil(
    async () => (await send(services, ingest, 'DELETE', `/v1/documents/${erased}`)).status === 202,
    'the erasure to be accepted',
  )
  await untilCompletedOnce(services, [processed], 'beside a frozen worker')
  zombie.kill('SIGCONT')
  await untilCompletedOnce(services, [processed], 'beside one that woke up')
  expect((await services.rows('SELECT FROM pages WHERE document_id = $1', [erased])).length).toBe(0)
})

test('a worker that stands still inside a sweep keeps no other from sweeping', { timeout: TEST_MS }, async () => {
  const { services } = await overRedis()
  const [ingest, zombie] = await Promise.all([services.start('ingest'), services.start('workers')])
  const lock = await services.lock('idempotency')
  await waitUntil(async () => (await lock.waiting()) > 0, 'the sweep to be in its transaction')
  zombie.kill('SIGSTOP')
  await lock.release()
  const id = await upload(services, ingest)
  // As a queue does that loses what it was given.
  await services.rows('DELETE FROM outbox')
  await services.start('workers')
  await untilCompletedOnce(services, [id], 'swept beside a frozen sweeper')
})

test('while PostgreSQL says nothing an upload is refused with 503, and SIGTERM ends a service; when it speaks again everything completes', {
  timeout: TEST_MS,
}, async () => {
  const postgres = await ownPostgres()
  const services = await serviceProcesses({}, postgres)
  const [ingest, other, worker] = await Promise.all([services.start('ingest'), services.start('ingest'), services.start('workers')])
  const before = await upload(services, ingest)
  await untilCompletedOnce(services, [before], 'before')
  const [server] = await services.rows<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`)
  const postmaster = parentOf(server?.pid)
  const frozen = [postmaster, ...childrenOf(postmaster)]
  signal(frozen, 'SIGSTOP')
  onTestFinished(() => signal(frozen, 'SIGCONT'))

  const startedAtMs = performance.now()
  const text = letter()
  expect((await send(services, ingest, 'POST', '/v1/documents?file_name=a.txt', text)).status).toBe(503)
  expect(performance.now() - startedAtMs).toBeLessThan(ANSWER_MS_MAX)
  other.kill('SIGTERM')
  await other.exited
  expect(performance.now() - startedAtMs).toBeLessThan(2 * ANSWER_MS_MAX)

  signal(frozen, 'SIGCONT')
  await untilCompletedOnce(services, [before, await upload(services, ingest, text)], 'after')
  expect(isStopped(worker.pid)).toBe(false)
})

test('an upload that is swept as an orphan before it is complete is refused, and leaves nothing', { timeout: TEST_MS }, async () => {
  const services = await serviceProcesses()
  const frozen = await services.start('ingest', [], { FAULT_AT: 'upload:stored:stop' })
  const text = letter()
  const answer = send(services, frozen, 'POST', '/v1/documents?file_name=a.txt', text)
  await waitUntil(() => isStopped(frozen.pid), 'the upload to be stored')
  // As if its host had been suspended.
  await services.rows(`UPDATE artifacts SET registered_at = registered_at - interval '2 hours'`)
  await services.start('workers')
  await waitUntil(async () => (await services.rows('SELECT FROM artifacts')).length === 0, 'the sweep')
  frozen.kill('SIGCONT')
  expect(await (await answer).json()).toMatchObject({ status: 400, code: 'UPLOAD_ABORTED' })
  expect(await places(services)).toMatchObject({ documents: [], originals: [], artifacts: [], incoming: [] })
  await untilCompletedOnce(services, [await upload(services, frozen, text)], 'sent again')
})

function parentOf(pid: number | undefined): number {
  if (pid === undefined) throw new Error('PostgreSQL shows no checkpointer')
  return Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** Some may have ended since they were seen. */
function signal(pids: readonly number[], name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
}
