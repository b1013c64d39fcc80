// The stored side of shared/ledger: a log for each tenant, whose leaves are the stored bytes of its events, in the order in which they were committed.
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { NODE_TREE } from '../blobs/hashing.ts'
import { AppError } from '../contracts/errors.ts'
import { signCheckpoint } from '../ledger/checkpoint.ts'
import { appendLeaves, decodeEdge, type Edge, EMPTY_EDGE, encodeEdge, type ReadTiles, rootOf, type TileWrite } from '../ledger/tiles.ts'
import { HASH_BYTES } from '../ledger/tree-hash.ts'
import type { Caller } from './api-keys.ts'
import type { Tx } from './connection.ts'
import { appendOrdered } from './event-actors.ts'
import { createLogKey, type LogKeys, originOf, readLogKeys, rotateLogKey } from './ledger-keys.ts'
import { lockLog, tryLockLog } from './ledger-lock.ts'
import type { TenantKeys } from './tenants.ts'

/** Events in one transaction of the sequencer: well below the time of a statement, with 64 KB in each as well. */
export const LEDGER_BATCH = 4_096
/** Tenants in one pass of the sequencer. */
export const QUEUED_TENANTS_MAX = 1_000

/** The newest checkpoint of a log and the keys of that moment, read together. */
export interface LogHead extends LogKeys {
  origin: string
  size: number
  root: Uint8Array
  checkpoint: string
}

/**
 * Tenants with events that are in no log yet, in the order of their ids from the one after `after` on; as the system, which sees ids alone. A pass that
 * goes on where the last one ended keeps nobody waiting behind tenants that always have something.
 */
export async function listQueuedTenants(tx: Tx, after: string | null = null): Promise<string[]> {
  // One step in the index for each tenant, however long the queue is.
  const { rows } = await sql<{ tenant_id: string }>`
    WITH RECURSIVE queued AS (
      (SELECT tenant_id FROM ledger_queue WHERE tenant_id > coalesce(${after}, '00000000-0000-0000-0000-000000000000')::uuid ORDER BY tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT q.tenant_id FROM ledger_queue q WHERE q.tenant_id > queued.tenant_id ORDER BY q.tenant_id LIMIT 1)
      FROM queued WHERE queued.tenant_id IS NOT NULL
    )
    SELECT tenant_id FROM queued WHERE tenant_id IS NOT NULL LIMIT ${QUEUED_TENANTS_MAX}`.execute(tx)
  return rows.map((row) => row.tenant_id)
}

/**
 * A number of an event is no order of commits: one that was given earlier may be committed later. So what is due is what the queue holds, and no number
 * is ever remembered as the last one: an event that comes late becomes a later leaf, and none is left out.
 *
 * Moves up to `max` queued events into the tenant's log and signs a checkpoint over it, all in the given transaction: an event is in the log, or in the
 * queue, never in both. Returns how many were moved; null where another process works on this log.
 */
export async function sequenceEvents(tx: Tx, tenantId: string, keys: TenantKeys, max: number = LEDGER_BATCH): Promise<number | null> {
  if (!(await tryLockLog(tx, tenantId))) return null
  const before = await openLog(tx, tenantId, keys)
  const leafHashes = await moveEvents(tx, { tenantId, size: before.size, max })
  if (leafHashes.length === 0) return 0
  const { edge, tiles } = appendLeaves(before, leafHashes, NODE_TREE)
  await writeTiles(tx, tenantId, tiles)
  await tx
    .updateTable('ledger_logs')
    .set({ size: edge.size, edge: Buffer.from(encodeEdge(edge)) })
    .where('tenant_id', '=', tenantId)
    .execute()
  await writeCheckpoint(tx, tenantId, edge, await readLogKeys(tx, tenantId, keys))
  return leafHashes.length
}

/** The newest checkpoint of the tenant's log; a log that has nothing yet begins with one over the empty tree. */
export async function readHead(tx: Tx, tenantId: string, keys: TenantKeys): Promise<LogHead> {
  const found = await findHead(tx, tenantId, keys)
  if (found !== undefined) return found
  await lockLog(tx, tenantId)
  await openLog(tx, tenantId, keys)
  const made = await findHead(tx, tenantId, keys)
  if (made === undefined) throw new AppError('INTERNAL', 'the log has no checkpoint')
  return made
}

/**
 * Exchanges the log's key (shared/ledger/key-rotation.ts). The event of it names the statement by its SHA-256; and since it is to be moved into the log, the
 * next checkpoint, which the new key signs, is made at once and not when something else happens.
 */
export async function exchangeLogKey(tx: Tx, caller: Caller, keys: TenantKeys): Promise<{ vkey: string; rotation: string }> {
  const { tenantId } = caller
  await readHead(tx, tenantId, keys)
  const readTree = async () => {
    const edge = await readEdge(tx, tenantId)
    return { size: edge?.size ?? 0, root: rootOf(edge ?? EMPTY_EDGE, NODE_TREE) }
  }
  const exchange = await rotateLogKey(tx, { tenantId, keys, readTree })
  const output_hash = createHash('sha256').update(exchange.rotation).digest('hex')
  await appendOrdered(tx, caller, { operation: 'Store', step: 'log_key_exchanged', phase: 'completed', result: 'ok', output_hash })
  return exchange
}

/** One query, however many tiles. */
export function tileReader(tx: Tx, tenantId: string): ReadTiles {
  return async (ids) => {
    const { rows } = await sql<{ hashes: Buffer | null }>`
      SELECT t.hashes FROM unnest(${ids.map(({ level }) => level)}::smallint[], ${ids.map(({ index }) => index)}::bigint[])
        WITH ORDINALITY AS wanted (level, index, place)
      LEFT JOIN ledger_tiles t ON t.tenant_id = ${tenantId} AND t.level = wanted.level AND t.index = wanted.index
      ORDER BY wanted.place`.execute(tx)
    return rows.map(({ hashes }) => hashes ?? new Uint8Array())
  }
}

/** From the queue to the leaves from `size` on; their hashes (RFC 6962 §2.1) are made where the bytes are, which need not travel. */
async function moveEvents(tx: Tx, { tenantId, size, max }: { tenantId: string; size: number; max: number }): Promise<Uint8Array[]> {
  await walkIndexes(tx)
  const { rows } = await sql<{ moved: string; hashes: Buffer | null }>`
    WITH due AS MATERIALIZED (
      SELECT event_seq, row_number() OVER (ORDER BY event_seq) - 1 AS place
      FROM (SELECT event_seq FROM ledger_queue WHERE tenant_id = ${tenantId} ORDER BY event_seq LIMIT ${max}) queued
    ), taken AS (
      DELETE FROM ledger_queue WHERE tenant_id = ${tenantId} AND event_seq = ANY(ARRAY(SELECT event_seq FROM due))
    ), logged AS (
      INSERT INTO ledger_leaves (tenant_id, leaf_index, event_seq) SELECT ${tenantId}, ${size}::bigint + place, event_seq FROM due
    )
    SELECT (SELECT count(*) FROM due) AS moved, string_agg(leaf.hash, ''::bytea ORDER BY leaf.seq) AS hashes
    FROM (
      SELECT seq, sha256('\\x00'::bytea || convert_to(body, 'UTF8')) AS hash FROM events WHERE seq = ANY(ARRAY(SELECT event_seq FROM due)) OFFSET 0
    ) leaf`.execute(tx)
  const [moved, hashes] = [Number(rows[0]?.moved), rows[0]?.hashes ?? Buffer.alloc(0)]
  if (hashes.length !== moved * HASH_BYTES) throw new AppError('INTERNAL', 'a queued event is not there')
  return Array.from({ length: moved }, (_, at) => hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
}

/** To the end of the transaction. The planner knows the queue as it was when somebody last counted, and would sort all of it, or walk through all events. */
async function walkIndexes(tx: Tx): Promise<void> {
  await sql`SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'enable_hashjoin', 'enable_mergejoin']) AS setting (name)`.execute(
    tx,
  )
}

async function findHead(tx: Tx, tenantId: string, keys: TenantKeys): Promise<LogHead | undefined> {
  // In one statement: between two, a batch could come.
  const row = await tx
    .selectFrom('ledger_logs as log')
    .innerJoin('ledger_checkpoints as checkpoint', (join) =>
      join.onRef('checkpoint.tenant_id', '=', 'log.tenant_id').onRef('checkpoint.size', '=', 'log.size'),
    )
    .select(['log.size', 'log.edge', 'checkpoint.note'])
    .where('log.tenant_id', '=', tenantId)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const edge = decodeEdge(Number(row.size), row.edge)
  return {
    ...(await readLogKeys(tx, tenantId, keys)),
    origin: originOf(tenantId),
    size: edge.size,
    root: rootOf(edge, NODE_TREE),
    checkpoint: row.note,
  }
}

/** The log's edge, under its lock; made with its first key where there is none. */
async function openLog(tx: Tx, tenantId: string, keys: TenantKeys): Promise<Edge> {
  const found = await readEdge(tx, tenantId)
  if (found !== undefined) return found
  await createLogKey(tx, tenantId, keys)
  await tx
    .insertInto('ledger_logs')
    .values({ tenant_id: tenantId, size: 0, edge: Buffer.alloc(0) })
    .execute()
  await writeCheckpoint(tx, tenantId, EMPTY_EDGE, await readLogKeys(tx, tenantId, keys))
  return EMPTY_EDGE
}

async function readEdge(tx: Tx, tenantId: string): Promise<Edge | undefined> {
  const row = await tx.selectFrom('ledger_logs').select(['size', 'edge']).where('tenant_id', '=', tenantId).executeTakeFirst()
  return row && decodeEdge(Number(row.size), row.edge)
}

async function writeCheckpoint(tx: Tx, tenantId: string, edge: Edge, { signer }: LogKeys): Promise<void> {
  const checkpoint = { origin: originOf(tenantId), size: edge.size, root: rootOf(edge, NODE_TREE), extensions: [] }
  const note = await signCheckpoint(checkpoint, [signer])
  await tx.insertInto('ledger_checkpoints').values({ tenant_id: tenantId, size: edge.size, note }).execute()
}

/** New hashes go behind those that a tile has: what was there stays, byte for byte. */
export async function writeTiles(tx: Tx, tenantId: string, tiles: readonly TileWrite[]): Promise<void> {
  const { rows } = await sql<{ written: number }>`
    INSERT INTO ledger_tiles (tenant_id, level, index, hashes)
    SELECT ${tenantId}, level, index, coalesce(substring((
        SELECT t.hashes FROM ledger_tiles t WHERE t.tenant_id = ${tenantId} AND t.level = added.level AND t.index = added.index
      ) FOR added.keep), '') || added.hashes
    FROM unnest(${tiles.map(({ level }) => level)}::smallint[], ${tiles.map(({ index }) => index)}::bigint[],
      ${tiles.map(({ offset }) => offset * 32)}::int[], ${tiles.map(({ hashes }) => Buffer.from(hashes))}::bytea[])
      AS added (level, index, keep, hashes)
    ON CONFLICT (tenant_id, level, index) DO UPDATE SET hashes = excluded.hashes
    RETURNING octet_length(hashes) AS written`.execute(tx)
  const expected = tiles.reduce((sum, { offset, hashes }) => sum + offset * 32 + hashes.length, 0)
  if (rows.reduce((sum, { written }) => sum + written, 0) !== expected)
    throw new AppError('INTERNAL', 'a tile of the log is missing or short')
}
