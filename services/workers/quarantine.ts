/** Runs what it is given in turn. What still waits when the worker stops is never begun, and rejects with the signal's reason. */
export type Quarantine = (work: () => Promise<void>, options: { alone: boolean }) => Promise<void>

/** Calls that wait for a model cost little, and one after another they would take as long as their number. */
const TOGETHER_MAX = 32

/**
 * For jobs whose last start ended without a result: the worker died, and one of the jobs that it had may be the reason. One that runs alone has no
 * other of them beside it, so the guilty one uses up its starts without them; those that are not asked to be alone run beside each other, and are
 * asked to be when a second worker has died. Fresh jobs do run beside all of them, and lose a start when one takes their worker along.
 */
export function createQuarantine(stopping: AbortSignal): Quarantine {
  /** The end of the last one that was alone, and those that came after it and share. */
  let last: Promise<unknown> = Promise.resolve()
  let together: Promise<unknown>[] = []
  return (work, { alone }) => {
    const begin = () => {
      stopping.throwIfAborted()
      return work()
    }
    const before = alone ? Promise.all([last, ...together]) : Promise.all([last, together.at(-TOGETHER_MAX)])
    const turn = before.then(begin)
    // Whoever asked for it hears how it ended; the next one only waits for its end.
    const end = turn.catch(() => undefined)
    if (alone) {
      last = end
      together = []
    } else together = [...together.slice(1 - TOGETHER_MAX), end]
    return turn
  }
}
