import type { Producers } from '../../../shared/contracts/ai-mark.ts'
import type { Classification } from '../../../shared/contracts/classification.ts'
import type { DocumentType, Page } from '../../../shared/contracts/extraction.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import { countCharacters, type RevisionKey, readPages, replaceFields } from '../../../shared/database/content.ts'
import type { DocumentRow } from '../../../shared/database/documents.ts'
import { reviewFields } from '../../../shared/database/field-reviews.ts'
import { assertCurrent } from '../../../shared/database/stages.ts'
import { hashIdentifiers, replaceSubjects } from '../../../shared/database/subjects.ts'
import { producerOf } from '../../../shared/inference/ai-mark.ts'
import { findSensitiveInAll } from '../../../shared/inference/builtin/sensitive.ts'
import { judgeClaims } from '../../../shared/inference/extraction/judge.ts'
import type { ExtractionSchema } from '../../../shared/inference/extraction/schema.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { CallSubject, ModelGateway } from '../../../shared/inference/gateway.ts'
import { estimateTokens } from '../../../shared/inference/token-estimate.ts'
import { inReviewedFields } from '../../../shared/masking/subjects.ts'
import { type Classed, raise } from '../../../shared/policy/raise.ts'
import { openKeys, type StageHandler, type StageRun, type StageServices } from '../stage.ts'
import { subjectOf } from '../subject.ts'
import type { TextRoom } from '../text-room.ts'

/** An organisation's own schemas. */
export interface OwnSchemas {
  /** The one that a document is read by: what its upload named, else the one for its type. Null: the schema that ships. */
  find(tx: Tx, document: DocumentRow, type: DocumentType): Promise<ExtractionSchema | null>
  /** In the transaction that writes the fields; null where a schema that ships was used. */
  record(tx: Tx, key: RevisionKey, schema: ExtractionSchema | null): Promise<void>
}

export const SHIPPED_ONLY: OwnSchemas = { find: async () => null, record: async () => undefined }

interface EnrichServices extends StageServices {
  gateway: ModelGateway
  room: TextRoom
  ownSchemas: OwnSchemas
}

/** Pages → type, language, classes and typed fields, each with its evidence. */
export function createEnrich(services: EnrichServices): StageHandler {
  const { database, vault, room, ownSchemas } = services
  return async (run) => {
    const { key, signal } = run
    const leave = await room.enter(await withTenant(database, key.tenant_id, (tx) => countCharacters(tx, key)), signal)
    try {
      const keys = await openKeys(vault, run)
      const pages = await withTenant(database, key.tenant_id, (tx) => readPages(tx, key, keys))
      const { kind, subject, own, fields, pagesRead, producers } = await read(services, run, pages, keys.commitment)
      const { sensitivity, data_classes } = subject
      return {
        write: async (tx) => {
          await replaceFields(tx, key, keys, fields)
          const named = inReviewedFields(await reviewFields(tx, key.document_id, keys, fields))
          await replaceSubjects(tx, key, 'field', hashIdentifiers(run.tenantKeys.subjects, named))
          await ownSchemas.record(tx, key, own)
          await tx
            .updateTable('revisions')
            .set({ pages_read: pagesRead, produced_by: JSON.stringify(producers) })
            .where('document_id', '=', key.document_id)
            .where('revision', '=', key.revision)
            .execute()
          await tx
            .updateTable('documents')
            .set({ type: kind.type, language: kind.language, sensitivity, data_classes: [...data_classes] })
            .where('id', '=', key.document_id)
            .execute()
        },
        event: {
          operation: 'Infer',
          provenance: 'derived',
          sensitivity,
          special: data_classes.includes('special') || sensitivity === 'special',
          criminal: data_classes.includes('criminal'),
          data_categories: kind.data_categories,
          subject_categories: kind.subject_categories,
          ...markedBy(producers),
        },
      }
    } finally {
      leave()
    }
  }
}

/**
 * What may be shown to whom is decided before any model sees the text: rules here may raise the classes that were declared, and what a model says of
 * the document raises them for the calls that follow.
 */
async function read({ database, gateway, ownSchemas }: EnrichServices, run: StageRun, pages: readonly Page[], promptKey: Buffer) {
  const declared: CallSubject = subjectOf(run)
  const { document, signal } = run
  const tenantId = run.key.tenant_id
  const found = await findSensitiveInAll(pages, signal)
  const asFound = { ...declared, ...raise(declared, found.data_classes), data_categories: found.data_categories }
  await keepRaised(database, run, declared, asFound)
  const tokens = estimateTokens(pages.map((page) => page.text))
  const call = { tenant_id: tenantId, step: 'enrich', tokens, prompt_keys: [promptKey], signal }

  const classified = await gateway.call({ ...call, task: 'classify', language: null, subjects: [asFound] }, (provider, callSignal) =>
    provider.classify(pages, callSignal),
  )
  const kind = classified.value
  const known: Classification = { ...kind, data_categories: [...new Set([...found.data_categories, ...kind.data_categories])] }
  const subject = {
    ...asFound,
    ...raise(asFound, kind.data_classes),
    data_categories: known.data_categories,
    subject_categories: kind.subject_categories,
  }

  await keepRaised(database, run, asFound, subject)

  const { language } = kind
  const own = await withTenant(database, tenantId, (tx) => ownSchemas.find(tx, document, kind.type))
  const schema = own ?? schemaFor(kind.type)
  const extracted = await gateway.call(
    { ...call, task: 'extract', language, subjects: [subject], schema_hash: schema.hash },
    (provider, callSignal) => provider.extract(pages, { schema, language }, callSignal),
  )
  const fields = judgeClaims(extracted.value.claims, { pages, schema, language, byRules: !extracted.provider.languageModel })
  const producers = { classified_by: producerOf(classified, 'classify'), extracted_by: producerOf(extracted, 'extract') }
  return { kind: known, subject, own, fields, pagesRead: extracted.value.pagesRead, producers }
}

/** The stage's own event says of what it wrote what the events of its calls say of what they brought. */
function markedBy({ classified_by, extracted_by }: Producers) {
  const marking = classified_by.mark ?? extracted_by.mark
  return { ai_generated: marking !== null, marking }
}

/** At once, whatever becomes of this start: an earlier revision of the same bytes may be live, and questions are answered from it meanwhile. */
async function keepRaised(
  database: Database,
  { key, epoch }: StageRun,
  before: Classed,
  { sensitivity, data_classes }: Classed,
): Promise<void> {
  if (sensitivity === before.sensitivity && data_classes.length === before.data_classes.length) return
  await withTenant(database, key.tenant_id, async (tx) => {
    await assertCurrent(tx, { ...key, stage: 'enrich' }, epoch)
    await tx
      .updateTable('documents')
      .set({ sensitivity, data_classes: [...data_classes] })
      .where('id', '=', key.document_id)
      .execute()
  })
}
