import { type Database, withSystem, withTenant } from '../../shared/database/connection.ts'
import { LEDGER_BATCH, listQueuedTenants, QUEUED_TENANTS_MAX, sequenceEvents } from '../../shared/database/ledger.ts'
import { rollUpRegister } from '../../shared/database/register.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import type { Config } from '../../shared/runtime/config.ts'
import { errorFields, type Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import { startCheckpointPush } from './ledger/checkpoint-push.ts'
import { openCheckpointTargets } from './ledger/checkpoint-targets.ts'

/** An event is in the log, and under a checkpoint, about this long after its commit. */
const IDLE_MS = 500
/** Of one tenant before the next has its turn. */
const BATCHES_IN_TURN_MAX = 4
const MS_PER_SECOND = 1_000

interface Sequencer {
  close(): Promise<void>
}

interface SequencerOptions {
  database: Database
  tenants: Tenants
  log: Log
}

/** What runs beside the routes, in any number of processes: events go into the logs, and checkpoints of these to the places outside that keep them. */
export function startLedger(platform: SequencerOptions & { metrics: Metrics }, config: Config): { close(): Promise<void> } {
  const { targets, close } = openCheckpointTargets(config)
  const sequencer = startSequencer(platform)
  const push = startCheckpointPush({ ...platform, targets, everyMs: config.CHECKPOINT_EVERY_SECONDS * MS_PER_SECOND })
  return {
    close: async () => {
      await push.close()
      await close()
      await sequencer.close()
    },
  }
}

/** Moves queued events into their tenants' logs. Any number of processes may run it: one at a time works on a log, and the others leave it out. */
function startSequencer(options: SequencerOptions): Sequencer {
  let closed = false
  let timer: NodeJS.Timeout
  let running: Promise<void> = Promise.resolve()
  let after: string | null = null
  const pass = async () => {
    let more = false
    try {
      const { moved, last } = await sequenceOnce(options, after)
      after = last
      more = moved >= LEDGER_BATCH || last !== null
    } catch (error) {
      options.log.warn(errorFields(error), 'events could not be taken into the log; the next pass repeats it')
    }
    if (!closed) plan(more ? 0 : IDLE_MS)
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

/**
 * One pass over tenants, from the one after `after` on; what fails for one keeps no other from its turn. Returns how many events were moved, and after
 * whom the next pass begins: null where this one came to the end.
 */
export async function sequenceOnce(
  { database, tenants, log }: SequencerOptions,
  after: string | null = null,
): Promise<{ moved: number; last: string | null }> {
  let moved = 0
  const queued = await withSystem(database, (tx) => listQueuedTenants(tx, after))
  for (const tenantId of queued) {
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
  return { moved, last: queued.length === QUEUED_TENANTS_MAX ? (queued.at(-1) ?? null) : null }
}
