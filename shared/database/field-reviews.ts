import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { seal, unseal } from '../blobs/keys.ts'
import type { DocumentKeys } from '../blobs/vault.ts'
import { type Field, type FieldReview, ReadField, type ReviewOutcome } from '../contracts/extraction.ts'
import type { Correction, FieldHistoryEntry } from '../contracts/rectification.ts'
import type { Tx } from './connection.ts'
import { type RevisionKey, readFields } from './content.ts'
import { ofDocuments } from './events.ts'
import type { Tables } from './schema.ts'

/** Of one document, over all its fields and revisions. */
export const REVIEWS_MAX = 2_000

type Row = Selectable<Tables['field_reviews']>

const Sealed = z.strictObject({
  value: z.string(),
  replaced: z.string().nullable(),
  read: ReadField.nullable(),
  reason: z.string().nullable(),
  salt: z.string(),
  commit: z.string(),
})
type Content = z.infer<typeof Sealed>

/** A field as it is shown, and as it was read: null where only a person knows of it. */
export interface LayeredField {
  field: Field
  read: ReadField | null
}

export interface NewFieldReview extends RevisionKey {
  id: string
  name: string
  outcome: ReviewOutcome
  reviewed_by: string
  event_id: string
}

export async function addFieldReview(tx: Tx, keys: DocumentKeys, review: NewFieldReview, content: Content): Promise<void> {
  await tx
    .insertInto('field_reviews')
    .values({ ...review, sealed_content: seal(keys.column, JSON.stringify(content), context(review)) })
    .execute()
}

/** Of one document, or of one field of it; the oldest first. */
export async function readFieldReviews(
  tx: Tx,
  documentId: string,
  keys: DocumentKeys,
  name?: string,
): Promise<(FieldHistoryEntry & { name: string })[]> {
  let query = tx.selectFrom('field_reviews').selectAll().where('document_id', '=', documentId)
  if (name !== undefined) query = query.where('name', '=', name)
  const rows = await query.orderBy('id').limit(REVIEWS_MAX).execute()
  return rows.map((row) => ({ name: row.name, ...entryOf(row, keys) }))
}

/** Which of these documents have corrected fields. */
export async function listCorrected(tx: Tx, documentIds: readonly string[]): Promise<Set<string>> {
  if (documentIds.length === 0) return new Set()
  const rows = await tx
    .selectFrom('field_reviews')
    .select('document_id')
    .distinct()
    .where('document_id', 'in', [...documentIds])
    .where('outcome', '=', 'corrected')
    .execute()
  return new Set(rows.map(({ document_id }) => document_id))
}

/** The fields of a revision with what people made of them: a correction stands before what was read, in whichever revision it was made. */
export async function readReviewedFields(tx: Tx, key: RevisionKey, keys: DocumentKeys): Promise<Record<string, LayeredField>> {
  return layer(await readFields(tx, key, keys), await readFieldReviews(tx, key.document_id, keys))
}

/** The same for fields that are only now to be written. */
export async function reviewFields(
  tx: Tx,
  documentId: string,
  keys: DocumentKeys,
  read: Readonly<Record<string, ReadField>>,
): Promise<Record<string, LayeredField>> {
  return layer(read, await readFieldReviews(tx, documentId, keys))
}

export function shownFields(layered: Readonly<Record<string, LayeredField>>): Record<string, Field> {
  return Object.fromEntries(Object.entries(layered).map(([name, { field }]) => [name, field]))
}

export async function readCorrections(tx: Tx, key: RevisionKey, keys: DocumentKeys): Promise<Correction[]> {
  const reviews = await readFieldReviews(tx, key.document_id, keys)
  const times = new Map(
    reviews.flatMap(({ name, outcome, reviewed_at }) => (outcome === 'corrected' ? [[name, reviewed_at] as const] : [])),
  )
  if (times.size === 0) return []
  return Object.entries(layer(await readFields(tx, key, keys), reviews)).flatMap(([field, { field: shown, read }]) => {
    const corrected_at = times.get(field)
    if (shown.status !== 'corrected' || corrected_at === undefined) return []
    // Read again as what the person said: the text no longer says otherwise.
    if (read?.value === shown.value) return []
    const evidence = read?.evidence ?? []
    return [{ document_id: key.document_id, field, value: shown.value, corrected_at, evidence }]
  })
}

/** The event of the stage that read a revision's fields. */
export async function eventOfReading(tx: Tx, documentId: string, revision: number): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM events WHERE ${ofDocuments([documentId])} AND phase = 'completed' AND body LIKE '%"step":"enrich"%'
      AND body::jsonb->>'operation' = 'Infer' AND body::jsonb->>'result' = 'ok' AND (body::jsonb->>'revision')::int = ${revision}
      AND body::jsonb->>'model' IS NULL
    ORDER BY seq DESC LIMIT 1`.execute(tx)
  return rows[0]?.id ?? null
}

function layer(read: Readonly<Record<string, ReadField>>, reviews: readonly (FieldHistoryEntry & { name: string })[]) {
  const ofField = Map.groupBy(reviews, ({ name }) => name)
  const layered = new Map<string, LayeredField>(Object.entries(read).map(([name, field]) => [name, { field, read: field }]))
  for (const [name, all] of ofField) {
    const now = read[name] ?? null
    const last = all.at(-1)
    const correction = all.findLast(({ outcome }) => outcome === 'corrected')
    if (!last || (!correction && !now)) continue
    const shown: Field = correction ? { value: correction.value, status: 'corrected', evidence: [], checks: [] } : (now as ReadField)
    const outdated = correction
      ? now !== null && now.value !== correction.value && now.value !== correction.read?.value
      : last.value !== shown.value
    layered.set(name, { field: { ...shown, review: viewOf(last, outdated) }, read: now })
  }
  return Object.fromEntries(layered)
}

function viewOf({ review_id, outcome, reviewed_at, reviewed_by }: FieldHistoryEntry, outdated: boolean): FieldReview {
  return { review_id, outcome, reviewed_at, reviewed_by, outdated }
}

function entryOf(row: Row, keys: DocumentKeys): FieldHistoryEntry {
  const content = Sealed.parse(JSON.parse(unseal(keys.column, row.sealed_content, context(row)).toString('utf8')))
  const { id, outcome, revision, created_at, reviewed_by, event_id } = row
  return { review_id: id, outcome, revision, reviewed_at: created_at.toISOString(), reviewed_by, event_id, ...content }
}

function context({ tenant_id, document_id, id }: Pick<Row, 'tenant_id' | 'document_id' | 'id'>): string {
  return `${tenant_id}/${document_id}/field_review/${id}`
}
