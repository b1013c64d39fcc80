import { type Database, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { LEDGER_BATCH, listQueuedTenants, QUEUED_TENANTS_MAX, sequenceEvents } from '../../../shared/database/ledger.ts'
import { rollUpRegister } from '../../../shared/database/register.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { errorFields, type Log } from '../../../shared/runtime/log.ts'

/** Of one tenant before the next has its turn. */
const BATCHES_IN_TURN_MAX = 4

export interface SequencerServices {
  database: Database
  tenants: Tenants
  log: Log
}

/**
 * Moves queued events into their tenants' logs, a pass at each call. Any number of processes may do it: one at a time works on a log, and the others leave
 * it out. Says `again` where more is waiting.
 */
export function createSequencer(services: SequencerServices): () => Promise<'again' | 'done'> {
  let after: string | null = null
  return async () => {
    const { moved, last } = await sequenceOnce(services, after)
    after = last
    return moved >= LEDGER_BATCH || last !== null ? 'again' : 'done'
  }
}

/**
 * One pass over tenants, from the one after `after` on; what fails for one keeps no other from its turn. Returns how many events were moved, and after
 * whom the next pass begins: null where this one came to the end.
 */
async function sequenceOnce(services: SequencerServices, after: string | null): Promise<{ moved: number; last: string | null }> {
  let moved = 0
  const queued = await withSystem(services.database, (tx) => listQueuedTenants(tx, after))
  for (const tenantId of queued) moved += await sequenceTenant(services, tenantId)
  return { moved, last: queued.length === QUEUED_TENANTS_MAX ? (queued.at(-1) ?? null) : null }
}

async function sequenceTenant({ database, tenants, log }: SequencerServices, tenantId: string): Promise<number> {
  let moved = 0
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
  return moved
}
