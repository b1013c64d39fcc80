import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../contracts/errors.ts'
import { exchanged, readState } from './endpoint.ts'
import type { Lease, Report } from './port.ts'

/** Dozens of processes that ask twice a second each meet rarely, a read and a write being a few milliseconds apart. */
const TRIES_MAX = 12
const PAUSE_MS_MAX = 10

/** One endpoint's state in a store that many write to. */
export interface VersionedState {
  /** Version 0 where there is none. `now_ms` is the store's clock. */
  read(): Promise<{ text: string | null; version: number; now_ms: number }>
  /** False, and nothing is written, when the version is no longer the one that was read. */
  write(text: string, version: number): Promise<boolean>
}

/**
 * Compare and set instead of a lock: the algorithm stands once, in TypeScript, for every store, and a process that is frozen between reading and
 * writing holds nobody up. Throws UNAVAILABLE when others were always quicker.
 */
export async function exchangeOver(store: VersionedState, holder: string, report: Report): Promise<Lease> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const { text, version, now_ms } = await store.read()
    const { state, lease } = exchanged(readState(text), holder, report, now_ms)
    if (await store.write(JSON.stringify(state), version)) return lease
    await sleep(Math.random() * PAUSE_MS_MAX * tries)
  }
  throw new AppError('UNAVAILABLE', 'too many processes write the state of one endpoint at once', { retryAfterSeconds: 1 })
}
