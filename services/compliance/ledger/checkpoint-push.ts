import { AppError, errorCode } from '../../../shared/contracts/errors.ts'
import { type Database, withSystem } from '../../../shared/database/connection.ts'
import { type Checkpoint, pushNewest, readPushState } from '../../../shared/database/ledger-pushes.ts'
import { errorFields, type Log, type LogFields } from '../../../shared/runtime/log.ts'
import type { Metrics } from '../../../shared/runtime/metrics.ts'
import { type Passes, startPasses } from '../../../shared/runtime/passes.ts'
import type { CheckpointTarget } from './checkpoint-targets.ts'

/** A place that fails so often in a row is taken to be away, for all logs, until the next round. */
const FAILURES_IN_ROW_MAX = 3
/** Of one checkpoint at one place; below the 20 s that a transaction may idle. */
const KEEP_MS_MAX = 15_000
const MS_PER_SECOND = 1_000

export interface PushOptions {
  database: Database
  targets: readonly CheckpointTarget[]
  metrics: Metrics
  log: Log
}

/** Hands new checkpoints to every place, round by round. Any number of processes may run it: one at a time pushes, and the others leave the rest to it. */
export function startCheckpointPush(options: PushOptions & { everyMs: number }): Passes {
  if (options.targets.length === 0) return { close: async () => undefined }
  return startPasses({
    work: (closing) => pushOnce(options, closing),
    everyMs: options.everyMs,
    log: options.log,
    failure: 'checkpoints could not be pushed; the next round repeats it',
  })
}

/** One round over all places; what fails at one keeps no other from its turn, and is repeated in the next round. */
export async function pushOnce(options: PushOptions, signal: AbortSignal): Promise<void> {
  for (const target of options.targets) {
    try {
      await pushTo(target, options, signal)
    } catch (error) {
      options.log.warn({ target: target.kind, ...errorFields(error) }, 'checkpoints could not be pushed; the next round repeats it')
    }
  }
}

async function pushTo(target: CheckpointTarget, { database, metrics, log }: PushOptions, signal: AbortSignal): Promise<void> {
  const { behind } = await withSystem(database, (tx) => readPushState(tx, target.key))
  let pushed = 0
  let failuresInRow = 0
  for (const tenantId of behind) {
    if (signal.aborted || failuresInRow === FAILURES_IN_ROW_MAX) break
    const result = await pushNewest(database, tenantId, target.key, (checkpoint) => keepInTime(target, checkpoint, signal))
    if (result.outcome === 'busy') break
    if (result.outcome === 'pushed') pushed++
    failuresInRow = result.outcome === 'failed' ? failuresInRow + 1 : 0
    if (result.outcome === 'failed' && !signal.aborted) report(log, { tenantId, target: target.kind }, result.error)
  }
  // Another process may have pushed: what it did counts as well.
  const after = await withSystem(database, (tx) => readPushState(tx, target.key))
  const successMs = after.succeededAt?.getTime() ?? null
  metrics.checkpointSuccess.set({ target: target.kind }, (successMs ?? 0) / MS_PER_SECOND)
  metrics.checkpointsBehind.set({ target: target.kind }, after.behind.length)
  const ageSeconds = successMs === null ? null : Math.round((Date.now() - successMs) / MS_PER_SECOND)
  const fields = { target: target.kind, pushed, behind: after.behind.length, ageSeconds }
  if (after.behind.length > 0) log.warn(fields, 'logs have newer checkpoints than are kept outside')
  else if (pushed > 0) log.info(fields, 'checkpoints were pushed outside')
}

/** A disk that hangs answers no signal: it is left alone with what it does. */
async function keepInTime(target: CheckpointTarget, checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(KEEP_MS_MAX)])
  const { promise: late, reject } = Promise.withResolvers<never>()
  deadline.addEventListener('abort', () => reject(new AppError('UNAVAILABLE', 'the place did not answer in time')), { once: true })
  await Promise.race([target.keep(checkpoint, deadline), late])
}

function report(log: Log, where: LogFields, error: unknown): void {
  const status = error instanceof AppError ? error.extra.status : undefined
  const fields = { ...where, ...errorFields(error), ...(typeof status === 'number' ? { status } : {}) }
  if (errorCode(error) === 'CHECKPOINT_CONFLICT')
    log.error(fields, 'another checkpoint of this size is kept outside: the log was rewritten, or what is kept was')
  else log.warn(fields, 'a checkpoint was not taken; the next round repeats it')
}
