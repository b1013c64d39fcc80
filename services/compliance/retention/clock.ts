import { type Database, type Tx, withSystem } from '../../../shared/database/connection.ts'
import { lockClock, readClockState, readWallClock, writeClockState } from '../../../shared/database/retention-clock.ts'
import { type ClockState, type ClockWitness, observeClock } from '../../../shared/policy/clock-guard.ts'

/** The database's clock, and one of this process that nobody can set. */
export interface Clocks {
  wallMs(tx: Tx): Promise<number>
  monotonicMs(): number
}

export const REAL_CLOCKS: Clocks = { wallMs: readWallClock, monotonicMs: () => performance.now() }

export interface ClockLook {
  state: ClockState
  wallMs: number
  jumped: boolean
}

/** Looks at the clocks, for this process and all others. It remembers what it saw: one for each process. */
export function createClockWitness(
  database: Database,
  clocks: Clocks,
  { rulesHash, holdingMs }: { rulesHash: string; holdingMs: number },
): () => Promise<ClockLook> {
  let witness: ClockWitness | null = null
  return () =>
    withSystem(database, async (tx) => {
      await lockClock(tx)
      const reading = { wallMs: await clocks.wallMs(tx), monotonicMs: clocks.monotonicMs(), rulesHash }
      const observed = observeClock(await readClockState(tx), witness, reading, holdingMs)
      await writeClockState(tx, observed.state)
      witness = observed.witness
      return { state: observed.state, wallMs: reading.wallMs, jumped: observed.jumped }
    })
}
