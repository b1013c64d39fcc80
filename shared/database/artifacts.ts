import { sql } from 'kysely'
import { AppError } from '../contracts/errors.ts'
import type { Tx } from './connection.ts'

export interface Artifact {
  tenant_id: string
  document_id: string
  /** What it is: `original` (the encrypted object, which also holds the document's key) or `points`. */
  kind: 'original' | 'points'
  store: string
  locator: string
}

/** Says that something will be written outside PostgreSQL, before it is: what a crash leaves behind is always on this list. Idempotent. */
export async function registerArtifact(tx: Tx, artifact: Artifact): Promise<void> {
  await registerArtifacts(tx, [artifact])
}

/** One statement, whatever their number; no artifact twice. */
export async function registerArtifacts(tx: Tx, artifacts: readonly Artifact[]): Promise<void> {
  const column = (name: keyof Artifact) => artifacts.map((artifact) => artifact[name])
  await sql`
    INSERT INTO artifacts (tenant_id, document_id, kind, store, locator)
    SELECT * FROM unnest(${column('tenant_id')}::uuid[], ${column('document_id')}::uuid[], ${column('kind')}::text[], ${column('store')}::text[],
      ${column('locator')}::text[])
    ON CONFLICT (document_id, store, locator) DO UPDATE SET erased_at = NULL, rebuild_id = NULL`.execute(tx)
}

/** What exists of a document outside PostgreSQL, erased entries included: an erasure looks at every place again. */
export async function listArtifacts(tx: Tx, documentId: string): Promise<Artifact[]> {
  const rows = await tx
    .selectFrom('artifacts')
    .select(['tenant_id', 'document_id', 'kind', 'store', 'locator'])
    .where('document_id', '=', documentId)
    .execute()
  return rows as Artifact[]
}

export async function markErased(tx: Tx, documentId: string): Promise<void> {
  await tx.updateTable('artifacts').set({ erased_at: sql<Date>`now()`, rebuild_id: null }).where('document_id', '=', documentId).execute()
}

/**
 * Holds the entry of an upload's original until the transaction ends. Throws UPLOAD_ABORTED where it is gone: the upload took so long that it was swept as
 * one that never became a document, and its bytes with it.
 */
export async function keepOriginal(tx: Tx, documentId: string): Promise<void> {
  const entry = await originalOf(tx, documentId).forKeyShare().executeTakeFirst()
  if (!entry) throw new AppError('UPLOAD_ABORTED', 'it took too long; send it again')
}

/** Holds the entry of an orphan until the transaction ends. False where it is none any more: its upload was late, and has become a document. */
export async function takeOrphan(tx: Tx, documentId: string): Promise<boolean> {
  const entry = await originalOf(tx, documentId).forUpdate().executeTakeFirst()
  // A statement of its own: what the lock waited for is visible to it.
  const document = await tx.selectFrom('documents').select('id').where('id', '=', documentId).executeTakeFirst()
  return entry !== undefined && document === undefined
}

function originalOf(tx: Tx, documentId: string) {
  return tx.selectFrom('artifacts').select('document_id').where('document_id', '=', documentId).where('kind', '=', 'original')
}

export async function forgetArtifact(tx: Tx, documentId: string): Promise<void> {
  await tx.deleteFrom('artifacts').where('document_id', '=', documentId).execute()
}

/** Originals whose upload never became a document: registered long ago, and no such document. */
export async function listOrphans(tx: Tx, olderThanMs: number, limit: number): Promise<Pick<Artifact, 'tenant_id' | 'document_id'>[]> {
  return tx
    .selectFrom('artifacts')
    .select(['artifacts.tenant_id', 'artifacts.document_id'])
    .leftJoin('documents', 'documents.id', 'artifacts.document_id')
    .where('artifacts.kind', '=', 'original')
    .where('artifacts.erased_at', 'is', null)
    .where('documents.id', 'is', null)
    .where('artifacts.registered_at', '<', sql<Date>`now() - ${olderThanMs} * interval '1 millisecond'`)
    .limit(limit)
    .execute()
}
