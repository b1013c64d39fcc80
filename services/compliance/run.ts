import { type Database, withSystem, withTenant } from '../../shared/database/connection.ts'
import { LEDGER_BATCH, listQueuedTenants, sequenceEvents } from '../../shared/database/ledger.ts'
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
  }
  return moved
}
