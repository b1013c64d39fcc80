import { sql } from 'kysely'
import type { CostReport } from '../contracts/cost.ts'
import type { Tx } from './connection.ts'

interface CostFilter {
  /** ISO 8601 times, `to` excluded. */
  from: string | null
  to: string | null
  documentId: string | null
}

/** Sums what completed model calls cost: one event closes each call. Reads the record of the tenant, of one document where one is named. */
export async function readCosts(tx: Tx, { from, to, documentId }: CostFilter): Promise<CostReport> {
  const { rows } = await sql<Record<keyof CostReport['lines'][number], string | null>>`
    SELECT event->'recipient'->>'processor' AS processor, event->'model'->>'requested' AS model, event->'model'->>'task' AS task,
      event->>'purpose' AS purpose, count(*) AS calls, count(*) FILTER (WHERE event->'model'->'cost' = 'null') AS unpriced_calls,
      coalesce(sum((event->'model'->>'tokens_in')::bigint), 0) AS tokens_in, coalesce(sum((event->'model'->>'tokens_out')::bigint), 0) AS tokens_out,
      coalesce(sum((event->'model'->'cost'->>'micro_eur')::bigint), 0) AS micro_eur
    FROM events, LATERAL (SELECT body::jsonb AS event) parsed
    WHERE phase = 'completed' AND closes IS NOT NULL AND event->>'result' = 'ok'
      AND (${from}::timestamptz IS NULL OR (event->>'time')::timestamptz >= ${from}::timestamptz)
      AND (${to}::timestamptz IS NULL OR (event->>'time')::timestamptz < ${to}::timestamptz)
      AND (${documentId}::uuid IS NULL OR document_ids @> ARRAY[${documentId}::uuid])
    GROUP BY 1, 2, 3, 4 ORDER BY 9 DESC, 1, 2, 3, 4`.execute(tx)
  const lines = rows.map((row) => ({
    processor: row.processor ?? '',
    model: row.model ?? '',
    task: row.task ?? '',
    purpose: row.purpose,
    calls: Number(row.calls),
    unpriced_calls: Number(row.unpriced_calls),
    tokens_in: Number(row.tokens_in),
    tokens_out: Number(row.tokens_out),
    micro_eur: Number(row.micro_eur),
  }))
  const sum = (name: 'micro_eur' | 'calls' | 'unpriced_calls') => lines.reduce((total, line) => total + line[name], 0)
  return { from, to, micro_eur: sum('micro_eur'), calls: sum('calls'), unpriced_calls: sum('unpriced_calls'), lines }
}
