// What an auditor is given of a log: runs of its leaves, and what it said of itself before.
import { sql } from 'kysely'
import { AppError } from '../contracts/errors.ts'
import type { LeafRange } from '../ledger/merkle.ts'
import type { Tx } from './connection.ts'
import { ofDocuments } from './events.ts'
import { type LogHead, readHead } from './ledger.ts'
import { lockLog } from './ledger-lock.ts'
import type { TenantKeys } from './tenants.ts'

/** Each is a file of a bundle and a signature to check. */
const RECENT_CHECKPOINTS_MAX = 100
/** Of each day the last: some three years. */
const DAILY_CHECKPOINTS_MAX = 1_000

/** Times (ISO 8601) at which events were recorded: from `from` on, before `to`. */
export interface Period {
  from: string | null
  to: string | null
}

/** The newest checkpoint and the keys of exactly that moment: under the log's lock, so that no exchange of keys comes between the two. */
export async function readExportHead(tx: Tx, tenantId: string, keys: TenantKeys): Promise<LogHead> {
  await lockLog(tx, tenantId)
  return readHead(tx, tenantId, keys)
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

/** The bytes that `readLeaves` would return together. */
export async function sumLeavesBytes(tx: Tx, tenantId: string, { from, to }: LeafRange): Promise<number> {
  const { rows } = await sql<{ bytes: string }>`
    SELECT coalesce(sum(octet_length(e.body)), 0) AS bytes FROM ledger_leaves l JOIN events e ON e.seq = l.event_seq
    WHERE l.tenant_id = ${tenantId} AND l.leaf_index >= ${from} AND l.leaf_index < ${to}`.execute(tx)
  return Number(rows[0]?.bytes ?? 0)
}

export interface EarlierCheckpoint {
  size: number
  note: string
}

/** Checkpoints below `size`, smallest first: the newest ones, before them the last of each day, and that of `known` leaves. One over nothing proves nothing. */
export async function readEarlierCheckpoints(
  tx: Tx,
  { tenantId, size, known }: { tenantId: string; size: number; known: number | null },
): Promise<EarlierCheckpoint[]> {
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
      UNION
      SELECT size, note FROM ledger_checkpoints WHERE tenant_id = ${tenantId} AND size = ${known ?? 0} AND size > 0 AND size < ${size}
    ) AS earlier ORDER BY size`.execute(tx)
  return rows.map((row) => ({ size: Number(row.size), note: row.note }))
}

/** An event and its place in the tree of `size` leaves; undefined: it is not in that yet. */
export async function readLeaf(
  tx: Tx,
  { tenantId, eventId, size }: { tenantId: string; eventId: string; size: number },
): Promise<{ body: string; index: number } | undefined> {
  const row = await tx
    .selectFrom('events as event')
    .innerJoin('ledger_leaves as leaf', 'leaf.event_seq', 'event.seq')
    .select(['event.body', 'leaf.leaf_index'])
    .where('event.id', '=', eventId)
    .where('leaf.tenant_id', '=', tenantId)
    .where('leaf.leaf_index', '<', String(size))
    .executeTakeFirst()
  return row && { body: row.body, index: Number(row.leaf_index) }
}

export interface DocumentLeaf {
  seq: string
  eventId: string
  body: string
  /** Null: not in the tree of that size yet. */
  leafIndex: number | null
}

/** Events of a document after the one of number `after`, oldest first, at most `limit`, and where they stand in the tree of `size` leaves. */
export async function readDocumentLeaves(
  tx: Tx,
  { documentId, size, after, limit }: { documentId: string; size: number; after: string; limit: number },
): Promise<DocumentLeaf[]> {
  const { rows } = await sql<{ seq: string; id: string; body: string; leaf_index: string | null }>`
    SELECT e.seq, e.id, e.body, l.leaf_index FROM events e LEFT JOIN ledger_leaves l ON l.event_seq = e.seq AND l.leaf_index < ${size}
    WHERE ${ofDocuments([documentId])} AND e.seq > ${after} ORDER BY e.seq LIMIT ${limit}`.execute(tx)
  return rows.map((row) => ({
    seq: row.seq,
    eventId: row.id,
    body: row.body,
    leafIndex: row.leaf_index === null ? null : Number(row.leaf_index),
  }))
}
