import { AppError } from '../contracts/errors.ts'
import type { Gate } from './gate.ts'
import type { Outcome } from './turnstile.ts'

/** Full jitter (each pause is anywhere between nothing and its bound), so that processes that failed together do not come back together. */
const BACKOFF_MS = 500
const BACKOFF_MS_MAX = 20_000
/** Each 429 costs a pause out of the deadline; this bounds a server that always says "at once". */
const THROTTLED_TRIES_MAX = 20

export interface AttemptOptions {
  gate: Gate
  /** What has one limit and one range of latencies, such as an origin and a model: the key of the gate. */
  endpoint: string
  /** The caller's: bounds the waiting for a pass too. */
  signal: AbortSignal
  /** For everything from the first call on: calls that run, whatever trickles in from them, and the pauses between them; not the waiting for a pass. */
  deadlineMs: number
  /** Calls at most that end without an answer; 429s do not count. */
  triesMax: number
  /** From 0 to below 1. */
  random?: () => number
}

/**
 * Calls until there is an answer, by the class of what `call` throws: MODEL_UNAVAILABLE is repeated after a jittered pause, `triesMax` calls in all; MODEL_BUSY
 * is repeated after its Retry-After (or a jittered pause), and ends as MODEL_BUSY with retryAfterSeconds when that does not fit into the
 * deadline, so that a stage is put back and no start of it is used up; everything else passes through at once. At the deadline the call is abandoned,
 * even one that does not heed its signal: MODEL_UNAVAILABLE. Rejects with the signal's reason when that aborts, and with what the gate says (MODEL_BUSY).
 */
export async function attempt<Result>(options: AttemptOptions, call: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const { gate, endpoint, signal, triesMax, random = Math.random } = options
  let leftMs = options.deadlineMs
  let [failures, refusals] = [0, 0]
  for (;;) {
    const pass = await gate.enter(endpoint, signal, { ahead: refusals > 0 })
    const startedAtMs = performance.now()
    try {
      const result = await underDeadline(options.deadlineMs, leftMs, signal, call)
      pass.leave({ kind: 'answered', latencyMs: performance.now() - startedAtMs })
      return result
    } catch (error) {
      pass.leave(outcomeOf(error, signal, performance.now() - startedAtMs))
      signal.throwIfAborted()
      leftMs -= performance.now() - startedAtMs
      const isThrottled = hasCode(error, 'MODEL_BUSY')
      if (isThrottled) refusals++
      else if (hasCode(error, 'MODEL_UNAVAILABLE')) failures++
      else throw error
      const pauseMs = pauseBefore(error, random(), isThrottled ? refusals : failures)
      if (failures >= triesMax || refusals >= THROTTLED_TRIES_MAX || pauseMs >= leftMs) throw isThrottled ? later(error, pauseMs) : error
      await pause(pauseMs, signal)
      leftMs -= pauseMs
    }
  }
}

/** What a call's end says of the endpoint. */
function outcomeOf(error: unknown, signal: AbortSignal, latencyMs: number): Outcome {
  if (signal.aborted || !(error instanceof AppError)) return { kind: 'cancelled' }
  switch (error.code) {
    case 'MODEL_BUSY':
      return { kind: 'throttled', retryAfterMs: error.retryAfterSeconds === undefined ? null : error.retryAfterSeconds * 1_000 }
    case 'MODEL_UNAVAILABLE':
      return { kind: 'failed' }
    case 'MODEL_OUTPUT_INVALID':
      return { kind: 'answered', latencyMs }
    // Refused at once, or after some thought: how long an answer takes, this does not say.
    case 'MODEL_REFUSED':
      return { kind: 'answered', latencyMs: null }
    default:
      return { kind: 'cancelled' }
  }
}

/** The `times`-th pause after errors of this class. */
function pauseBefore(error: AppError, fraction: number, times: number): number {
  const jitteredMs = fraction * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(times, 10))
  return Math.max((error.retryAfterSeconds ?? 0) * 1_000, jitteredMs)
}

function later(error: AppError, pauseMs: number): AppError {
  return new AppError('MODEL_BUSY', error.detail, { cause: error, retryAfterSeconds: Math.max(1, Math.ceil(pauseMs / 1_000)) })
}

function hasCode(error: unknown, code: 'MODEL_BUSY' | 'MODEL_UNAVAILABLE'): error is AppError {
  return error instanceof AppError && error.code === code
}

async function underDeadline<Result>(
  deadlineMs: number,
  leftMs: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted()
  const ours = new AbortController()
  const expire = () => ours.abort(new AppError('MODEL_UNAVAILABLE', `no complete answer within ${deadlineMs} ms`))
  const timer = setTimeout(expire, leftMs)
  const stop = () => ours.abort(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([call(ours.signal), aborted(ours.signal)])
  } catch (error) {
    // A client that heeds the signal says in its own words what the signal says.
    throw ours.signal.aborted ? ours.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal.addEventListener('abort', stop, { once: true })
  })
}
