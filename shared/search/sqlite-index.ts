import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import * as sqliteVec from 'sqlite-vec'
import { AppError } from '../contracts/errors.ts'
import { candidates, fuse } from './fuse.ts'
import type { Point, RevisionScope, SearchQuery, SearchStoreHit, TokenCounts } from './port.ts'

/** Other processes may hold the write lock for one `replace` or one checkpoint. */
const BUSY_TIMEOUT_MS = 5_000
/** The most that sqlite-vec indexes, and the most neighbours that it returns. */
const DIMENSION_MAX = 8_192
const NEIGHBOURS_MAX = 4_096
/** Rare words decide; a question of 2,000 characters has fewer. */
const QUERY_TOKENS_MAX = 512
/** BM25 has saturated long before (k1 = 1.2). */
const TOKEN_REPEATS_MAX = 64
/** sqlite-vec reserves space for this many vectors per tenant at a time and frees it when all of them are gone; its default of 1,024 is 4 MB at 1,024 dimensions. */
const VECTORS_PER_BLOCK = 64

/** The search store as synchronous calls on one connection. sqlite-worker.ts runs it. */
export interface SqliteIndex {
  replace(scope: RevisionScope, points: readonly Point[]): void
  count(scope: RevisionScope): number
  query(query: SearchQuery): SearchStoreHit[]
  remove(document: { tenant_id: string; document_id: string; beforeRevision?: number | undefined }): void
  countDocument(document: { tenant_id: string; document_id: string }): number
  ping(): void
  close(): void
}

/**
 * `points` says what there is; `tokens` (FTS5) and one `vectors_<dimension>` table (sqlite-vec) hold what it is found by, under the
 * same rowid. Every change of the three is one transaction.
 */
export function openSqliteIndex(path: string): SqliteIndex {
  const db = new DatabaseSync(path, { allowExtension: true, timeout: BUSY_TIMEOUT_MS })
  sqliteVec.load(db)
  db.exec(PRAGMAS)
  transaction(db, () => db.exec(SCHEMA))

  return {
    replace: (scope, points) => transaction(db, () => replace(db, scope, points)),
    count: ({ tenant_id, document_id, revision }) =>
      number(
        db,
        'SELECT count(*) AS n FROM points WHERE tenant_id = ? AND document_id = ? AND revision = ?',
        tenant_id,
        document_id,
        revision,
      ),
    countDocument: ({ tenant_id, document_id }) =>
      number(db, 'SELECT count(*) AS n FROM points WHERE tenant_id = ? AND document_id = ?', tenant_id, document_id),
    query: (query) => transaction(db, () => search(db, query), 'DEFERRED'),
    remove: (document) => remove(db, document),
    ping: () => void number(db, 'SELECT count(*) AS n FROM (SELECT 1 FROM points LIMIT 1)'),
    close: () => db.close(),
  }
}

/** Overwrites what is deleted, except in FTS5, which has an option of its own (see SCHEMA). */
const PRAGMAS = 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;'

/**
 * FTS5 keeps the words of a deleted row until some later merge, unless `secure-delete` is set; and that needs the words again, which is why `points`
 * holds them: a contentless table only marks the row as deleted (M: the hashes were still in the file). https://www.sqlite.org/fts5.html
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS points (
    rowid INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL,
    document_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    dimension INTEGER,
    hashes TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS points_by_document ON points (tenant_id, document_id, revision);
  CREATE VIRTUAL TABLE IF NOT EXISTS tokens USING fts5(hashes, content = 'points', content_rowid = 'rowid', tokenize = 'ascii');
  INSERT INTO tokens (tokens, rank) VALUES ('secure-delete', 1);`

function replace(db: DatabaseSync, scope: RevisionScope, points: readonly Point[]): void {
  deleteWhere(db, 'tenant_id = ? AND document_id = ? AND revision = ?', scope.tenant_id, scope.document_id, scope.revision)
  const insertPoint = db.prepare('INSERT INTO points (id, tenant_id, document_id, revision, dimension, hashes) VALUES (?, ?, ?, ?, ?, ?)')
  const insertTokens = db.prepare('INSERT INTO tokens (rowid, hashes) VALUES (?, ?)')
  const insertVector = new Map<number, ReturnType<DatabaseSync['prepare']>>()
  for (const { id, vector, tokens } of points) {
    const hashes = words(tokens)
    const inserted = insertPoint.run(id, scope.tenant_id, scope.document_id, scope.revision, vector?.length ?? null, hashes)
    const rowid = BigInt(inserted.lastInsertRowid)
    insertTokens.run(rowid, hashes)
    if (vector === null) continue
    const insert = insertVector.get(vector.length) ?? prepareInsert(db, vector.length)
    insertVector.set(vector.length, insert)
    insert.run(rowid, scope.tenant_id, bytes(vector))
  }
}

function prepareInsert(db: DatabaseSync, dimension: number): ReturnType<DatabaseSync['prepare']> {
  if (dimension < 1 || dimension > DIMENSION_MAX)
    throw new AppError('INTERNAL', `a vector has 1 to ${DIMENSION_MAX} dimensions, not ${dimension}`)
  db.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS vectors_${dimension} USING vec0(
    tenant_id text partition key, embedding float[${dimension}] distance_metric=cosine, chunk_size=${VECTORS_PER_BLOCK})`)
  return db.prepare(`INSERT INTO vectors_${dimension} (rowid, tenant_id, embedding) VALUES (?, ?, ?)`)
}

/**
 * An erased document must also leave the write-ahead log, which still holds the pages as they were: the checkpoint copies the log into the file and
 * empties it. It waits for readers; when one stays too long, the removal is reported as not done, and can be repeated.
 */
function remove(db: DatabaseSync, document: { tenant_id: string; document_id: string; beforeRevision?: number | undefined }): void {
  const { tenant_id, document_id, beforeRevision } = document
  if (beforeRevision !== undefined) {
    transaction(db, () => deleteWhere(db, 'tenant_id = ? AND document_id = ? AND revision < ?', tenant_id, document_id, beforeRevision))
    return
  }
  transaction(db, () => deleteWhere(db, 'tenant_id = ? AND document_id = ?', tenant_id, document_id))
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  if (checkpoint?.busy !== 0) throw new AppError('UNAVAILABLE', 'the write-ahead log of the search store is in use')
}

function deleteWhere(db: DatabaseSync, condition: string, ...values: SQLInputValue[]): void {
  const rows = db.prepare(`SELECT rowid, dimension, hashes FROM points WHERE ${condition}`).all(...values)
  const deleteTokens = db.prepare("INSERT INTO tokens (tokens, rowid, hashes) VALUES ('delete', ?, ?)")
  for (const { rowid, dimension, hashes } of rows) {
    deleteTokens.run(Number(rowid), String(hashes))
    if (dimension !== null) db.prepare(`DELETE FROM vectors_${Number(dimension)} WHERE rowid = ?`).run(BigInt(Number(rowid)))
  }
  db.prepare(`DELETE FROM points WHERE ${condition}`).run(...values)
}

function search(db: DatabaseSync, query: SearchQuery): SearchStoreHit[] {
  const rankings = [nearest(db, query), matching(db, query)]
  const found = new Map(rankings.flat().map((row) => [row.id, row]))
  const hits: SearchStoreHit[] = []
  for (const { id, score } of fuse(rankings.map((rows) => rows.map((row) => row.id))).slice(0, query.limit)) {
    const row = found.get(id)
    if (row) hits.push({ ...row, score })
  }
  return hits
}

/** The exact nearest neighbours by cosine: the tenant is the partition, and a document filter is applied before the neighbours are counted. */
function nearest(db: DatabaseSync, query: SearchQuery): PointRow[] {
  const { vector, tenant_id, document_ids } = query
  if (vector === null || !vectorTableExists(db, vector.length)) return []
  const filter = document_ids ? `AND rowid IN (SELECT rowid FROM points WHERE tenant_id = ? AND ${OF_DOCUMENTS})` : ''
  const filterValues = document_ids ? [tenant_id, JSON.stringify(document_ids)] : []
  return rows(
    db,
    `WITH hits AS MATERIALIZED (
       SELECT rowid, distance FROM vectors_${vector.length} WHERE embedding MATCH ? AND k = ? AND tenant_id = ? ${filter})
     SELECT p.id, p.document_id, p.revision FROM hits JOIN points p ON p.rowid = hits.rowid ORDER BY hits.distance, p.id`,
    bytes(vector),
    Math.min(candidates(query.limit), NEIGHBOURS_MAX),
    tenant_id,
    ...filterValues,
  )
}

/**
 * BM25 over the token hashes. They are keyed per tenant, so a hash occurs in one tenant's points only and its frequency is the tenant's own;
 * the number of points and their mean length are those of the whole file (M: XQuAD among 400 times as many points loses less than .006 nDCG@10).
 */
function matching(db: DatabaseSync, query: SearchQuery): PointRow[] {
  const { tokens, tenant_id, document_ids } = query
  if (tokens.size === 0) return []
  const any = [...tokens.keys()].slice(0, QUERY_TOKENS_MAX).map((hash) => `"${word(hash)}"`)
  return rows(
    db,
    `SELECT p.id, p.document_id, p.revision FROM tokens CROSS JOIN points p ON p.rowid = tokens.rowid
     WHERE tokens MATCH ? AND p.tenant_id = ? ${document_ids ? `AND ${OF_DOCUMENTS}` : ''} ORDER BY bm25(tokens), p.id LIMIT ?`,
    any.join(' OR '),
    tenant_id,
    ...(document_ids ? [JSON.stringify(document_ids)] : []),
    candidates(query.limit),
  )
}

const OF_DOCUMENTS = 'document_id IN (SELECT value FROM json_each(?))'

type PointRow = Omit<SearchStoreHit, 'score'>

function rows(db: DatabaseSync, sql: string, ...values: SQLInputValue[]): PointRow[] {
  return db
    .prepare(sql)
    .all(...values)
    .map((row) => ({ id: String(row.id), document_id: String(row.document_id), revision: Number(row.revision) }))
}

function number(db: DatabaseSync, sql: string, ...values: SQLInputValue[]): number {
  return Number(db.prepare(sql).get(...values)?.n)
}

function vectorTableExists(db: DatabaseSync, dimension: number): boolean {
  return number(db, 'SELECT count(*) AS n FROM sqlite_schema WHERE name = ?', `vectors_${dimension}`) > 0
}

/** A hash as a word that FTS5 takes as it is. */
function word(hash: number): string {
  return hash.toString(36)
}

function words(tokens: TokenCounts): string {
  const repeated: string[] = []
  for (const [hash, count] of tokens) {
    for (let times = Math.min(count, TOKEN_REPEATS_MAX); times > 0; times--) repeated.push(word(hash))
  }
  return repeated.join(' ')
}

function bytes(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
}

/** IMMEDIATE takes the write lock at once, where waiting for it is possible; a reader that turns writer later is refused instead. */
function transaction<T>(db: DatabaseSync, work: () => T, mode: 'IMMEDIATE' | 'DEFERRED' = 'IMMEDIATE'): T {
  db.exec(`BEGIN ${mode}`)
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
