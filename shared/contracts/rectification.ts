import { z } from 'zod'
import { Evidence, Field, FieldPath, ReadField, ReviewOutcome } from './extraction.ts'

const VALUE_CHARACTERS_MAX = 4_000
const REASON_CHARACTERS_MAX = 2_000

/**
 * What the person saw who decides: the document's `revision` and the field's last review, null where there was none. Where somebody else was faster, the
 * request is refused and nothing is overwritten unseen.
 */
const Seen = { revision: z.int().min(1), last_review: z.uuid().nullable().default(null) }

/** `value` in the form of the field's schema (a date as YYYY-MM-DD). Value and reason are sealed under the document's key; events hold commitments alone. */
export const NewCorrection = z.strictObject({
  value: z
    .string()
    .trim()
    .min(1)
    .max(VALUE_CHARACTERS_MAX)
    .regex(/^\P{Cc}*$/u, 'no control characters'),
  reason: z.string().trim().min(1).max(REASON_CHARACTERS_MAX),
  ...Seen,
})
export type NewCorrection = z.infer<typeof NewCorrection>

/** What a person says of a field as it is shown: human oversight of what a machine read (AI Act Art. 14, 26(2)). */
export const NewReview = z.strictObject({ outcome: ReviewOutcome.exclude(['corrected']), ...Seen })
export type NewReview = z.infer<typeof NewReview>

export const FieldParams = z.object({ id: z.uuid(), name: FieldPath })

export const ReviewedField = z.strictObject({ document_id: z.uuid(), revision: z.int(), name: FieldPath, field: Field })
export type ReviewedField = z.infer<typeof ReviewedField>

/**
 * `value`: what was said to be right, or looked at. `read`: what the document was read as then; null: nothing. `commit` is SHA-256 over `salt` (base64, decoded)
 * and the canonical JSON (RFC 8785) of `{name, value}`; the event `event_id` holds it, so whoever has this can prove which value was meant.
 */
export const FieldHistoryEntry = z.strictObject({
  review_id: z.uuid(),
  outcome: ReviewOutcome,
  value: z.string(),
  replaced: z.string().nullable(),
  read: ReadField.nullable(),
  reason: z.string().nullable(),
  revision: z.int(),
  reviewed_at: z.iso.datetime(),
  reviewed_by: z.uuid(),
  event_id: z.uuid(),
  salt: z.string(),
  commit: z.string(),
})
export type FieldHistoryEntry = z.infer<typeof FieldHistoryEntry>

/** `read`: what the document is read as now, whatever people said of it. The oldest review first. */
export const FieldHistory = z.strictObject({
  document_id: z.uuid(),
  revision: z.int(),
  name: FieldPath,
  field: Field.nullable(),
  read: ReadField.nullable(),
  history: z.array(FieldHistoryEntry),
})
export type FieldHistory = z.infer<typeof FieldHistory>

/** A corrected field beside a text that still says otherwise. `evidence`: where the document states what was replaced; empty: it states nothing of it. */
export const Correction = z.strictObject({
  document_id: z.uuid(),
  field: FieldPath,
  value: z.string(),
  corrected_at: z.iso.datetime(),
  evidence: z.array(Evidence),
})
export type Correction = z.infer<typeof Correction>

/** As a sentence: what the search store finds it by, and what whoever drafts an answer is shown. */
export function correctionText({ field, value, corrected_at }: Pick<Correction, 'field' | 'value' | 'corrected_at'>): string {
  return `Corrected by a person on ${corrected_at.slice(0, 10)}: ${field.replace(/[._]/g, ' ')} is ${value}.`
}

interface Span {
  page: number
  start: number
  end: number
}

/** Whether one place has anything in common with another. */
export function stands(place: Span, piece: Span): boolean {
  return place.page === piece.page && place.start < piece.end && piece.start < place.end
}
