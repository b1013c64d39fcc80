import type { z } from 'zod'
import type { FieldName } from '../contracts/extraction.ts'
import { findCurrencies, parseAmount } from './builtin/amounts.ts'
import { findDates } from './builtin/dates.ts'
import { findIbans } from './builtin/identifiers.ts'
import { type ReadPage, readPages } from './builtin/reading.ts'
import { findVatIds } from './builtin/vat-ids.ts'

/** `absent`: the quote does not state the value. `contradicted`: it does, and its checksum fails. */
export type ValueCheck = 'stated' | 'absent' | 'contradicted'

const DATES = new Set(['issue_date', 'due_date', 'document_date', 'deadline'])
const AMOUNTS = new Set(['total_net', 'total_tax', 'total_gross', 'amount'])
const VAT_IDS = new Set(['seller_vat_id', 'buyer_vat_id', 'vat_id'])

/**
 * Whether a quote states a value, by rules and never by a model: a model may quote a true line beside an invented value. `language` is
 * ISO 639-1 or null; it decides how numbers are read.
 */
export function checkValue(name: z.infer<typeof FieldName>, value: string, quote: string, language: string | null): ValueCheck {
  const page = readPages([{ number: 1, method: 'plain', text: quote, reason: null }])[0]
  if (!page) return 'absent'
  if (DATES.has(name)) return stated(dates(page).includes(value) || spelled(quote, value))
  if (AMOUNTS.has(name)) return stated(amounts(quote, language).has(Number(value)))
  if (name === 'currency') return stated(findCurrencies(page).some((currency) => currency.code === value) || spelled(quote, value))
  if (!spelled(quote, value)) return 'absent'
  if (name === 'iban') return valid(findIbans(pageOf(value)))
  if (VAT_IDS.has(name)) return valid(findVatIds(pageOf(value)))
  return 'stated'
}

function stated(is: boolean): ValueCheck {
  return is ? 'stated' : 'absent'
}

/** A value in which nobody finds an identifier is not contradicted by a checksum: it has none that we know. */
function valid(found: readonly { valid: boolean }[]): ValueCheck {
  if (found.length === 0) return 'absent'
  return found.some((identifier) => identifier.valid) ? 'stated' : 'contradicted'
}

/** Any reading of the date: which one is right was for the model to tell from the whole document. */
function dates(page: ReadPage): string[] {
  return [...findDates(page, 'day_first'), ...findDates(page, 'month_first')].map((date) => date.iso)
}

/** Every number of the quote, once with a space as grouping and once as the end of the number. */
function amounts(quote: string, language: string | null): Set<number> {
  const printed = [...quote.matchAll(/[-−(]?\d[\d.,'’]*/g), ...quote.matchAll(/[-−(]?\d[\d.,'’\s]*/g)].map((match) => match[0])
  const readings = printed.flatMap((number) => [parseAmount(number, language), parseAmount(number, null)])
  return new Set(readings.filter((reading) => reading !== null).map(Number))
}

/** Letters and digits alone: case, spaces and punctuation are the printer's. */
function spelled(quote: string, value: string): boolean {
  const letters = (text: string) =>
    text
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]/gu, '')
  return letters(value) !== '' && letters(quote).includes(letters(value))
}

function pageOf(text: string): ReadPage {
  return { number: 1, text, lines: [], words: [] }
}
