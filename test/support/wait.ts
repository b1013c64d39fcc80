import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 20
const BOUND_MS = 150_000

/** Waits on a condition, not on a clock. Throws, naming what was waited for, after two and a half minutes. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = Date.now() + BOUND_MS
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`waited for ${what} for ${BOUND_MS / 1000} s`)
    await sleep(POLL_MS)
  }
}

/** Its failure is heard when it is awaited, however late. */
export function heardLater<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => undefined)
  return work
}
