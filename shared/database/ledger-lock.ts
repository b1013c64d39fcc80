import { sql } from 'kysely'
import type { Tx } from './connection.ts'

/** Waits for the log's lock, which the transaction holds to its end. */
export async function lockLog(tx: Tx, tenantId: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${keyOf(tenantId)})`.execute(tx)
}

/** False where another transaction has it. */
export async function tryLockLog(tx: Tx, tenantId: string): Promise<boolean> {
  const { rows } = await sql<{ got: boolean }>`SELECT pg_try_advisory_xact_lock(${keyOf(tenantId)}) AS got`.execute(tx)
  return rows[0]?.got === true
}

/** Two logs whose names share a hash wait for each other, and no more. */
function keyOf(tenantId: string) {
  return sql`hashtextextended(${`ledger/${tenantId}`}, 0)`
}
