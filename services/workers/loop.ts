import { AppError, ERRORS, errorCode } from '../../shared/contracts/errors.ts'
import { JOBS, STAGES, type Stage } from '../../shared/contracts/jobs.ts'
import type { EventDraft } from '../../shared/contracts/record.ts'
import { type Database, type Tx, withTenant } from '../../shared/database/connection.ts'
import { appendEvent, describeDocument } from '../../shared/database/events.ts'
import { assignRetention } from '../../shared/database/retention.ts'
import {
  assertCurrent,
  type Begun,
  beginStage,
  completeStage,
  failStage,
  giveWay,
  postponeStage,
  type StageKey,
} from '../../shared/database/stages.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import type { RetentionRules } from '../../shared/policy/retention.ts'
import type { QueueBackend } from '../../shared/queue/backend.ts'
import type { PassPoint } from '../../shared/runtime/faults.ts'
import { errorFields, type Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { createLateEnds, type LateEnds } from './late-ends.ts'
import { createQuarantine, type Quarantine } from './quarantine.ts'
import type { StageHandlers, StageResult } from './stage.ts'
import { beginStart, hasReturned, runHandler, ShutdownError, type Start } from './start.ts'
import { waitAtMost } from './wait-at-most.ts'

/** Half of a backoff is fixed and half is chance, so that documents that failed together do not come back together. */
const JITTER = 0.5
const BACKOFF_MS_MAX = 5 * 60_000
/** A job that is handed back is still in the queue for a moment, and adding it again would change nothing. */
const HAND_BACK_PAUSE_MS = 1_000
/** For handing back. A BullMQ worker whose engine is gone is never closed. */
const CLOSE_GRACE_MS = 5_000
/** A handler that heeds its signal ends within it, and says so. */
const LATE_GRACE_MS = 2_000

export interface WorkerLoop {
  /** Takes no more jobs, lets active ones finish for `drainMs`, then aborts them and hands them back. Resolves soon after, whatever the queue does. */
  close(drainMs: number): Promise<void>
}

interface LoopServices {
  backend: QueueBackend
  database: Database
  tenants: Tenants
  handlers: StageHandlers
  log: Log
  metrics: Metrics
  passPoint: PassPoint
  /** The rules that this worker's calls are decided by today (`hashRules`). */
  refusedUnder: () => string
  /** After a stage that tells a document's type or its end it is written down anew how long the document is kept. */
  retention: RetentionRules
  /** Called when a stage of this worker has made another one due. */
  onDue: () => void
}

/** One BullMQ worker a stage. The queue says when; PostgreSQL says whether, and every effect is committed behind its fence. */
export function startWorkerLoop(options: LoopServices): WorkerLoop {
  const stopping = new AbortController()
  const lateEnds = createLateEnds<Start>(options.log, (start) => stepAside(services, start))
  const services: Services = { ...options, quarantine: createQuarantine(stopping.signal), lateEnds }
  const workers = STAGES.map((stage) => services.backend.openWorker(stage, (payload) => deliver(services, stage, payload, stopping.signal)))
  return {
    close: async (drainMs) => {
      const timer = setTimeout(() => stopping.abort(new ShutdownError()), drainMs)
      const closed = new AbortController()
      const closing = Promise.all(workers.map((worker) => worker.close()))
        .then(() => lateEnds.close(LATE_GRACE_MS))
        .finally(() => closed.abort())
      await Promise.race([closing, waitAtMost(drainMs + CLOSE_GRACE_MS, closed.signal)])
      clearTimeout(timer)
    },
  }
}

type Services = LoopServices & { quarantine: Quarantine; lateEnds: LateEnds<Start> }

/** The engine is told no more than the code: what went wrong before or after a stage is said here. The sweeper brings the job back. */
async function deliver(services: Services, stage: Stage, payload: unknown, stopping: AbortSignal): Promise<void> {
  try {
    await runJob(services, stage, payload, stopping)
  } catch (error) {
    // It waited for its turn in quarantine and was never begun.
    if (error instanceof ShutdownError) return
    services.log.error({ stage, ...errorFields(error) }, 'a job could not be handled')
    throw error
  }
}

async function runJob(services: Services, stage: Stage, payload: unknown, stopping: AbortSignal): Promise<void> {
  const { v: _version, ...job } = JOBS[stage].payload.parse(payload)
  const key = { ...job, stage }
  const begun = await claim(services, key, { takeOver: false })
  if (begun.kind !== 'open') return await run(services, key, begun, stopping)
  // The start before this one never ended. What was at work when a worker died may be what killed it: such a job takes none with it again.
  const alone = begun.starts > 1 || !JOBS[stage].waits
  await services.quarantine(async () => run(services, key, await claim(services, key, { takeOver: true }), stopping), { alone })
}

function claim({ database }: Services, key: StageKey, options: { takeOver: boolean }): Promise<Begun> {
  return withTenant(database, key.tenant_id, (tx) => beginStage(tx, key, options))
}

async function run(services: Services, key: StageKey, begun: Begun, stopping: AbortSignal): Promise<void> {
  if (begun.kind === 'skip' || begun.kind === 'open') return
  const start = beginStart(key, begun, services.refusedUnder())
  try {
    await attempt(services, start, begun.kind, stopping)
  } catch (error) {
    // Its end could not be written. Whoever takes over ends the stage; that this start is not at work any more only this process knows.
    if (!start.working) services.lateEnds.follow(start, Promise.resolve())
    throw error
  }
}

async function attempt(services: Services, start: Start, kind: 'run' | 'exhausted', stopping: AbortSignal): Promise<void> {
  const { key } = start
  if (kind === 'exhausted') return fail(services, start, new AppError('ATTEMPTS_EXHAUSTED'))
  const passPoint = (point: 'started' | 'worked' | 'committed') => services.passPoint(`${key.stage}:${point}`, key.document_id)
  try {
    passPoint('started')
    const result = await runHandler(services, start, stopping)
    passPoint('worked')
    await commit(services, start, result)
    services.onDue()
    passPoint('committed')
    observe(services, start, result.failed ? 'failed' : result.againInMs ? 'repeated' : 'completed')
  } catch (error) {
    await recover(services, start, error)
  }
}

async function stepAside(services: Services, start: Start): Promise<void> {
  const { key, epoch } = start
  await withTenant(services.database, key.tenant_id, (tx) => giveWay(tx, key, epoch, { returned: hasReturned(start) }))
  services.onDue()
}

/** Fence and tombstone, the stage's writes, its event and the next stage's outbox row: one transaction. */
async function commit(services: Services, start: Start, result: StageResult): Promise<void> {
  const { key, epoch } = start
  await withTenant(services.database, key.tenant_id, async (tx) => {
    await assertCurrent(tx, key, epoch)
    await result.write(tx)
    const probed = await result.probe?.(tx)
    const outcome = result.failed ? { result: 'failed' as const, error_code: result.failed } : { result: 'ok' as const }
    const assigned = key.stage === 'enrich' || key.stage === 'done' ? await assignRetention(tx, services.retention, key) : null
    const described = assigned ? { ...start, document: { ...start.document, ...assigned } } : start
    await appendEvent(tx, key.tenant_id, { ...eventOf(described), ...result.event, ...probed, ...outcome, phase: 'completed' })
    const returned = hasReturned(start)
    if (result.failed) await failStage(tx, key, result.failed, { outcome: 'failed', returned })
    else if (result.againInMs) await postponeStage(tx, key, { dueInMs: result.againInMs, countStart: false, code: null, returned })
    else await completeStage(tx, key, { returned })
  })
}

/** The class of the error decides: hand back, repeat later, or end with a reason. */
async function recover(services: Services, start: Start, error: unknown): Promise<void> {
  const { key } = start
  if (error instanceof ShutdownError) {
    await postpone(services, start, { dueInMs: HAND_BACK_PAUSE_MS, countStart: false, code: null })
    return
  }
  const code = errorCode(error)
  const fields = {
    documentId: key.document_id,
    revision: key.revision,
    stage: key.stage,
    epoch: start.epoch,
    starts: start.starts,
    ...errorFields(error),
    code,
  }
  if (code === 'STALE_EPOCH' || code === 'DOCUMENT_ERASED') {
    services.log.info(fields, 'another start, revision or an erasure took over; nothing was committed')
    return stepAside(services, start)
  }
  if (code === 'INTERNAL') services.log.error({ ...fields, ...errorFields(error) }, 'stage failed unexpectedly')
  const job = JOBS[key.stage]
  const retryAfterMs = error instanceof AppError && error.retryAfterSeconds !== undefined ? error.retryAfterSeconds * 1_000 : 0
  const dueInMs = Math.max(backoffMs(job.backoffMs, start.starts), retryAfterMs)
  // What has to wait for its turn at a provider, or for tomorrow's budget, has not failed: it may wait as often as it must.
  if (ERRORS[code].retry === 'later') {
    services.log.info(fields, 'stage waits and will be repeated')
    if (await postpone(services, start, { dueInMs, countStart: false, code })) observe(services, start, 'postponed')
    return
  }
  // Nobody can ask for an erasure a second time: it is repeated whatever it failed with.
  if ((ERRORS[code].retry === 'transient' || key.stage === 'erase') && start.starts < job.attempts) {
    services.log.warn(fields, 'stage failed and will be repeated')
    if (await postpone(services, start, { dueInMs, countStart: true, code })) observe(services, start, 'repeated')
    return
  }
  services.log.warn(fields, 'stage failed for good')
  await fail(services, start, error)
}

function postpone(services: Services, start: Start, options: Omit<Parameters<typeof postponeStage>[2], 'returned'>): Promise<boolean> {
  return unlessSuperseded(services, start, (tx) => postponeStage(tx, start.key, { ...options, returned: hasReturned(start) }))
}

async function fail(services: Services, start: Start, error: unknown): Promise<void> {
  const code = errorCode(error)
  const refused = ERRORS[code].retry === 'policy'
  const ended = await unlessSuperseded(services, start, async (tx) => {
    await appendEvent(tx, start.key.tenant_id, {
      ...eventOf(start),
      operation: OPERATION[start.key.stage],
      phase: refused ? 'refused' : 'completed',
      result: 'failed',
      error_code: code,
    })
    await failStage(tx, start.key, code, { outcome: refused ? { refusedUnder: start.rules } : 'failed', returned: hasReturned(start) })
  })
  if (ended) observe(services, start, refused ? 'refused' : 'failed')
}

/** Writes the end of a start, unless a newer start, a newer revision or an erasure has made it nobody's business: it then resolves with false. */
async function unlessSuperseded(services: Services, start: Start, write: (tx: Tx) => Promise<void>): Promise<boolean> {
  try {
    await withTenant(services.database, start.key.tenant_id, async (tx) => {
      await assertCurrent(tx, start.key, start.epoch)
      await write(tx)
    })
    return true
  } catch (error) {
    if (errorCode(error) !== 'STALE_EPOCH') throw error
    if (!start.working) await stepAside(services, start)
    return false
  }
}

const OPERATION = { extract: 'Analyse', enrich: 'Infer', index: 'Store', done: 'Store', erase: 'Erase' } as const satisfies Record<
  Stage,
  EventDraft['operation']
>

function eventOf({ key, document, startedAtMs }: Start) {
  return {
    step: key.stage,
    ...describeDocument(document, key.revision),
    duration_ms: Math.round(performance.now() - startedAtMs),
  } satisfies Partial<EventDraft>
}

function backoffMs(baseMs: number, starts: number): number {
  const full = Math.min(baseMs * 2 ** (starts - 1), BACKOFF_MS_MAX)
  return Math.round(full * (1 - JITTER + Math.random() * JITTER))
}

function observe(services: Services, start: Start, outcome: string): void {
  services.metrics.stageSeconds.observe({ stage: start.key.stage, outcome }, (performance.now() - start.startedAtMs) / 1_000)
}
