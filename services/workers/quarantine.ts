/** Runs what it is given one after another. What still waits when the worker stops is never begun, and rejects with the signal's reason. */
export type Quarantine = (work: () => Promise<void>) => Promise<void>

/**
 * For jobs whose last start ended without a result: the worker died, and one of the jobs that it had may be the reason. Each of them runs with no
 * other of them beside it, so the guilty one uses up its starts without them. Fresh jobs do run beside it, and lose a start when it takes their worker along.
 */
export function createQuarantine(stopping: AbortSignal): Quarantine {
  let last: Promise<void> = Promise.resolve()
  return (work) => {
    const turn = last.then(() => {
      stopping.throwIfAborted()
      return work()
    })
    // Whoever asked for it hears how it ended; the next one only waits for its end.
    last = turn.catch(() => undefined)
    return turn
  }
}
