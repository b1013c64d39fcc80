import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, ERRORS, errorCode } from '../../shared/contracts/errors.ts'
import { JOBS, STAGES, type Stage } from '../../shared/contracts/jobs.ts'
import type { EventDraft } from '../../shared/contracts/record.ts'
import { type Database, type Tx, withTenant } from '../../shared/database/connection.ts'
import type { DocumentRow } from '../../shared/database/documents.ts'
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
import { createQuarantine, type Quarantine } from './quarantine.ts'
import type { StageHandlers, StageResult } from './stage.ts'

/** Half of a backoff is fixed and half is chance, so that documents that failed together do not come back together. */
const JITTER = 0.5
const BACKOFF_MS_MAX = 5 * 60_000
/** A job that is handed back is still in the queue for a moment, and adding it again would change nothing. */
const HAND_BACK_PAUSE_MS = 1_000
/** For handing back. A BullMQ worker whose engine is gone is never closed. */
const CLOSE_GRACE_MS = 5_000

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
  const services = { ...options, quarantine: createQuarantine(stopping.signal) }
  const workers = STAGES.map((stage) => services.backend.openWorker(stage, (payload) => deliver(services, stage, payload, stopping.signal)))
  return {
    close: async (drainMs) => {
      const timer = setTimeout(() => stopping.abort(new ShutdownError()), drainMs)
      const closed = new AbortController()
      const closing = Promise.all(workers.map((worker) => worker.close())).finally(() => closed.abort())
      await Promise.race([closing, gone(drainMs + CLOSE_GRACE_MS, closed.signal)])
      clearTimeout(timer)
    },
  }
}

/** Resolves after `ms`, or when it is no longer needed. */
async function gone(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

type Services = LoopServices & { quarantine: Quarantine }

class ShutdownError extends Error {
  override readonly name = 'ShutdownError'
}

interface Start {
  key: StageKey
  document: DocumentRow
  epoch: number
  starts: number
  startedAtMs: number
  /** As they were when it began: what is refused by yesterday's facts after midnight was not refused by today's. */
  rules: string
  /** False while its handler is at work, which can be after the loop has given it up. */
  ended: boolean
}

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
  const start: Start = {
    key,
    document: begun.document,
    epoch: begun.epoch,
    starts: begun.starts,
    startedAtMs: performance.now(),
    rules: services.refusedUnder(),
    ended: true,
  }
  if (begun.kind === 'exhausted') return fail(services, start, new AppError('ATTEMPTS_EXHAUSTED'))
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

async function runHandler(services: Services, start: Start, stopping: AbortSignal): Promise<StageResult> {
  const { timeoutMs } = JOBS[start.key.stage]
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([timeout, stopping])
  const tenantKeys = await services.tenants.keys(start.key.tenant_id)
  // An abort that came before there is a listener would never be heard.
  signal.throwIfAborted()
  const { tenant_id, document_id, revision } = start.key
  const working = services.handlers[start.key.stage]({
    document: start.document,
    key: { tenant_id, document_id, revision },
    epoch: start.epoch,
    tenantKeys,
    signal,
    expectTime: () => {
      if (performance.now() - start.startedAtMs > timeoutMs) throw new AppError('STAGE_TIMEOUT')
    },
  })
  start.ended = false
  // A handler that does not heed the signal loses the race; its late result is dropped and the fence refuses its writes.
  return await new Promise<StageResult>((resolve, reject) => {
    const abort = () => {
      reject(timeout.aborted ? new AppError('STAGE_TIMEOUT') : signal.reason)
      if (!start.ended) void endLate(services, start, working)
    }
    signal.addEventListener('abort', abort, { once: true })
    // A listener that stayed would keep the result, a document's text and keys, for as long as the stage may take.
    const ended = () => {
      start.ended = true
      signal.removeEventListener('abort', abort)
    }
    working.then(ended, ended)
    working.then(resolve, (error) =>
      reject(timeout.aborted ? new AppError('STAGE_TIMEOUT', undefined, { cause: error }) : stopping.aborted ? stopping.reason : error),
    )
  })
}

/** A start that was given up ends when its handler does: what it wrote outside PostgreSQL until then may be newer than an erasure. */
async function endLate(services: Services, start: Start, working: Promise<unknown>): Promise<void> {
  await Promise.allSettled([working])
  try {
    await stepAside(services, start)
  } catch (error) {
    services.log.warn({ documentId: start.key.document_id, stage: start.key.stage, ...errorFields(error) }, 'a late start could not say so')
  }
}

async function stepAside(services: Services, { key, epoch }: Start): Promise<void> {
  await withTenant(services.database, key.tenant_id, (tx) => giveWay(tx, key, epoch))
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
    if (result.failed) await failStage(tx, key, result.failed, 'failed')
    else if (result.againInMs) await postponeStage(tx, key, { dueInMs: result.againInMs, countStart: false, code: null })
    else await completeStage(tx, key)
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

function postpone(services: Services, start: Start, options: Parameters<typeof postponeStage>[2]): Promise<boolean> {
  return unlessSuperseded(services, start, (tx) => postponeStage(tx, start.key, options))
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
    await failStage(tx, start.key, code, refused ? { refusedUnder: start.rules } : 'failed')
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
    if (start.ended) await stepAside(services, start)
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
