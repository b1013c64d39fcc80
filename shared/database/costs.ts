import { type RawBuilder, sql } from 'kysely'
import type { CostGrouping, CostReport } from '../contracts/cost.ts'
import type { Tx } from './connection.ts'
import { ofDocuments } from './events.ts'

const GROUPS_MAX = 1_000

interface CostFilter {
  tenantId: string
  /** ISO 8601 times, `to` excluded. */
  from: string | null
  to: string | null
  documentId: string | null
  by: CostGrouping | null
}

type Sums = Omit<CostReport['groups'][number], 'key'>
/** PostgreSQL gives sums of bigint as text. */
type SumRow = Record<keyof Sums, string | null>

/**
 * Sums what completed model calls cost, and those that failed after some of their requests were answered: one event closes each call. Reads the
 * record of the tenant, of one document where one is named. Cut by document, a call counts for the one document that it is about, so that the
 * groups add up to the whole.
 */
export async function readCosts(tx: Tx, filter: CostFilter): Promise<CostReport> {
  const { tenantId, from, to, documentId, by } = filter
  const { rows } = await sql<SumRow & { processor: string | null; model: string | null; task: string | null; purpose: string | null }>`
    SELECT processor, event->'model'->>'requested' AS model, event->'model'->>'task' AS task, purpose, ${SUMS}
    FROM events, LATERAL (SELECT body::jsonb AS event OFFSET 0) parsed WHERE ${counted(filter)}
    GROUP BY 1, 2, 3, 4 ORDER BY micro_eur DESC, 1, 2, 3, 4`.execute(tx)
  const lines = rows.map((row) => ({
    processor: row.processor ?? '',
    model: row.model ?? '',
    task: row.task ?? '',
    purpose: row.purpose,
    ...sumsOf(row),
  }))
  const groups = by === null ? [] : await readGroups(tx, filter, by)
  const sum = (name: 'micro_eur' | 'calls' | 'unpriced_calls') => lines.reduce((total, line) => total + line[name], 0)
  return {
    tenant_id: tenantId,
    from,
    to,
    document_id: documentId,
    micro_eur: sum('micro_eur'),
    calls: sum('calls'),
    unpriced_calls: sum('unpriced_calls'),
    lines,
    by,
    groups: inOrder(groups.slice(0, GROUPS_MAX), by),
    groups_left_out: Math.max(0, groups.length === 0 ? 0 : Number(groups[0]?.of) - GROUPS_MAX),
  }
}

const SUMS = sql`count(*) AS calls, count(*) FILTER (WHERE event->'model'->'cost' = 'null') AS unpriced_calls,
      coalesce(sum((event->'model'->>'tokens_in')::bigint), 0) AS tokens_in,
      coalesce(sum((event->'model'->>'tokens_cached')::bigint), 0) AS tokens_cached,
      coalesce(sum((event->'model'->>'tokens_out')::bigint), 0) AS tokens_out,
      coalesce(sum((event->'model'->'cost'->>'micro_eur')::bigint), 0) AS micro_eur`

const KEYS: Readonly<Record<CostGrouping, RawBuilder<string>>> = {
  document: sql`event->>'doc_ref'`,
  purpose: sql`purpose`,
  processor: sql`processor`,
  day: sql`to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
}

type Group = CostReport['groups'][number] & { of: string }

/** `of` is the number of all groups, on each of those that are given. */
async function readGroups(tx: Tx, filter: CostFilter, by: CostGrouping): Promise<Group[]> {
  const { rows } = await sql<SumRow & { key: string | null; of: string }>`
    SELECT ${KEYS[by]} AS key, ${SUMS}, count(*) OVER () AS of
    FROM events, LATERAL (SELECT body::jsonb AS event OFFSET 0) parsed WHERE ${counted(filter)}
    GROUP BY 1 ORDER BY ${by === 'day' ? sql`key DESC` : sql`micro_eur DESC, calls DESC, key`} LIMIT ${GROUPS_MAX}`.execute(tx)
  return rows.map(({ key, of, ...row }) => ({ key, of, ...sumsOf(row) }))
}

function inOrder(groups: readonly Group[], by: CostGrouping | null): CostReport['groups'] {
  const shown = groups.map(({ of: _, ...group }) => group)
  return by === 'day' ? shown.reverse() : shown
}

/** The first condition and the times are what the index `events_answered` is made of: the texts of the period’s calls alone are read. */
function counted({ from, to, documentId }: CostFilter): RawBuilder<unknown> {
  const conditions = [
    sql`phase = 'completed' AND closes IS NOT NULL`,
    sql`(event->>'result' = 'ok' OR event->'model'->>'tokens_in' IS NOT NULL)`,
  ]
  if (from !== null) conditions.push(sql`occurred_at >= ${from}::timestamptz`)
  if (to !== null) conditions.push(sql`occurred_at < ${to}::timestamptz`)
  if (documentId !== null) conditions.push(ofDocuments([documentId]))
  return sql.join(conditions, sql` AND `)
}

function sumsOf(row: SumRow): Sums {
  return {
    calls: Number(row.calls),
    unpriced_calls: Number(row.unpriced_calls),
    tokens_in: Number(row.tokens_in),
    tokens_cached: Number(row.tokens_cached),
    tokens_out: Number(row.tokens_out),
    micro_eur: Number(row.micro_eur),
  }
}
