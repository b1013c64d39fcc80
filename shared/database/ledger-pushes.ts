// Which checkpoint of each log is kept outside, by the place that keeps it. The place is named by a key without its address, which may hold a secret.
import { sql } from 'kysely'
import { type Database, type Tx, withTenant } from './connection.ts'

/** "ckp" in ASCII: one push at a time over all processes. */
const PUSH_LOCK = 0x636b70
/** Logs in one round. */
const BEHIND_MAX = 1_000

export interface Checkpoint {
  tenantId: string
  size: number
  /** The signed note. */
  note: string
}

export interface PushState {
  /** Logs with a newer checkpoint than the place keeps, the one that was tried longest ago first. */
  behind: string[]
  /** When the place last took one, of any log. */
  succeededAt: Date | null
}

/** As the system, which sees ids and sizes alone. */
export async function readPushState(tx: Tx, target: string): Promise<PushState> {
  const { rows } = await sql<{ tenant_id: string }>`
    SELECT l.tenant_id FROM ledger_logs l LEFT JOIN ledger_pushes p ON p.tenant_id = l.tenant_id AND p.target = ${target}
    WHERE l.size > coalesce(p.size, 0) ORDER BY p.attempted_at NULLS FIRST, l.tenant_id LIMIT ${BEHIND_MAX}`.execute(tx)
  const last = await sql<{ at: Date | null }>`SELECT max(succeeded_at) AS at FROM ledger_pushes WHERE target = ${target}`.execute(tx)
  return { behind: rows.map((row) => row.tenant_id), succeededAt: last.rows[0]?.at ?? null }
}

export type Pushed = { outcome: 'pushed' | 'nothing_new' | 'busy' } | { outcome: 'failed'; error: unknown }

/**
 * Hands the newest checkpoint of one log to `push` and remembers that afterwards, in one transaction that holds the lock of all pushes: who is killed
 * in between leaves nothing behind, and the next one pushes again. `push` has to be done in less than a transaction may idle (20 s).
 */
export function pushNewest(
  database: Database,
  tenantId: string,
  target: string,
  push: (checkpoint: Checkpoint) => Promise<void>,
): Promise<Pushed> {
  return withTenant(database, tenantId, async (tx): Promise<Pushed> => {
    const lock = await sql<{ got: boolean }>`SELECT pg_try_advisory_xact_lock(${PUSH_LOCK}) AS got`.execute(tx)
    if (!lock.rows[0]?.got) return { outcome: 'busy' }
    const { rows } = await sql<{ size: string; note: string }>`
      SELECT c.size, c.note FROM ledger_logs l JOIN ledger_checkpoints c ON c.tenant_id = l.tenant_id AND c.size = l.size
      LEFT JOIN ledger_pushes p ON p.tenant_id = l.tenant_id AND p.target = ${target}
      WHERE l.tenant_id = ${tenantId} AND l.size > coalesce(p.size, 0)`.execute(tx)
    const [newest] = rows
    if (newest === undefined) return { outcome: 'nothing_new' }
    const size = Number(newest.size)
    try {
      await push({ tenantId, size, note: newest.note })
    } catch (error) {
      await remember(tx, { tenantId, target, size: null })
      return { outcome: 'failed', error }
    }
    await remember(tx, { tenantId, target, size })
    return { outcome: 'pushed' }
  })
}

/** A failed attempt is remembered as well: the log then waits behind those that were not tried. */
async function remember(tx: Tx, { tenantId, target, size }: { tenantId: string; target: string; size: number | null }): Promise<void> {
  await sql`
    INSERT INTO ledger_pushes AS p (tenant_id, target, size, attempted_at, succeeded_at)
    VALUES (${tenantId}, ${target}, coalesce(${size}::bigint, 0), clock_timestamp(), CASE WHEN ${size}::bigint IS NULL THEN NULL ELSE clock_timestamp() END)
    ON CONFLICT (tenant_id, target) DO UPDATE SET
      size = coalesce(${size}::bigint, p.size), attempted_at = excluded.attempted_at, succeeded_at = coalesce(excluded.succeeded_at, p.succeeded_at)`.execute(
    tx,
  )
}
