import { errorFields, type Log } from '../../shared/runtime/log.ts'

export interface Passes {
  /** Resolves when the pass that is under way has ended. */
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
  work: () => Promise<unknown>
  everyMs: number
  log: Log
  failure: string
}): Passes {
  let closed = false
  let timer: NodeJS.Timeout
  let running: Promise<void> = Promise.resolve()
  const pass = async () => {
    let more: unknown
    try {
      more = await work()
    } catch (error) {
      log.warn(errorFields(error), failure)
    }
    if (!closed) plan(more === 'again' ? 0 : everyMs)
  }
  const plan = (afterMs: number) => {
    timer = setTimeout(() => {
      running = pass()
    }, afterMs)
  }
  plan(0)
  return {
    close: async () => {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}
