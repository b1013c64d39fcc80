import { sql } from 'kysely'
import type { BlobStore } from '../blobs/port.ts'
import type { Vault } from '../blobs/vault.ts'
import { JOBS } from '../contracts/jobs.ts'
import { forgetArtifact, listOrphans, takeOrphan } from '../database/artifacts.ts'
import { type Database, type Tx, withSystem, withTenant } from '../database/connection.ts'
import { closeAbandonedIntents } from '../database/events.ts'
import { forgetOldKeys } from '../database/idempotency.ts'
import { wakeDispatchers } from '../database/outbox.ts'
import { errorFields, type Log } from '../runtime/log.ts'

/** "swp" in ASCII: one sweeper at a time looks over all processes; what it found it repairs without the lock, and twice does no harm. */
const SWEEP_LOCK = 0x737770
const BATCH = 500
const EVERY_MS = 3_000
/** Repeating a job that is still queued changes nothing, so this may be short; it is how soon a lost queue is refilled. */
const REPEAT_AFTER_MS = 6_000
/** Longer than any upload may take (the server's request timeout), so that no living upload is taken for an orphan. */
export const ORPHAN_AFTER_MS = 60 * 60_000
/** Longer than any stage or request, and so than any model call in it. */
const INTENT_ABANDONED_AFTER_MS = Math.max(...Object.values(JOBS).map((job) => job.timeoutMs)) + 60_000

export interface Sweeper {
  close(): Promise<void>
}

/** Repairs what a crash left: jobs that a queue lost, uploads that never became documents, calls that nobody completed. */
export function startSweeper(options: { database: Database; vault: Vault; blobs: BlobStore; log: Log }): Sweeper {
  const { database, vault, blobs, log } = options
  let closed = false
  let timer: NodeJS.Timeout
  let running: Promise<void> = Promise.resolve()
  const sweep = async () => {
    try {
      await sweepOnce(database, vault, blobs)
    } catch (error) {
      log.warn(errorFields(error), 'sweep failed; the next one repeats it')
    }
    if (!closed) plan()
  }
  const plan = () => {
    timer = setTimeout(() => {
      running = sweep()
    }, EVERY_MS)
  }
  plan()
  return {
    close: async () => {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}

/** One pass. Where another process is looking, it does nothing. What cannot be repaired keeps nothing else from it, and is thrown at the end. */
export async function sweepOnce(database: Database, vault: Vault, blobs: BlobStore, orphanAfterMs = ORPHAN_AFTER_MS): Promise<void> {
  const found = await withSystem(database, async (tx) => {
    const lock = await sql<{ got: boolean }>`SELECT pg_try_advisory_xact_lock(${SWEEP_LOCK}) AS got`.execute(tx)
    if (!lock.rows[0]?.got) return null
    await repeatLostJobs(tx)
    await forgetOldKeys(tx)
    return { orphans: await listOrphans(tx, orphanAfterMs, BATCH), intents: await listAbandonedIntents(tx) }
  })
  if (!found) return
  for (const { tenant_id, ids } of found.intents) await withTenant(database, tenant_id, (tx) => closeAbandonedIntents(tx, tenant_id, ids))
  const failures: unknown[] = []
  const repair = async (work: () => Promise<unknown>) => void (await work().catch((error: unknown) => failures.push(error)))
  for (const orphan of found.orphans) {
    await repair(() =>
      withSystem(database, async (tx) => {
        if (!(await takeOrphan(tx, orphan.document_id))) return
        await vault.destroy({ tenantId: orphan.tenant_id, documentId: orphan.document_id })
        await forgetArtifact(tx, orphan.document_id)
      }),
    )
  }
  await repair(() => blobs.sweepTemporary(orphanAfterMs))
  if (failures.length > 0) throw failures[0]
}

/** Every stage that should be on its way and was not looked at for a while goes through the outbox again; a job that exists is left as it is. */
async function repeatLostJobs(tx: Tx): Promise<void> {
  const repeated = await sql`
    WITH lost AS (
      UPDATE stages SET queued_at = now()
      WHERE (document_id, revision, stage) IN (
        SELECT s.document_id, s.revision, s.stage FROM stages s
        JOIN documents d ON d.id = s.document_id
        WHERE s.status IN ('pending', 'running')
          AND s.queued_at < now() - ${REPEAT_AFTER_MS} * interval '1 millisecond'
          AND s.revision = d.revision AND ((d.erased_at IS NULL AND d.restricted_at IS NULL) OR s.stage = 'erase')
          AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.document_id = s.document_id AND o.revision = s.revision AND o.stage = s.stage)
        ORDER BY s.queued_at
        LIMIT ${BATCH}
        FOR UPDATE OF s SKIP LOCKED
      )
      RETURNING tenant_id, document_id, revision, stage
    )
    INSERT INTO outbox (tenant_id, document_id, revision, stage) SELECT tenant_id, document_id, revision, stage FROM lost`.execute(tx)
  if (repeated.numAffectedRows) await wakeDispatchers(tx)
}

async function listAbandonedIntents(tx: Tx): Promise<{ tenant_id: string; ids: string[] }[]> {
  const { rows } = await sql<{ tenant_id: string; ids: string[] }>`
    SELECT tenant_id, array_agg(event_id ORDER BY event_id) AS ids FROM (
      SELECT tenant_id, event_id FROM open_intents
      WHERE created_at < now() - ${INTENT_ABANDONED_AFTER_MS} * interval '1 millisecond'
      ORDER BY created_at LIMIT ${BATCH}
    ) abandoned
    GROUP BY tenant_id`.execute(tx)
  return rows
}
