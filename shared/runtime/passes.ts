import { errorFields, type Log } from './log.ts'

export interface Passes {
  /** Aborts the signal of the pass that is under way, and resolves when it has ended. */
  close(): Promise<void>
}

/**
 * Does the work at once and then again and again, `everyMs` after its last end, or at once where it says `again`. A pass that fails is logged with
 * `failure`, and the next one repeats it.
 */
export function startPasses({
  work,
  everyMs,
  log,
  failure,
}: {
  work: (closing: AbortSignal) => Promise<unknown>
  everyMs: number
  log: Log
  failure: string
}): Passes {
  const closing = new AbortController()
  let timer: NodeJS.Timeout
  let running: Promise<void> = Promise.resolve()
  const pass = async () => {
    let more: unknown
    try {
      more = await work(closing.signal)
    } catch (error) {
      log.warn(errorFields(error), failure)
    }
    if (!closing.signal.aborted) plan(more === 'again' ? 0 : everyMs)
  }
  const plan = (afterMs: number) => {
    timer = setTimeout(() => {
      running = pass()
    }, afterMs)
  }
  plan(0)
  return {
    close: async () => {
      closing.abort()
      clearTimeout(timer)
      await running
    },
  }
}
