import { z } from 'zod'
import type { DocumentPath } from './document-schemas.ts'

/**
 * One page of extracted text. `number` counts from 1. Formats without pages are one page.
 * `text` has `\n` line ends and no NUL; every offset in Greffier is a UTF-16 code unit index into it (a JavaScript string index).
 * A page without text is never silent: its method is `no_text` and `reason` says why.
 */
export const Page = z.discriminatedUnion('method', [
  z.strictObject({
    number: z.int().min(1),
    method: z.enum(['pdf_text', 'markdown', 'html', 'plain']),
    text: z.string().min(1),
    reason: z.null(),
  }),
  z.strictObject({ number: z.int().min(1), method: z.literal('no_text'), text: z.literal(''), reason: z.enum(['image_only', 'empty']) }),
])
export type Page = z.infer<typeof Page>

export const DocumentType = z.enum([
  'invoice',
  'credit_note',
  'contract',
  'letter',
  'payslip',
  'cv',
  'identity_document',
  'medical_report',
  'bank_statement',
  'minutes',
  'policy',
  'manual',
  'other',
])
export type DocumentType = z.infer<typeof DocumentType>

/** Where a value was read: `page` counts from 1, `start` and `end` are offsets into that page's text, `quote` is `text.slice(start, end)`. */
export const Evidence = z.strictObject({ page: z.int().min(1), start: z.int().min(0), end: z.int().min(0), quote: z.string() })
export type Evidence = z.infer<typeof Evidence>

/** Why a field is not `verified`. The last four say that something is wrong, and make it `conflicting`. */
export const FieldCheck = z.enum([
  'not_quoted',
  'quote_not_found',
  'value_not_in_quote',
  'implausible',
  'doubted',
  'checksum_failed',
  'disagrees',
  'sum_mismatch',
  'order_mismatch',
])
export type FieldCheck = z.infer<typeof FieldCheck>

/** What a person made of a field. */
export const ReviewOutcome = z.enum(['corrected', 'confirmed', 'rejected'])
export type ReviewOutcome = z.infer<typeof ReviewOutcome>

/**
 * The last of them. `reviewed_by` is an API key. `outdated`: the document reads otherwise since, in a later revision; a correction holds all the same, and
 * somebody should look again.
 */
export const FieldReview = z.strictObject({
  review_id: z.uuid(),
  outcome: ReviewOutcome,
  reviewed_at: z.iso.datetime(),
  reviewed_by: z.uuid(),
  outdated: z.boolean(),
})
export type FieldReview = z.infer<typeof FieldReview>

/** What reading alone can say of a field. */
export const FieldStatus = z.enum(['verified', 'unverified', 'conflicting'])
export type FieldStatus = z.infer<typeof FieldStatus>

/**
 * `verified`: the quote stands in the page and every check on the value passed. `unverified`: no quote was found, or a check had no answer.
 * `conflicting`: a checksum fails, two places disagree, or sums or the order of days do not fit together. `corrected`: a person says so (Art. 16), and
 * no place of the document has to: it has no evidence.
 */
export const Field = z.strictObject({
  value: z.string(),
  status: FieldStatus.or(z.literal('corrected')),
  evidence: z.array(Evidence),
  checks: z.array(FieldCheck).default([]),
  review: FieldReview.optional(),
})
export type Field = z.infer<typeof Field>

/** As it was read, before anybody looked at it. */
export const ReadField = Field.omit({ review: true }).extend({ status: FieldStatus })
export type ReadField = z.infer<typeof ReadField>

/** Names of a schema's properties, and the ordinals of lists' items from 0: `lines.0.description`. */
export const FieldPath = z
  .string()
  .regex(/^[A-Za-z_][\w-]{0,63}(\.(\d{1,7}|[A-Za-z_][\w-]{0,63})){0,10}$/, 'a path such as lines.0.description')

/** Names that the rules of `builtin` find in an invoice; dates are ISO 8601 (YYYY-MM-DD), amounts decimal strings with a dot ("1234.50"), currency ISO 4217. */
export const INVOICE_FIELDS = [
  'invoice_number',
  'issue_date',
  'due_date',
  'seller_name',
  'seller_vat_id',
  'buyer_name',
  'buyer_vat_id',
  'iban',
  'currency',
  'total_net',
  'total_tax',
  'total_gross',
] as const satisfies readonly DocumentPath<'invoice' | 'credit_note'>[]

/** Names that the rules find in every other type: the same thing under the same name in every document. */
export const GENERAL_FIELDS = [
  'title',
  'document_date',
  'party_1',
  'party_2',
  'reference',
  'email',
  'phone',
  'iban',
  'vat_id',
  'amount',
  'deadline',
] as const satisfies readonly DocumentPath<'other'>[]
