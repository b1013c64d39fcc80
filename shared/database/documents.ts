import { type Selectable, sql } from 'kysely'
import type { UploadAccepted, UploadOptions } from '../contracts/document.ts'
import { AppError } from '../contracts/errors.ts'
import type { Tx } from './connection.ts'
import type { Tables } from './schema.ts'
import { scheduleStage, startRevision } from './stages.ts'

/** A further try is for an upload whose duplicate was erased at that very moment. */
const ACCEPT_TRIES_MAX = 3

export type DocumentRow = Selectable<Tables['documents']>

export interface NewDocument {
  id: string
  tenant_id: string
  media_type: DocumentRow['media_type']
  bytes: number
  options: UploadOptions
  /** The same for the same content, purpose, sensitivity and classes of one tenant. */
  dedupeHmac: Buffer
  contentCommit: Buffer
  /** By `sealAnnex`. A further revision keeps the annex that its document has. */
  sealedAnnex: Buffer
}

/**
 * Takes an uploaded document in: a new row, or what `on_duplicate` wants when the tenant has the same one. Fifty at once end as one document,
 * because the unique index lets one insert through and makes the others wait for its commit.
 */
export async function acceptDocument(tx: Tx, upload: NewDocument, triesLeft = ACCEPT_TRIES_MAX): Promise<UploadAccepted> {
  const { options } = upload
  const copy = options.on_duplicate === 'new'
  const inserted = await tx
    .insertInto('documents')
    .values({
      id: upload.id,
      tenant_id: upload.tenant_id,
      status: 'received',
      error_code: null,
      revision: 1,
      live_revision: null,
      media_type: upload.media_type,
      bytes: upload.bytes,
      sensitivity: options.sensitivity,
      data_classes: [...options.data_classes],
      purpose: options.purpose,
      content_commit: upload.contentCommit,
      dedupe_hmac: copy ? null : upload.dedupeHmac,
      sealed_annex: upload.sealedAnnex,
      type: null,
      language: null,
      schema_name: options.schema ?? null,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'dedupe_hmac']).where('dedupe_hmac', 'is not', null).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted) {
    await startRevision(tx, { tenant_id: upload.tenant_id, document_id: upload.id, revision: 1 }, 'upload')
    return { document_id: upload.id, revision: 1, status: 'received', outcome: copy ? 'new' : 'created' }
  }
  const existing = await tx
    .selectFrom('documents')
    .select(['id', 'status', 'revision'])
    .where('dedupe_hmac', '=', upload.dedupeHmac)
    .forUpdate()
    .executeTakeFirst()
  // Erased between the two statements: the upload was in time to be a duplicate, and is now one of nothing.
  if (!existing && triesLeft > 1) return acceptDocument(tx, upload, triesLeft - 1)
  if (!existing) throw new AppError('UNAVAILABLE', 'the same document was erased at this moment; send it again', { retryAfterSeconds: 1 })
  if (options.on_duplicate === 'return')
    return { document_id: existing.id, revision: existing.revision, status: existing.status, outcome: 'returned' }
  const revision = await addRevision(tx, upload.tenant_id, existing.id, 'version')
  await tx
    .updateTable('documents')
    .set({ schema_name: options.schema ?? null })
    .where('id', '=', existing.id)
    .execute()
  return { document_id: existing.id, revision, status: 'received', outcome: 'version' }
}

/** A further revision of the same bytes: an unfinished earlier one is superseded and its workers are fenced off. Throws DOCUMENT_NOT_FOUND, DOCUMENT_ERASED. */
export async function addRevision(tx: Tx, tenantId: string, documentId: string, cause: 'version' | 'reprocess'): Promise<number> {
  const document = await findDocument(tx, documentId, 'update')
  const revision = document.revision + 1
  await tx
    .updateTable('documents')
    .set({ revision, status: 'received', error_code: null, completed_at: null })
    .where('id', '=', documentId)
    .execute()
  await startRevision(tx, { tenant_id: tenantId, document_id: documentId, revision }, cause)
  return revision
}

/**
 * Reads a document's row, locked on demand. Another tenant's document looks like a missing one.
 * Throws DOCUMENT_NOT_FOUND, DOCUMENT_ERASED, DOCUMENT_RESTRICTED: what may only be stored is read by nobody (Art. 18(2)).
 */
export async function findDocument(tx: Tx, documentId: string, lock: 'none' | 'update' = 'none'): Promise<DocumentRow> {
  const row = await findStored(tx, documentId, lock)
  if (row.restricted_at)
    throw new AppError('DOCUMENT_RESTRICTED', undefined, {
      extra: { document_id: documentId, restricted_at: row.restricted_at.toISOString() },
    })
  return row
}

/** As `findDocument`, restricted or not: for what concerns the restriction itself. Throws DOCUMENT_NOT_FOUND, DOCUMENT_ERASED. */
export async function findStored(tx: Tx, documentId: string, lock: 'none' | 'update' = 'none'): Promise<DocumentRow> {
  const row = await readRow(tx, documentId, lock)
  if (row.erased_at)
    throw new AppError('DOCUMENT_ERASED', undefined, {
      extra: { document_id: documentId, document_status: 'erased', erased_at: row.erased_at.toISOString() },
    })
  return row
}

/** The row whatever became of the document. Throws DOCUMENT_NOT_FOUND. */
export async function readRow(tx: Tx, documentId: string, lock: 'none' | 'update' = 'none'): Promise<DocumentRow> {
  let query = tx.selectFrom('documents').selectAll().where('id', '=', documentId)
  if (lock === 'update') query = query.forUpdate()
  const row = await query.executeTakeFirst()
  if (!row) throw new AppError('DOCUMENT_NOT_FOUND')
  return row
}

/** Newest first; `before` is the last id of the page before (identifiers sort by time). */
export async function listDocuments(tx: Tx, limit: number, before: string | null, status?: DocumentRow['status']): Promise<DocumentRow[]> {
  let query = tx.selectFrom('documents').selectAll().where('erased_at', 'is', null).where('restricted_at', 'is', null)
  if (status !== undefined) query = query.where('status', '=', status)
  if (before !== null) query = query.where('id', '<', before)
  return query.orderBy('id', 'desc').limit(limit).execute()
}

export async function listStages(tx: Tx, documentId: string, revision: number): Promise<Selectable<Tables['stages']>[]> {
  return tx.selectFrom('stages').selectAll().where('document_id', '=', documentId).where('revision', '=', revision).execute()
}

/**
 * The tombstone: from this commit on no read finds the document and no stage can write for it. The names go at once, the rest with the erase job.
 * Erasing twice is one erasure. Throws DOCUMENT_NOT_FOUND.
 */
export async function buryDocument(tx: Tx, tenantId: string, documentId: string): Promise<void> {
  const row = await tx.selectFrom('documents').select(['revision', 'erased_at']).where('id', '=', documentId).forUpdate().executeTakeFirst()
  if (!row) throw new AppError('DOCUMENT_NOT_FOUND')
  if (row.erased_at) return
  await tx
    .updateTable('documents')
    .set({
      status: 'erased',
      erased_at: sql<Date>`now()`,
      dedupe_hmac: null,
      content_commit: null,
      sealed_annex: null,
      error_code: null,
      type: null,
      language: null,
      schema_name: null,
      restricted_at: null,
      restriction_ground: null,
      restricted_by: null,
      held_until: null,
    })
    .where('id', '=', documentId)
    .execute()
  await tx.deleteFrom('holds').where('document_id', '=', documentId).execute()
  await tx
    .updateTable('revisions')
    .set({ schema_name: null, schema_version: null, schema_hash: null })
    .where('document_id', '=', documentId)
    .where('schema_name', 'is not', null)
    .execute()
  await tx.deleteFrom('idempotency').where('document_id', '=', documentId).execute()
  await scheduleStage(tx, { tenant_id: tenantId, document_id: documentId, revision: row.revision, stage: 'erase' }, { wakeAll: true })
}
