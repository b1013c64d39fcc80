import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after `ms`, or when it is no longer needed. */
export async function waitAtMost(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
