import type { DocumentType, Page, ReadField } from '../../contracts/extraction.ts'
import { dateOrder } from './dates.ts'
import { documentType } from './document-type.ts'
import { toFields } from './fields.ts'
import { findGeneralFields } from './general.ts'
import { findInvoiceFields } from './invoice.ts'
import { detectLanguage } from './language.ts'
import { readPages } from './reading.ts'

/** What rules read in a document: what it is, and fields under the names of INVOICE_FIELDS or GENERAL_FIELDS. */
export interface RuleReading {
  type: DocumentType
  language: string | null
  fields: Readonly<Record<string, Omit<ReadField, 'checks'>>>
}

/** Type, language and fields by rules; every quote is `page.text.slice(start, end)`. The same pages give the same answer. */
export function enrichByRules(pages: readonly Page[]): RuleReading {
  const known = READINGS.get(pages)
  if (known) return known
  const read = readPages(pages)
  const language = detectLanguage(read.map((page) => page.text).join('\n'))
  const order = dateOrder(read, language)
  const type = documentType(read)
  const isInvoice = type === 'invoice' || type === 'credit_note'
  const found = isInvoice ? findInvoiceFields(read, language, order) : findGeneralFields(read, language, order)
  const reading = { type, language, fields: toFields(read, found) }
  READINGS.set(pages, reading)
  return reading
}

/** Classifying and extracting ask for the same pages one after the other: they are read once. */
const READINGS = new WeakMap<readonly Page[], RuleReading>()
