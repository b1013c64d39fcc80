import { z } from 'zod'
import { seal, unseal } from '../blobs/keys.ts'
import type { DocumentKeys } from '../blobs/vault.ts'
import { Evidence, FieldCheck, FieldPath, Page, type ReadField } from '../contracts/extraction.ts'
import type { Chunk } from '../contracts/retrieval.ts'
import type { Tx } from './connection.ts'
import { deleteSubjects } from './subjects.ts'

/** Rows of one insert: PostgreSQL takes 65,535 parameters a statement. */
const INSERT_ROWS_MAX = 1_000
const SealedField = z.strictObject({
  value: z.string(),
  evidence: z.array(Evidence),
  checks: z.array(FieldCheck).default([]),
})

export interface RevisionKey {
  tenant_id: string
  document_id: string
  revision: number
}

/** Replaces the pages of a revision; texts are sealed under the document's key. */
export async function replacePages(tx: Tx, key: RevisionKey, keys: DocumentKeys, pages: readonly Page[]): Promise<void> {
  await tx.deleteFrom('pages').where('document_id', '=', key.document_id).where('revision', '=', key.revision).execute()
  const rows = pages.map((page) => ({
    ...key,
    number: page.number,
    method: page.method,
    characters: page.text.length,
    reason: page.reason,
    sealed_text: seal(keys.column, page.text, context(key, 'page', page.number)),
  }))
  for (const part of inParts(rows)) await tx.insertInto('pages').values(part).execute()
}

export async function readPages(tx: Tx, key: RevisionKey, keys: DocumentKeys, numbers?: readonly number[]): Promise<Page[]> {
  let query = tx.selectFrom('pages').selectAll().where('document_id', '=', key.document_id).where('revision', '=', key.revision)
  if (numbers) query = query.where('number', 'in', [...numbers])
  const rows = await query.orderBy('number').execute()
  return rows.map((row) =>
    Page.parse({
      number: row.number,
      method: row.method,
      text: unseal(keys.column, row.sealed_text, context(key, 'page', row.number)).toString('utf8'),
      reason: row.reason,
    }),
  )
}

/** UTF-16 code units of a revision's pages together. */
export async function countCharacters(tx: Tx, key: RevisionKey): Promise<number> {
  const row = await tx
    .selectFrom('pages')
    .select((page) => page.fn.sum<string | null>('characters').as('characters'))
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .executeTakeFirst()
  return Number(row?.characters ?? 0)
}

/** Replaces the fields of a revision; values and quotes are sealed, the names and states are not. */
export async function replaceFields(
  tx: Tx,
  key: RevisionKey,
  keys: DocumentKeys,
  fields: Readonly<Record<string, ReadField>>,
): Promise<void> {
  await tx.deleteFrom('fields').where('document_id', '=', key.document_id).where('revision', '=', key.revision).execute()
  const rows = Object.entries(fields).map(([name, field]) => ({
    ...key,
    // Stored in the clear: whatever went wrong before, no content stands in it.
    name: FieldPath.parse(name),
    status: field.status,
    sealed_content: seal(
      keys.column,
      JSON.stringify({ value: field.value, evidence: field.evidence, checks: field.checks }),
      context(key, 'field', name),
    ),
  }))
  for (const part of inParts(rows)) await tx.insertInto('fields').values(part).execute()
}

/** As they were read; `readReviewedFields` has what people made of them. */
export async function readFields(tx: Tx, key: RevisionKey, keys: DocumentKeys): Promise<Record<string, ReadField>> {
  const rows = await tx
    .selectFrom('fields')
    .selectAll()
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .orderBy('name')
    .execute()
  return Object.fromEntries(
    rows.map((row) => {
      const content = SealedField.parse(
        JSON.parse(unseal(keys.column, row.sealed_content, context(key, 'field', row.name)).toString('utf8')),
      )
      return [row.name, { ...content, status: row.status }]
    }),
  )
}

export async function replaceChunks(tx: Tx, key: RevisionKey, chunks: readonly Chunk[]): Promise<void> {
  await tx.deleteFrom('chunks').where('document_id', '=', key.document_id).where('revision', '=', key.revision).execute()
  for (const part of inParts(chunks.map((chunk) => ({ ...key, ...chunk })))) await tx.insertInto('chunks').values(part).execute()
}

/** Removes pages, fields, chunks, reviews and named subjects of every revision, or only of those before `beforeRevision`, and then no review. */
export async function deleteContent(tx: Tx, documentId: string, beforeRevision?: number): Promise<void> {
  for (const table of ['pages', 'fields', 'chunks'] as const) {
    let query = tx.deleteFrom(table).where('document_id', '=', documentId)
    if (beforeRevision !== undefined) query = query.where('revision', '<', beforeRevision)
    await query.execute()
  }
  // What people said of the document holds over its revisions, and ends with it.
  if (beforeRevision === undefined) await tx.deleteFrom('field_reviews').where('document_id', '=', documentId).execute()
  await deleteSubjects(tx, documentId, beforeRevision)
}

/** Rows of content that a document has, and one more where its annex is still there: the probe after an erasure. */
export async function countContent(tx: Tx, documentId: string): Promise<number> {
  const annex = await tx
    .selectFrom('documents')
    .select('id')
    .where('id', '=', documentId)
    .where('sealed_annex', 'is not', null)
    .executeTakeFirst()
  let rows = annex ? 1 : 0
  for (const table of ['pages', 'fields', 'field_reviews', 'chunks', 'document_subjects'] as const) {
    const counted = await tx
      .selectFrom(table)
      .select((row) => row.fn.countAll<string>().as('rows'))
      .where('document_id', '=', documentId)
      .executeTakeFirstOrThrow()
    rows += Number(counted.rows)
  }
  return rows
}

/** Binds a sealed value to its place: a row moved to another document, revision or column no longer opens. */
function context(key: RevisionKey, column: string, part: number | string): string {
  return `${key.tenant_id}/${key.document_id}/${key.revision}/${column}/${part}`
}

function* inParts<Row>(rows: readonly Row[]): Generator<Row[]> {
  for (let start = 0; start < rows.length; start += INSERT_ROWS_MAX) yield rows.slice(start, start + INSERT_ROWS_MAX)
}
