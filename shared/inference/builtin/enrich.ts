import type { Enrichment, Page } from '../../contracts/extraction.ts'
import { dateOrder } from './dates.ts'
import { documentType } from './document-type.ts'
import { toFields } from './fields.ts'
import { findGeneralFields } from './general.ts'
import { findInvoiceFields } from './invoice.ts'
import { detectLanguage } from './language.ts'
import { readPages } from './reading.ts'

/** Type, language and fields by rules; every quote is `page.text.slice(start, end)`. The same pages give the same answer. */
export function enrichByRules(pages: readonly Page[]): Enrichment {
  const read = readPages(pages)
  const language = detectLanguage(read.map((page) => page.text).join('\n'))
  const order = dateOrder(read, language)
  const type = documentType(read)
  const isInvoice = type === 'invoice' || type === 'credit_note'
  const found = isInvoice ? findInvoiceFields(read, language, order) : findGeneralFields(read, language, order)
  return { type, language, fields: toFields(read, found) }
}
