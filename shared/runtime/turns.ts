import { setImmediate } from 'node:timers/promises'

let last: Promise<void> = Promise.resolve()

/**
 * Resolves in a later turn of the event loop, for one caller in each: pieces of work that wait together would otherwise all be done in the same turn, and hold
 * the loop for as long as their sum.
 */
export function nextTurn(): Promise<void> {
  last = last.then(() => setImmediate())
  return last
}
