import { type Database, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { listBuried, requestErasure } from '../../../shared/database/erasures.ts'
import { listTenantsWithDue, lockDue, refreshRetention, tryLockSweep } from '../../../shared/database/retention.ts'
import { readConfirmation } from '../../../shared/database/retention-clock.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import type { Tombstones } from '../../../shared/database/tombstones.ts'
import { dueByMs } from '../../../shared/policy/clock-guard.ts'
import { erasesNothing, type RetentionRules } from '../../../shared/policy/retention.ts'
import { errorFields, type Log } from '../../../shared/runtime/log.ts'
import { type ClockLook, type Clocks, createClockWitness, REAL_CLOCKS } from './clock.ts'

/** Documents in one transaction. */
const BATCH = 100
/** Of one tenant before the next has its turn; what is left waits for the next pass. */
const BATCHES_MAX = 50
/** Documents whose rule is written down anew, of one tenant in one pass. */
const REFRESHES_MAX = 1_000
/** How often it is looked for documents of which another rule is written down than holds; at the start as well. */
const REFRESH_MS = 86_400_000

export interface RetentionServices {
  database: Database
  tenants: Tenants
  tombstones: Tombstones
  retention: RetentionRules
  retentionHash: string
  retentionTimes: { graceMs: number; holdingMs: number }
  log: Log
}

/** One pass: looks at the clock, and erases what the rules want erased by the time that can be relied on. Returns how many documents. */
export type Sweep = () => Promise<number>

/**
 * Erases what was kept long enough (Art. 5(1)(e)), through the same requests, certificates and stages as any erasure. Nothing happens before the rules were the same for their
 * time of grace, and a clock that jumped makes nothing due (shared/policy/clock-guard.ts). Any number of processes may run it: one at a time erases.
 */
export function createSweep(services: RetentionServices, clocks: Clocks = REAL_CLOCKS): Sweep {
  const { database, retention, retentionHash, retentionTimes, log } = services
  const look = createClockWitness(database, clocks, { rulesHash: retentionHash, holdingMs: retentionTimes.holdingMs })
  let refreshedAtMs: number | null = null
  return async () => {
    const seen = await look()
    if (seen.jumped)
      log.warn(
        { durationMs: seen.state.jump?.byMs ?? 0 },
        'the clock jumped: what became due by that is not erased before the clock was steady for its time, or somebody confirmed it',
      )
    if (refreshedAtMs === null || clocks.monotonicMs() - refreshedAtMs >= REFRESH_MS) {
      await refreshAll(services)
      refreshedAtMs = clocks.monotonicMs()
    }
    if (erasesNothing(retention) || seen.state.rulesMs < retentionTimes.graceMs) return 0
    let erased = 0
    for (const tenantId of await withSystem(database, (tx) => listTenantsWithDue(tx, new Date(seen.wallMs)))) {
      try {
        erased += await sweepTenant(services, tenantId, seen)
      } catch (error) {
        log.warn({ tenantId, ...errorFields(error) }, 'what is due of a tenant could not be erased; the next pass repeats it')
      }
    }
    if (erased > 0) log.info({ count: erased }, 'documents are erased because they were kept long enough')
    return erased
  }
}

async function refreshAll({ database, tenants, retention }: RetentionServices): Promise<void> {
  for (const tenantId of await tenants.list()) {
    for (let times = 0; times < REFRESHES_MAX; times++)
      if ((await withTenant(database, tenantId, (tx) => refreshRetention(tx, retention, tenantId))) === 0) break
  }
}

async function sweepTenant({ database, retention, tombstones }: RetentionServices, tenantId: string, seen: ClockLook): Promise<number> {
  let erased = 0
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const done = await withTenant(database, tenantId, async (tx) => {
      if (!(await tryLockSweep(tx))) return null
      const dueMs = dueByMs(seen.state, await readConfirmation(tx, tenantId), seen.wallMs)
      if (dueMs === null) return null
      const dueBy = new Date(dueMs)
      const due = await lockDue(tx, retention, tenantId, dueBy, BATCH)
      const buried: Awaited<ReturnType<typeof listBuried>> = []
      for (const [rule, documents] of Map.groupBy(due, (document) => document.rule)) {
        const documentIds = documents.map(({ id }) => id)
        const scope = { document_ids: documentIds }
        const draft = { keyId: null, ground: null, scope, documentIds, retention: { rule, asOf: dueBy } }
        buried.push(...(await listBuried(tx, await requestErasure(tx, tenantId, draft))))
      }
      return { looked: due.length, buried }
    })
    if (done === null) break
    await tombstones.append(done.buried)
    erased += done.buried.length
    if (done.looked < BATCH) break
  }
  return erased
}
