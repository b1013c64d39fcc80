// Which rebuild of a store leaves the bytes of which erased artifact behind, and when it did.
import { sql } from 'kysely'
import { Client } from 'pg'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import type { Tx } from './connection.ts'

/** "rbd" in ASCII: one rebuild at a time over all processes. */
const REBUILD_LOCK = 0x726264
const CONNECT_TIMEOUT_MS = 5_000
const KEEP_ALIVE_MS = 10_000
/** Artifacts that one statement marks. */
const MARKED_MAX = 10_000

export interface RebuildLock {
  /** Aborts when the connection, and with it the lock, is lost. */
  lost: AbortSignal
  release(): Promise<void>
}

/**
 * The lock of all rebuilds, held by a connection of its own for as long as one takes: no transaction is open so long. Null where another process has it.
 * Throws what pg throws where there is no connection.
 */
export async function takeRebuildLock(serviceUrl: string): Promise<RebuildLock | null> {
  const lost = new AbortController()
  const client = new Client({
    connectionString: serviceUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  })
  // An unexpected close is an error first and an end next; unheard, the error would end the process.
  client.on('error', () => undefined)
  client.once('end', () => lost.abort(new AppError('UNAVAILABLE', 'the connection that holds the lock of the rebuild was lost')))
  try {
    await client.connect()
    const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [REBUILD_LOCK])
    if (rows[0]?.got) return { lost: lost.signal, release: () => client.end() }
  } catch (error) {
    await client.end()
    throw error
  }
  await client.end()
  return null
}

/** The rebuild of the store that has not come to its end; null: none. */
export async function findOpenRebuild(tx: Tx, store: string): Promise<string | null> {
  const row = await tx
    .selectFrom('store_rebuilds')
    .select('id')
    .where('store', '=', store)
    .where('finished_at', 'is', null)
    .executeTakeFirst()
  return row?.id ?? null
}

/** Begins a rebuild, or begins one again that came to no end: what that one was to leave behind, it still does. */
export async function beginRebuild(tx: Tx, store: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    INSERT INTO store_rebuilds (id, store) VALUES (${newId()}, ${store})
    ON CONFLICT (store) WHERE finished_at IS NULL DO UPDATE SET started_at = excluded.started_at RETURNING id`.execute(tx)
  const id = rows[0]?.id
  if (id === undefined) throw new AppError('INTERNAL', 'the rebuild has no row')
  return id
}

/**
 * Marks artifacts whose erasure is done, so that no stage can write for them any more, as those that the rebuild leaves behind: before it reads the
 * store. To be repeated until it returns false.
 */
export async function markLeftBehind(tx: Tx, store: string, rebuildId: string): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    UPDATE artifacts SET rebuild_id = ${rebuildId} WHERE (document_id, store, locator) IN (
      SELECT a.document_id, a.store, a.locator FROM artifacts a JOIN stages s ON s.document_id = a.document_id
      WHERE a.store = ${store} AND a.erased_at IS NOT NULL AND a.rebuild_id IS NULL AND s.stage = 'erase' AND s.status = 'completed'
      LIMIT ${MARKED_MAX})`.execute(tx)
  return Number(numAffectedRows) === MARKED_MAX
}

export interface FinishedRebuild {
  documents: number
  /** That are to be issued again. */
  certificates: number
  started_at: Date
  finished_at: Date
}

/**
 * Puts on record that the bytes of what the rebuild left behind are gone, and makes the certificates that named it due again. Every request is held
 * first, whatever its state: one that is closed or certified at this moment is seen as it is then.
 */
export async function finishRebuild(tx: Tx, id: string): Promise<FinishedRebuild> {
  const { rows } = await sql<{ started_at: Date; finished_at: Date; documents: number }>`
    UPDATE store_rebuilds SET finished_at = now() WHERE id = ${id} AND finished_at IS NULL
    RETURNING started_at, finished_at, (SELECT count(DISTINCT document_id)::int FROM artifacts WHERE rebuild_id = ${id}) AS documents`.execute(
    tx,
  )
  const [finished] = rows
  if (!finished) throw new AppError('INTERNAL', 'the rebuild has no row, or another process has finished it')
  const named = sql`SELECT i.request_id FROM erasure_items i JOIN artifacts a ON a.document_id = i.document_id WHERE a.rebuild_id = ${id}`
  await sql`SELECT count(*) FROM (SELECT id FROM erasure_requests WHERE id IN (${named}) ORDER BY id FOR UPDATE) held`.execute(tx)
  const { numAffectedRows = 0n } =
    await sql`UPDATE erasure_requests SET certificate_due_at = now() WHERE state = 'done' AND id IN (${named})`.execute(tx)
  return { ...finished, certificates: Number(numAffectedRows) }
}

/** By document that is known, the first revision that the search store should still hold: none of one that is erased (infinity). */
export async function readWantedFrom(tx: Tx, documentIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx
    .selectFrom('documents')
    .select(['id', 'live_revision', 'erased_at'])
    .where(sql<boolean>`id = ANY(${[...documentIds]}::uuid[])`)
    .execute()
  return new Map(rows.map((row) => [row.id, row.erased_at ? Number.POSITIVE_INFINITY : (row.live_revision ?? 0)]))
}

/** Since when the bytes in each store are gone: of documents all of which a finished rebuild of it left behind. */
export async function readRebuilt(tx: Tx, documentIds: readonly string[]): Promise<Map<string, Date>> {
  const { rows } = await sql<{ store: string; gone_at: Date }>`
    SELECT a.store, max(r.finished_at) AS gone_at FROM artifacts a LEFT JOIN store_rebuilds r ON r.id = a.rebuild_id
    WHERE a.document_id = ANY(${[...documentIds]}::uuid[]) GROUP BY a.store HAVING bool_and(r.finished_at IS NOT NULL)`.execute(tx)
  return new Map(rows.map((row) => [row.store, row.gone_at]))
}
