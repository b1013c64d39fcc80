import type { DocumentType } from '../contracts/extraction.ts'
import { compileSchema, type ExtractionSchema } from '../inference/extraction/schema.ts'
import { schemaFor } from '../inference/extraction/shipped.ts'
import type { Tx } from './connection.ts'
import type { DocumentRow } from './documents.ts'
import { findSchema, recordedSchema } from './extraction-schemas.ts'

/** By which schema the fields of a revision were read: the organisation's own one that it names, else the one that ships for the type. */
export async function schemaOfRevision(tx: Tx, documentId: string, revision: number, type: DocumentType): Promise<ExtractionSchema> {
  const own = await recordedSchema(tx, { document_id: documentId, revision })
  const stored = own && (await findSchema(tx, { ...own, document_type: type }))
  return stored ? compileSchema(stored) : schemaFor(type)
}

/** Whose pages and fields are shown: the newest revision's as soon as it has pages, the live one's until then. */
export async function shownRevision(tx: Tx, row: Pick<DocumentRow, 'id' | 'revision' | 'live_revision'>): Promise<number> {
  if (row.live_revision === null || row.live_revision === row.revision) return row.revision
  const page = await tx
    .selectFrom('pages')
    .select('number')
    .where('document_id', '=', row.id)
    .where('revision', '=', row.revision)
    .limit(1)
    .executeTakeFirst()
  return page ? row.revision : row.live_revision
}
