import { type Selectable, sql } from 'kysely'
import type { ClockConfirmation, ClockState } from '../policy/clock-guard.ts'
import type { Tx } from './connection.ts'
import type { Tables } from './schema.ts'

/** "rtc" in ASCII. */
const CLOCK_LOCK = 0x727463

/** Until the end of the transaction: processes look at the clock one after the other. */
export async function lockClock(tx: Tx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${CLOCK_LOCK})`.execute(tx)
}

/** The clock of the database, whatever its transaction's begin. */
export async function readWallClock(tx: Tx): Promise<number> {
  const { rows } = await sql<{ now: Date }>`SELECT clock_timestamp() AS now`.execute(tx)
  return rows[0]?.now.getTime() ?? Number.NaN
}

/** Null before the first look. As the system. */
export async function readClockState(tx: Tx): Promise<ClockState | null> {
  const row = await tx.selectFrom('retention_clock').selectAll().executeTakeFirst()
  return row ? toState(row) : null
}

export async function writeClockState(tx: Tx, state: ClockState): Promise<void> {
  const values = {
    looks: state.looks,
    broken_look: state.brokenLook,
    observed_at: new Date(state.observedMs),
    steady_ms: Math.round(state.steadyMs),
    vouched_ms: Math.round(state.vouchedMs),
    trusted_at: state.trustedMs === null ? null : new Date(state.trustedMs),
    jumped_at: state.jump && new Date(state.jump.atMs),
    jumped_ms: state.jump?.byMs ?? null,
    rules_hash: state.rulesHash,
    rules_ms: Math.round(state.rulesMs),
  }
  await tx
    .insertInto('retention_clock')
    .values(values)
    .onConflict((conflict) => conflict.column('one').doUpdateSet(values))
    .execute()
}

/** The tenant's own word on the clock. */
export async function readConfirmation(tx: Tx, tenantId: string): Promise<ClockConfirmation | null> {
  const row = await tx.selectFrom('retention_confirmations').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst()
  return row ? { confirmedMs: row.confirmed_at.getTime(), vouchedMs: Number(row.vouched_ms) } : null
}

export async function writeConfirmation(tx: Tx, tenantId: string, { confirmedMs, vouchedMs }: ClockConfirmation): Promise<void> {
  const values = { confirmed_at: new Date(confirmedMs), vouched_ms: Math.round(vouchedMs) }
  await tx
    .insertInto('retention_confirmations')
    .values({ tenant_id: tenantId, ...values })
    .onConflict((conflict) => conflict.column('tenant_id').doUpdateSet(values))
    .execute()
}

function toState(row: Selectable<Tables['retention_clock']>): ClockState {
  return {
    looks: Number(row.looks),
    brokenLook: Number(row.broken_look),
    observedMs: row.observed_at.getTime(),
    steadyMs: Number(row.steady_ms),
    vouchedMs: Number(row.vouched_ms),
    trustedMs: row.trusted_at?.getTime() ?? null,
    jump: row.jumped_at && row.jumped_ms !== null ? { atMs: row.jumped_at.getTime(), byMs: Number(row.jumped_ms) } : null,
    rulesHash: row.rules_hash,
    rulesMs: Number(row.rules_ms),
  }
}
