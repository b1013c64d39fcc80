import { createHash, randomBytes } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { DocumentKeys, Vault } from '../../../shared/blobs/vault.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { DocumentType, type ReviewOutcome } from '../../../shared/contracts/extraction.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { FieldHistory, FieldParams, NewCorrection, NewReview, ReviewedField } from '../../../shared/contracts/rectification.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import { type DocumentRow, findStored } from '../../../shared/database/documents.ts'
import { appendEvent, describeDocument } from '../../../shared/database/events.ts'
import {
  addFieldReview,
  eventOfReading,
  type LayeredField,
  REVIEWS_MAX,
  readFieldReviews,
  readReviewedFields,
  shownFields,
} from '../../../shared/database/field-reviews.ts'
import { schemaOfRevision, shownRevision } from '../../../shared/database/revision-schema.ts'
import { scheduleStage } from '../../../shared/database/stages.ts'
import { hashIdentifiers, replaceSubjects } from '../../../shared/database/subjects.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { findSensitive } from '../../../shared/inference/builtin/sensitive.ts'
import { correctedValue } from '../../../shared/inference/extraction/correct.ts'
import { inReviewedFields } from '../../../shared/masking/subjects.ts'
import { raise } from '../../../shared/policy/raise.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'

const tags = ['rights']
const SALT_BYTES = 32

export interface RectificationServices {
  database: Database
  tenants: Tenants
  vault: Vault
}

/** Rectification (Art. 16), also while the processing is restricted because the accuracy is contested, and the record that a person looked at a field. */
export function addRectificationRoutes(server: HttpServer, services: RectificationServices): void {
  const { database, tenants, vault } = services
  const onRequest = authorize(database, 'rights:manage')
  /** The document's row is held: of two people the second sees what the first one did. */
  const within = async <Result>(tenantId: string, documentId: string, lock: 'none' | 'update', work: (open: Open) => Promise<Result>) => {
    const tenantKeys = await tenants.keys(tenantId)
    return withTenant(database, tenantId, async (tx) => {
      const row = await findStored(tx, documentId, lock)
      const keys = await vault.keys({ tenantKey: tenantKeys.documents, tenantId, documentId })
      const revision = await shownRevision(tx, row)
      const layered = await readReviewedFields(tx, { tenant_id: tenantId, document_id: documentId, revision }, keys)
      return work({ tx, row, keys, subjectKey: tenantKeys.subjects, revision, layered })
    })
  }

  server.patch(
    '/v1/documents/:id/fields/:name',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Correct a field, or add one that was not read',
        description:
          'Art. 16. The corrected value is what documents, searches, answers and packages show from then on, over later revisions too; what was read stays in the history. `name` is a path such as `lines.0.description`.',
        params: FieldParams,
        body: NewCorrection,
        response: { 200: ReviewedField },
      },
    },
    ({ identity, params: { id, name }, body }) =>
      within(identity.tenantId, id, 'update', async (open) => {
        expectAsSeen(open, name, body)
        const { tx, row, revision } = open
        const { data: type } = DocumentType.safeParse(row.type)
        if (!type) throw new AppError('DOCUMENT_NOT_READY', 'its fields have not been read')
        const schema = await schemaOfRevision(tx, row.id, revision, type)
        const value = correctedValue(schema, shownFields(open.layered), { name, value: body.value, language: row.language })
        const raised = { ...open, row: await raiseClasses(open, value) }
        await record(raised, { name, outcome: 'corrected', value, reason: body.reason, by: identity.keyId })
        return takeEffect(raised, name)
      }),
  )

  server.post(
    '/v1/documents/:id/fields/:name/review',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Put on record that a person confirmed or rejected a field',
        description: 'AI Act Art. 14 and 26(2). It changes no value: what is rejected is to be corrected.',
        params: FieldParams,
        body: NewReview,
        response: { 200: ReviewedField },
      },
    },
    ({ identity, params: { id, name }, body }) =>
      within(identity.tenantId, id, 'update', async (open) => {
        expectAsSeen(open, name, body)
        const shown = open.layered[name]
        if (!shown) throw new AppError('FIELD_UNKNOWN', 'the document has no such field')
        await record(open, { name, outcome: body.outcome, value: shown.field.value, reason: null, by: identity.keyId })
        return reviewed(open, name, await readReviewedFields(open.tx, keyOf(open), open.keys))
      }),
  )

  server.get(
    '/v1/documents/:id/fields/:name/history',
    {
      onRequest,
      schema: {
        tags,
        summary: 'What was read as a field, and what people made of it since',
        description: 'Until the document is erased. Each entry opens the commitment that its event holds.',
        params: FieldParams,
        response: { 200: FieldHistory },
      },
    },
    ({ identity, params: { id, name } }) =>
      within(identity.tenantId, id, 'none', async (open) => {
        const shown = open.layered[name]
        if (!shown) throw new AppError('FIELD_UNKNOWN', 'the document has no such field')
        const history = (await readFieldReviews(open.tx, id, open.keys, name)).map(({ name: _, ...entry }) => entry)
        return { document_id: id, revision: open.row.revision, name, field: shown.field, read: shown.read, history }
      }),
  )
}

interface Open {
  tx: Tx
  row: DocumentRow
  keys: DocumentKeys
  subjectKey: Buffer
  /** Whose fields are shown; the row's own unless that is on its way. */
  revision: number
  layered: Record<string, LayeredField>
}

/** Throws DOCUMENT_NOT_READY while the fields are being read, FIELD_CHANGED where the person decided on something else than there is now. */
function expectAsSeen({ row, layered }: Open, name: string, seen: { revision: number; last_review: string | null }): void {
  if (row.status === 'received' || row.status === 'processing') throw new AppError('DOCUMENT_NOT_READY', 'its fields are being read')
  const last = layered[name]?.field.review?.review_id ?? null
  if (row.revision !== seen.revision || last !== seen.last_review)
    throw new AppError('FIELD_CHANGED', undefined, { extra: { document_id: row.id, revision: row.revision, last_review: last } })
}

interface Decision {
  name: string
  outcome: ReviewOutcome
  value: string
  reason: string | null
  by: string
}

/** The event holds commitments to the value and the reason; what they are, and the salt, is sealed under the document's key and goes with it. */
async function record({ tx, row, keys, revision, layered }: Open, { name, outcome, value, reason, by }: Decision): Promise<void> {
  const before = await readFieldReviews(tx, row.id, keys)
  if (before.length >= REVIEWS_MAX) throw new AppError('FIELD_REVIEW_LIMIT', `at most ${REVIEWS_MAX}`)
  const parent = before.findLast((one) => one.name === name)?.event_id ?? (await eventOfReading(tx, row.id, revision))
  const salt = randomBytes(SALT_BYTES)
  const commit = createHash('sha256')
    .update(salt)
    .update(canonicalize({ name, value }) as string)
    .digest('hex')
  const event_id = await appendEvent(tx, row.tenant_id, {
    operation: outcome === 'corrected' ? 'Alter' : 'Analyse',
    step: outcome === 'corrected' ? 'rectification' : 'field_review',
    phase: 'completed',
    result: 'ok',
    ...describeDocument(row, revision),
    provenance: outcome === 'corrected' ? 'provided' : 'observed',
    parent_events: parent === null ? [] : [parent],
    human: { reviewed: true, outcome },
    justification_commit: reason === null ? null : createHash('sha256').update(salt).update(reason).digest('hex'),
    output_hash: commit,
  })
  const now = layered[name]
  await addFieldReview(
    tx,
    keys,
    { id: newId(), tenant_id: row.tenant_id, document_id: row.id, revision, name, outcome, reviewed_by: by, event_id },
    {
      value,
      replaced: outcome === 'corrected' ? (now?.field.value ?? null) : null,
      read: now?.read ?? null,
      reason,
      salt: salt.toString('base64'),
      commit,
    },
  )
}

/** As for a text that is read: before any model is shown the value, the document has the class that rules find in it. */
async function raiseClasses({ tx, row }: Open, value: string): Promise<DocumentRow> {
  const found = findSensitive([{ number: 1, method: 'plain', text: value, reason: null }])
  const { sensitivity, data_classes } = raise(row, found.data_classes)
  const raised = { sensitivity, data_classes: [...data_classes] }
  await tx.updateTable('documents').set(raised).where('id', '=', row.id).execute()
  return { ...row, ...raised }
}

/** The index of persons at once; the search store with the index stage, which a document under restriction does when that is lifted. */
async function takeEffect(open: Open, name: string): Promise<ReviewedField> {
  const { tx, row, keys, subjectKey } = open
  const place = keyOf(open)
  const layered = await readReviewedFields(tx, place, keys)
  await replaceSubjects(tx, place, 'field', hashIdentifiers(subjectKey, inReviewedFields(layered)))
  if (row.live_revision === row.revision) await scheduleStage(tx, { ...place, stage: 'index' }, { wakeAll: true })
  return reviewed(open, name, layered)
}

function reviewed({ row }: Open, name: string, layered: Record<string, LayeredField>): ReviewedField {
  const field = layered[name]?.field
  if (!field) throw new AppError('INTERNAL', 'the review was not written')
  return { document_id: row.id, revision: row.revision, name, field }
}

const keyOf = ({ row, revision }: Open) => ({ tenant_id: row.tenant_id, document_id: row.id, revision })
