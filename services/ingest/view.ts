import type { DocumentKeys } from '../../shared/blobs/vault.ts'
import type { DocumentView, ExtractionView, Refusal, StageView } from '../../shared/contracts/document.ts'
import { DocumentType } from '../../shared/contracts/extraction.ts'
import { STAGES } from '../../shared/contracts/jobs.ts'
import type { Tx } from '../../shared/database/connection.ts'
import { type DocumentRow, listStages, openAnnex } from '../../shared/database/documents.ts'
import { readRefusedCalls } from '../../shared/database/events.ts'
import { readReviewedFields, shownFields } from '../../shared/database/field-reviews.ts'
import { schemaOfRevision, shownRevision } from '../../shared/database/revision-schema.ts'
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
  return {
    ...documentHead(row),
    file_name,
    metadata,
    stages,
    pages: shown === row.revision ? current : await readPagesHead(tx, row.id, shown),
    schema_name: row.schema_name,
    fields,
    extraction: await readExtraction(tx, row, shown, fields),
    refusal: row.status === 'refused' ? await readRefusal(tx, row, stages, rules) : null,
  }
}

async function readRefusal(tx: Tx, row: DocumentRow, stages: readonly StageView[], rules: RulesInForce): Promise<Refusal | null> {
  const refused = STAGES.find((stage) => stages.some((view) => view.stage === stage && view.status === 'failed'))
  return refused ? explainRefusal(await readRefusedCalls(tx, row.id, row.revision, refused), rules, refused) : null
}

/** Fields are written by a stage in one transaction with the pages that they were read from: with neither there is nothing to show. */
async function readExtraction(tx: Tx, row: DocumentRow, revision: number, fields: DocumentView['fields']): Promise<ExtractionView | null> {
  const { pages_read } = await tx
    .selectFrom('revisions')
    .select('pages_read')
    .where('document_id', '=', row.id)
    .where('revision', '=', revision)
    .executeTakeFirstOrThrow()
  const { data: type } = DocumentType.safeParse(row.type)
  if (pages_read === null || !type) return null
  const schema = await schemaOfRevision(tx, row.id, revision, type)
  return { schema: { name: schema.name, version: schema.version }, ...assemble(fields, schema), pages_read }
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
