import { AppError } from '../contracts/errors.ts'

/** What a call may take altogether. Requests of one call (a repetition, another replica) share it; waiting for a turn between them is not counted. */
export interface Deadline {
  readonly isOver: boolean
  /** Aborts the signal that it hands on with MODEL_UNAVAILABLE when the time is over, and with the caller's reason when `signal` aborts. */
  within<T>(signal: AbortSignal, request: (bounded: AbortSignal) => Promise<T>): Promise<T>
}

export function createDeadline(timeoutMs: number): Deadline {
  let leftMs = timeoutMs
  return {
    get isOver() {
      return leftMs <= 0
    },
    within: async (signal, request) => {
      const ours = new AbortController()
      const expire = () => ours.abort(new AppError('MODEL_UNAVAILABLE', `no complete response within ${timeoutMs} ms`))
      const startedAtMs = performance.now()
      // A timer may fire a little early; the time is over all the same then.
      const timer = setTimeout(() => {
        leftMs = 0
        expire()
      }, leftMs)
      if (leftMs <= 0) expire()
      try {
        return await request(AbortSignal.any([signal, ours.signal]))
      } finally {
        clearTimeout(timer)
        leftMs -= performance.now() - startedAtMs
      }
    },
  }
}
