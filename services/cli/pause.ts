import { setTimeout as delay } from 'node:timers/promises'

/** Resolves after `milliseconds`; throws the signal's own reason when it aborts first. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
