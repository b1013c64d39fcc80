import { type Database, withSystem, withTenant } from '../../shared/database/connection.ts'
import { LEDGER_BATCH, listQueuedTenants, sequenceEvents } from '../../shared/database/ledger.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import { errorFields, type Log } from '../../shared/runtime/log.ts'
import type { Platform } from '../../shared/runtime/platform.ts'
import { type Passes, startPasses } from './passes.ts'
import { createSweep } from './retention/sweep.ts'
import { issueDueCertificates } from './rights/certificates.ts'

/** An event is in the log, and under a checkpoint, about this long after its commit. */
const IDLE_MS = 500
/** How long an erasure that is done waits for its certificate. */
const CERTIFICATES_MS = 2_000
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

/** What nobody has to ask for: the certificates of erasures, and the erasure of what was kept long enough. Any number of processes may run it. */
export function startRights(platform: Platform): Passes {
  const { log, retentionTimes } = platform
  const certificates = startPasses({
    work: () => issueDueCertificates(platform),
    everyMs: CERTIFICATES_MS,
    log,
    failure: 'certificates of erasure could not be looked for; the next pass repeats it',
  })
  const retention = startPasses({
    work: createSweep(platform),
    everyMs: retentionTimes.everyMs,
    log,
    failure: 'it could not be looked for what is due to be erased; the next pass repeats it',
  })
  return { close: async () => void (await Promise.all([certificates.close(), retention.close()])) }
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
