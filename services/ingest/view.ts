import type { DocumentKeys } from '../../shared/blobs/vault.ts'
import { type Producer, Producers } from '../../shared/contracts/ai-mark.ts'
import type { DocumentView, ExtractionView, Refusal, StageView } from '../../shared/contracts/document.ts'
import { DocumentType, type Field } from '../../shared/contracts/extraction.ts'
import { STAGES } from '../../shared/contracts/jobs.ts'
import { openAnnex } from '../../shared/database/annex.ts'
import type { Tx } from '../../shared/database/connection.ts'
import { type DocumentRow, listStages } from '../../shared/database/documents.ts'
import { readRefusedCalls } from '../../shared/database/events.ts'
import { readReviewedFields, shownFields } from '../../shared/database/field-reviews.ts'
import { schemaOfRevision, shownRevision } from '../../shared/database/revision-schema.ts'
import { markDocument } from '../../shared/inference/ai-mark.ts'
import { assemble } from '../../shared/inference/extraction/assemble.ts'
import { explainRefusal, type RulesInForce } from '../../shared/policy/refusal.ts'

/** A document as lists show it: nothing that was sealed. */
export function documentHead(row: DocumentRow) {
  return {
    document_id: row.id,
    status: row.status,
    error_code: row.error_code,
    revision: row.revision,
    media_type: row.media_type,
    bytes: Number(row.bytes),
    sensitivity: row.sensitivity,
    data_classes: row.data_classes,
    purpose: row.purpose,
    type: row.type,
    language: row.language,
    created_at: row.created_at.toISOString(),
    completed_at: row.completed_at?.toISOString() ?? null,
  }
}

/** Status and stages of the current revision, fields and pages as far as they exist; while a new revision is on its way, the fields of the live one. */
export async function readDocumentView(tx: Tx, row: DocumentRow, keys: DocumentKeys, rules: RulesInForce): Promise<DocumentView> {
  const place = { tenant_id: row.tenant_id, document_id: row.id }
  const current = await readPagesHead(tx, row.id, row.revision)
  const stages = await readStages(tx, row.id, row.revision)
  const shown = await shownRevision(tx, row)
  const fields = shownFields(await readReviewedFields(tx, { ...place, revision: shown }, keys))
  const { file_name, metadata } = openAnnex(keys, row)
  const { pages_read, producers } = await readReading(tx, row.id, shown)
  return {
    ...documentHead(row),
    file_name,
    metadata,
    stages,
    pages: shown === row.revision ? current : await readPagesHead(tx, row.id, shown),
    schema_name: row.schema_name,
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, field]) => {
        const produced_by = field.status === 'corrected' ? null : (producers?.extracted_by ?? null)
        return [name, { ...field, produced_by }]
      }),
    ),
    ai: markDocument(producers, pages_read !== null, row.language),
    extraction: await readExtraction(tx, { row, revision: shown, pages_read }, fields),
    refusal: row.status === 'refused' ? await readRefusal(tx, row, stages, rules) : null,
  }
}

/** Whom a header of the whole response can name: one who generated something in it, or null. */
export function generatorOf({ fields, ai }: Pick<DocumentView, 'fields' | 'ai'>): Producer | null {
  const producers = [...Object.values(fields).map(({ produced_by }) => produced_by), ai.classified_by]
  return producers.find((producer) => producer?.mark) ?? null
}

async function readRefusal(tx: Tx, row: DocumentRow, stages: readonly StageView[], rules: RulesInForce): Promise<Refusal | null> {
  const refused = STAGES.find((stage) => stages.some((view) => view.stage === stage && view.status === 'failed'))
  return refused ? explainRefusal(await readRefusedCalls(tx, row.id, row.revision, refused), rules, refused) : null
}

/** Fields are written by a stage in one transaction with the pages that they were read from: with neither there is nothing to show. */
async function readExtraction(
  tx: Tx,
  { row, revision, pages_read }: { row: DocumentRow; revision: number; pages_read: number | null },
  fields: Readonly<Record<string, Field>>,
): Promise<ExtractionView | null> {
  const { data: type } = DocumentType.safeParse(row.type)
  if (pages_read === null || !type) return null
  const schema = await schemaOfRevision(tx, row.id, revision, type)
  return { schema: { name: schema.name, version: schema.version }, ...assemble(fields, schema), pages_read }
}

/** From how many pages the fields of a revision were read, and by what. */
async function readReading(tx: Tx, documentId: string, revision: number) {
  const { pages_read, produced_by } = await tx
    .selectFrom('revisions')
    .select(['pages_read', 'produced_by'])
    .where('document_id', '=', documentId)
    .where('revision', '=', revision)
    .executeTakeFirstOrThrow()
  return { pages_read, producers: Producers.nullable().parse(produced_by) }
}

/** Stages that have begun or are due, in the order of the pipeline. */
export async function readStages(tx: Tx, documentId: string, revision: number): Promise<StageView[]> {
  const rows = await listStages(tx, documentId, revision)
  return rows
    .sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage))
    .map((row) => ({
      stage: row.stage,
      status: row.status,
      starts: row.starts,
      started_at: row.started_at?.toISOString() ?? null,
      finished_at: row.finished_at?.toISOString() ?? null,
      error_code: row.error_code,
    }))
}

async function readPagesHead(tx: Tx, documentId: string, revision: number) {
  return tx
    .selectFrom('pages')
    .select(['number', 'method', 'characters', 'reason'])
    .where('document_id', '=', documentId)
    .where('revision', '=', revision)
    .orderBy('number')
    .execute()
}
