import { AppError } from '../../shared/contracts/errors.ts'
import { JOBS } from '../../shared/contracts/jobs.ts'
import type { DocumentRow } from '../../shared/database/documents.ts'
import type { Begun, StageKey } from '../../shared/database/stages.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import type { LateEnds } from './late-ends.ts'
import type { StageHandlers, StageResult } from './stage.ts'

/** One start of a stage, as the loop knows it. */
export interface Start {
  key: StageKey
  document: DocumentRow
  epoch: number
  starts: number
  startedAtMs: number
  /** By the clock that goes on while the machine sleeps. */
  startedAt: Date
  /** As they were when it began: what is refused by yesterday's facts after midnight was not refused by today's. */
  rules: string
  /** True while its handler is at work, which can be after the loop has given it up. */
  working: boolean
  /** A store gave no answer to what it wrote, and may still carry it out. */
  unanswered: boolean
}

export class ShutdownError extends Error {
  override readonly name = 'ShutdownError'
}

export function beginStart(key: StageKey, { document, epoch, starts }: Extract<Begun, { epoch: number }>, rules: string): Start {
  return { key, document, epoch, starts, startedAtMs: performance.now(), startedAt: new Date(), rules, working: false, unanswered: false }
}

/** Nothing that it began is written any more, anywhere: no erasure has to wait for it. */
export function hasReturned({ working, unanswered }: Start): boolean {
  return !working && !unanswered
}

/** Throws STAGE_TIMEOUT when the time is over, and what `stopping` aborts with, at once, whatever the handler does. */
export async function runHandler(
  { handlers, tenants, lateEnds }: { handlers: StageHandlers; tenants: Tenants; lateEnds: LateEnds<Start> },
  start: Start,
  stopping: AbortSignal,
): Promise<StageResult> {
  const { timeoutMs } = JOBS[start.key.stage]
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([timeout, stopping])
  const tenantKeys = await tenants.keys(start.key.tenant_id)
  // An abort that came before there is a listener would never be heard.
  signal.throwIfAborted()
  const { tenant_id, document_id, revision } = start.key
  const working = handlers[start.key.stage]({
    document: start.document,
    key: { tenant_id, document_id, revision },
    epoch: start.epoch,
    tenantKeys,
    signal,
    expectTime: () => {
      const tookMs = Math.max(performance.now() - start.startedAtMs, Date.now() - start.startedAt.getTime())
      if (tookMs > timeoutMs) throw new AppError('STAGE_TIMEOUT')
    },
    leaveUnanswered: () => {
      start.unanswered = true
    },
  })
  start.working = true
  // A handler that does not heed the signal loses the race; its late result is dropped and the fence refuses its writes.
  return await new Promise<StageResult>((resolve, reject) => {
    const abort = () => {
      reject(timeout.aborted ? new AppError('STAGE_TIMEOUT') : signal.reason)
      // What it wrote outside PostgreSQL until its end may be newer than an erasure.
      if (start.working) lateEnds.follow(start, working)
    }
    signal.addEventListener('abort', abort, { once: true })
    // A listener that stayed would keep the result, a document's text and keys, for as long as the stage may take.
    const ended = () => {
      start.working = false
      signal.removeEventListener('abort', abort)
    }
    working.then(ended, ended)
    working.then(resolve, (error) =>
      reject(timeout.aborted ? new AppError('STAGE_TIMEOUT', undefined, { cause: error }) : stopping.aborted ? stopping.reason : error),
    )
  })
}
