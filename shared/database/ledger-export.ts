// What an auditor is given of a log: runs of its leaves, and what it said of itself before.
import { sql } from 'kysely'
import { AppError } from '../contracts/errors.ts'
import type { LeafRange } from '../ledger/merkle.ts'
import type { Tx } from './connection.ts'

/** Each is a file of a bundle and a signature to check. */
const RECENT_CHECKPOINTS_MAX = 100
/** Of each day the last: some three years. */
const DAILY_CHECKPOINTS_MAX = 1_000
/** Events of one document, the newest. */
const DOCUMENT_EVENTS_MAX = 1_000

/** Times (ISO 8601) at which events were recorded: from `from` on, before `to`. */
export interface Period {
  from: string | null
  to: string | null
}

/**
 * The shortest run of leaves that holds every event of the period. Where transactions overlapped it holds some that were recorded a moment before or
 * after: a run without gaps can be proven to be complete, a selection cannot.
 */
export async function leafRange(tx: Tx, given: Period & { tenantId: string; size: number }): Promise<LeafRange> {
  const { tenantId, size, from, to } = given
  if (from === null && to === null) return { from: 0, to: size }
  const { rows } = await sql<{ first: string | null; last: string | null }>`
    SELECT min(l.leaf_index) AS first, max(l.leaf_index) AS last FROM events e JOIN ledger_leaves l ON l.event_seq = e.seq
    WHERE l.tenant_id = ${tenantId} AND e.tenant_id = ${tenantId} AND l.leaf_index < ${size}
      AND e.created_at >= ${from ?? '-infinity'}::timestamptz AND e.created_at < ${to ?? 'infinity'}::timestamptz`.execute(tx)
  const { first = null, last = null } = rows[0] ?? {}
  return first === null || last === null ? { from: size, to: size } : { from: Number(first), to: Number(last) + 1 }
}

/** The stored bytes of a run of leaves, in their order. */
export async function readLeaves(tx: Tx, tenantId: string, { from, to }: LeafRange): Promise<string[]> {
  const rows = await tx
    .selectFrom('ledger_leaves as leaf')
    .innerJoin('events as event', 'event.seq', 'leaf.event_seq')
    .select('event.body')
    .where('leaf.tenant_id', '=', tenantId)
    .where('leaf.leaf_index', '>=', String(from))
    .where('leaf.leaf_index', '<', String(to))
    .orderBy('leaf.leaf_index')
    .execute()
  if (rows.length !== to - from) throw new AppError('INTERNAL', 'leaves of the log are missing')
  return rows.map(({ body }) => body)
}

export async function readLeavesBytes(tx: Tx, tenantId: string, { from, to }: LeafRange): Promise<number> {
  const { rows } = await sql<{ bytes: string }>`
    SELECT coalesce(sum(octet_length(e.body)), 0) AS bytes FROM ledger_leaves l JOIN events e ON e.seq = l.event_seq
    WHERE l.tenant_id = ${tenantId} AND l.leaf_index >= ${from} AND l.leaf_index < ${to}`.execute(tx)
  return Number(rows[0]?.bytes ?? 0)
}

/** Checkpoints below `size`, smallest first: the newest ones, and before them the last of each day. One over nothing proves nothing. */
export async function readEarlierCheckpoints(tx: Tx, tenantId: string, size: number): Promise<{ size: number; note: string }[]> {
  const { rows } = await sql<{ size: string; note: string }>`
    SELECT size, note FROM (
      (SELECT size, note FROM ledger_checkpoints WHERE tenant_id = ${tenantId} AND size > 0 AND size < ${size}
        ORDER BY size DESC LIMIT ${RECENT_CHECKPOINTS_MAX})
      UNION
      (SELECT size, note FROM (
        SELECT DISTINCT ON (date_trunc('day', created_at, 'UTC')) size, note FROM ledger_checkpoints
        WHERE tenant_id = ${tenantId} AND size > 0 AND size < ${size} ORDER BY date_trunc('day', created_at, 'UTC') DESC, size DESC
        LIMIT ${DAILY_CHECKPOINTS_MAX}
      ) AS daily)
    ) AS earlier ORDER BY size`.execute(tx)
  return rows.map((row) => ({ size: Number(row.size), note: row.note }))
}

/** Where the events of a document stand in the log, oldest first; `leafIndex` is null of those that are not in the tree of `size` leaves yet. */
export async function readDocumentLeaves(
  tx: Tx,
  documentId: string,
  size: number,
): Promise<{ eventId: string; leafIndex: number | null }[]> {
  const { rows } = await sql<{ id: string; leaf_index: string | null }>`
    SELECT e.id, l.leaf_index FROM events e LEFT JOIN ledger_leaves l ON l.event_seq = e.seq AND l.leaf_index < ${size}
    WHERE e.document_ids @> ARRAY[${documentId}::uuid] ORDER BY e.seq DESC LIMIT ${DOCUMENT_EVENTS_MAX}`.execute(tx)
  return rows.reverse().map((row) => ({ eventId: row.id, leafIndex: row.leaf_index === null ? null : Number(row.leaf_index) }))
}
