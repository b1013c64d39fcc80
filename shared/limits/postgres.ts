import { sql } from 'kysely'
import { newId } from '../contracts/ids.ts'
import { type Database, type Tx, withSystem, withTenant } from '../database/connection.ts'
import { exchangeOver, type VersionedState } from './optimistic.ts'
import { BUDGET_KEPT_DAYS, type Limits, RESERVATION_MS, type ReservationRequest } from './port.ts'

/** Others stay until their day goes, so that what they spent can still be settled. */
const IS_LIVING = sql`expires_at > clock_timestamp()`

/** Endpoints belong to no tenant and are the system's; budgets are read and written as their tenant, behind row-level security. */
export function createPostgresLimits(database: Database): Limits {
  return {
    name: 'postgres',
    exchange: (endpoint, holder, report) =>
      withSystem(database, async (tx) => {
        await commitLater(tx)
        return exchangeOver(stateOf(tx, endpoint), holder, report)
      }),

    reserve: (request) =>
      withTenant(database, request.tenant_id, async (tx) => {
        await commitLater(tx)
        const id = await reserve(tx, request)
        if (id === null) return { outcome: 'exhausted' }
        return { outcome: 'granted', reservation: { id, tenant_id: request.tenant_id, day: request.day } }
      }),

    settle: ({ id, tenant_id }, used) =>
      withTenant(database, tenant_id, async (tx) => {
        await commitLater(tx)
        await sql`
          WITH settled AS (DELETE FROM budget_reservations WHERE id = ${id} RETURNING tenant_id, day)
          UPDATE budget_days d SET tokens = d.tokens + ${used.tokens}, micro_eur = d.micro_eur + ${used.micro_eur}
          FROM settled s WHERE d.tenant_id = s.tenant_id AND d.day = s.day`.execute(tx)
      }),

    spent: (tenantId, day) =>
      withTenant(database, tenantId, async (tx) => {
        const { rows } = await sql<Record<'tokens' | 'micro_eur' | 'held_tokens' | 'held_micro_eur', string>>`
          SELECT coalesce(sum(tokens), 0) AS tokens, coalesce(sum(micro_eur), 0) AS micro_eur,
            (SELECT coalesce(sum(tokens), 0) FROM budget_reservations WHERE day = ${day} AND ${IS_LIVING}) AS held_tokens,
            (SELECT coalesce(sum(micro_eur), 0) FROM budget_reservations WHERE day = ${day} AND ${IS_LIVING}) AS held_micro_eur
          FROM budget_days WHERE day = ${day}`.execute(tx)
        const [row] = rows
        return {
          tokens: Number(row?.tokens),
          micro_eur: Number(row?.micro_eur),
          reserved: { tokens: Number(row?.held_tokens), micro_eur: Number(row?.held_micro_eur) },
        }
      }),
  }
}

/** What a crash of the server takes from here is found out anew, or is what calls of its last moments spent. */
async function commitLater(tx: Tx): Promise<void> {
  await sql`SET LOCAL synchronous_commit = off`.execute(tx)
}

function stateOf(tx: Tx, endpoint: string): VersionedState {
  return {
    read: async () => {
      const { rows } = await sql<{ state: string | null; version: string | null; now_ms: number }>`
        SELECT e.state, e.version, extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms
        FROM (VALUES (1)) one LEFT JOIN endpoint_limits e ON e.endpoint = ${endpoint}`.execute(tx)
      const [row] = rows
      return { text: row?.state ?? null, version: Number(row?.version ?? 0), now_ms: row?.now_ms ?? 0 }
    },
    write: async (text, version) => {
      const { rows } = await sql`
        INSERT INTO endpoint_limits AS e (endpoint, version, state) VALUES (${endpoint}, ${version + 1}, ${text})
        ON CONFLICT (endpoint) DO UPDATE SET version = excluded.version, state = excluded.state WHERE e.version = ${version}
        RETURNING 1`.execute(tx)
      return rows.length === 1
    },
  }
}

/** The lock on the day's row, which lasts until the commit, makes the sum that follows it exact. */
async function reserve(tx: Tx, request: ReservationRequest): Promise<string | null> {
  const { tenant_id, day, tokens, micro_eur, tokens_max, micro_eur_max } = request
  const { rows } = await sql<{ is_new: boolean }>`
    INSERT INTO budget_days AS d (tenant_id, day) VALUES (${tenant_id}, ${day})
    ON CONFLICT (tenant_id, day) DO UPDATE SET tokens = d.tokens RETURNING d.xmax = 0 AS is_new`.execute(tx)
  if (rows[0]?.is_new) await sql`DELETE FROM budget_days WHERE day < ${day}::date - ${BUDGET_KEPT_DAYS}::int`.execute(tx)
  const id = newId()
  const granted = await sql`
    INSERT INTO budget_reservations (id, tenant_id, day, tokens, micro_eur, expires_at)
    SELECT ${id}, d.tenant_id, d.day, ${tokens}, ${micro_eur}, clock_timestamp() + ${RESERVATION_MS} * interval '1 millisecond'
    FROM budget_days d, LATERAL (
      SELECT coalesce(sum(r.tokens), 0) AS tokens, coalesce(sum(r.micro_eur), 0) AS micro_eur
      FROM budget_reservations r WHERE r.tenant_id = d.tenant_id AND r.day = d.day AND ${IS_LIVING}
    ) held
    WHERE d.tenant_id = ${tenant_id} AND d.day = ${day}
      AND (${tokens_max}::bigint IS NULL OR d.tokens + held.tokens + ${tokens} <= ${tokens_max})
      AND (${micro_eur_max}::bigint IS NULL OR d.micro_eur + held.micro_eur + ${micro_eur} <= ${micro_eur_max})
    RETURNING 1`.execute(tx)
  return granted.rows.length === 1 ? id : null
}
