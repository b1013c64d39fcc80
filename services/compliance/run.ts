import { type Database, withSystem, withTenant } from '../../shared/database/connection.ts'
import { LEDGER_BATCH, listQueuedTenants, sequenceEvents } from '../../shared/database/ledger.ts'
import { rollUpRegister } from '../../shared/database/register.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import { errorFields, type Log } from '../../shared/runtime/log.ts'

/** An event is in the log, and under a checkpoint, about this long after its commit. */
const IDLE_MS = 500
/** Of one tenant before the next has its turn. */
const BATCHES_IN_TURN_MAX = 4

export interface Sequencer {
  close(): Promise<void>
}

interface SequencerOptions {
  database: Database
  tenants: Tenants
  log: Log
}

/** Moves queued events into their tenants' logs. Any number of processes may run it: one at a time works on a log, and the others leave it out. */
export function startSequencer(options: SequencerOptions): Sequencer {
  let closed = false
  let timer: NodeJS.Timeout
  let running: Promise<void> = Promise.resolve()
  const pass = async () => {
    let moved = 0
    try {
      moved = await sequenceOnce(options)
    } catch (error) {
      options.log.warn(errorFields(error), 'events could not be taken into the log; the next pass repeats it')
    }
    if (!closed) plan(moved >= LEDGER_BATCH ? 0 : IDLE_MS)
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

/** One pass over all tenants; what fails for one keeps no other from its turn. Returns how many events were moved. */
export async function sequenceOnce({ database, tenants, log }: SequencerOptions): Promise<number> {
  let moved = 0
  for (const tenantId of await withSystem(database, listQueuedTenants)) {
    try {
      const keys = await tenants.keys(tenantId)
      for (let batch = 0; batch < BATCHES_IN_TURN_MAX; batch++) {
        const events = await withTenant(database, tenantId, (tx) => sequenceEvents(tx, tenantId, keys))
        moved += events ?? 0
        if (events === null || events < LEDGER_BATCH) break
      }
    } catch (error) {
      log.warn({ tenantId, ...errorFields(error) }, 'events of a tenant could not be taken into its log; the next pass repeats it')
    }
    try {
      // As many as were moved at most: the register of a log that grows stays with it, and asking for it is quick.
      await withTenant(database, tenantId, (tx) => rollUpRegister(tx, tenantId, LEDGER_BATCH * BATCHES_IN_TURN_MAX))
    } catch (error) {
      log.warn(
        { tenantId, ...errorFields(error) },
        'the register could not be brought up to the log; the next pass or the next question repeats it',
      )
    }
  }
  return moved
}
