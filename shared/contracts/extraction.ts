import { z } from 'zod'

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

/**
 * `verified`: the quote stands in the page and every check on the value passed. `unverified`: no quote was found, or a check had no answer.
 * `conflicting`: a checksum fails or two places disagree.
 */
export const Field = z.strictObject({
  value: z.string(),
  status: z.enum(['verified', 'unverified', 'conflicting']),
  evidence: z.array(Evidence),
})
export type Field = z.infer<typeof Field>

/** Names that an invoice uses; dates are ISO 8601 (YYYY-MM-DD), amounts decimal strings with a dot ("1234.50"), currency ISO 4217. */
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
] as const

/** Names that other types use: one flat list, so that a reader finds the same thing under the same name in every document. */
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
] as const

/** A closed list, since names are stored in the clear: a name that a model made up could say what the sealed value says. */
export const FieldName = z.enum([...new Set([...INVOICE_FIELDS, ...GENERAL_FIELDS])])
export type FieldName = z.infer<typeof FieldName>

/** `language` is ISO 639-1, or null where it could not be told. */
export const Enrichment = z.strictObject({
  type: DocumentType,
  language: z.string().length(2).nullable(),
  fields: z.partialRecord(FieldName, Field),
})
export type Enrichment = z.infer<typeof Enrichment>
