import { personValidators } from 'stdnum'
import type { FieldFormat } from '../contracts/document-schemas.ts'
import { findCurrencies, parseAmount } from './builtin/amounts.ts'
import { findDates } from './builtin/dates.ts'
import { findDurations } from './builtin/durations.ts'
import { findEmails, findIbans } from './builtin/identifiers.ts'
import { type ReadPage, readPages } from './builtin/reading.ts'
import { findVatIds } from './builtin/vat-ids.ts'

/** `absent`: the quote does not state the value. `contradicted`: it does, and its checksum fails. `implausible`: it does, and it is no such thing. */
export type ValueCheck = 'stated' | 'absent' | 'contradicted' | 'implausible'

/** What an expected value is: its format, or its JSON type where it has none. */
export type ExpectedValue = FieldFormat | 'string' | 'number' | 'integer' | 'boolean'

/**
 * Whether a quote states a value, by rules and never by a model: a model may quote a true line beside an invented value. `language` is
 * ISO 639-1 or null; it decides how numbers are read.
 */
export function checkValue(expected: ExpectedValue, value: string, quote: string, language: string | null): ValueCheck {
  const page = readPages([{ number: 1, method: 'plain', text: quote, reason: null }])[0]
  if (!page) return 'absent'
  switch (expected) {
    case 'date':
      if (dates(page).includes(value)) return 'stated'
      if (!spelled(quote, value)) return 'absent'
      return isDate(value) ? 'stated' : 'implausible'
    case 'amount':
    case 'quantity':
    case 'number':
    case 'integer':
      return stated(NUMBERS[expected].test(value) && amounts(quote, language).has(Number(value)))
    case 'currency':
      return stated(findCurrencies(page).some((currency) => currency.code === value) || (/^[A-Z]{3}$/.test(value) && spelled(quote, value)))
    // A yes may be said in any words; that its quote stands there is all that can be known.
    case 'boolean':
      return stated(value === 'true' || value === 'false')
    case 'string':
      return stated(spelled(quote, value) || dates(page).includes(value) || findDurations(page).some(({ iso }) => iso === value))
    default:
      return spelled(quote, value) ? checkIdentifier(expected, value) : 'absent'
  }
}

function checkIdentifier(format: 'iban' | 'vat-id' | 'national-id' | 'email' | 'phone', value: string): ValueCheck {
  switch (format) {
    case 'iban':
      return checksum(findIbans(pageOf(value)))
    case 'vat-id':
      return checksum(findVatIds(pageOf(value)))
    case 'national-id':
      return isNationalId(value) ? 'stated' : 'implausible'
    case 'email':
      return findEmails(pageOf(value)).length > 0 ? 'stated' : 'implausible'
    case 'phone':
      return /^\+?[\d ()/.-]{5,30}$/.test(value) && (value.match(/\d/g)?.length ?? 0) >= 5 ? 'stated' : 'implausible'
  }
}

/** Of any country: which one issued it is not known here, so none that fails is called wrong. */
function isNationalId(value: string): boolean {
  return Object.values(personValidators).some((validators) => validators.some((validator) => validator.validate(value).isValid))
}

function stated(is: boolean): ValueCheck {
  return is ? 'stated' : 'absent'
}

/** A value in which nobody finds an identifier is not contradicted by a checksum: it has none that we know. */
function checksum(found: readonly { valid: boolean }[]): ValueCheck {
  if (found.length === 0) return 'implausible'
  return found.some((identifier) => identifier.valid) ? 'stated' : 'contradicted'
}

/** A real day: the 30th of February is one in March to Date.parse. */
function isDate(value: string): boolean {
  const day = new Date(`${value}T00:00:00Z`)
  return DAY.test(value) && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value)
}

/** Of the years in which documents are dated, and people born. */
const DAY = /^(?:19|20)\d\d-\d\d-\d\d$/

/** JavaScript reads more as numbers: 0x10 and 1e3 are no amounts. */
const DECIMAL = /^-?\d{1,15}(?:\.\d{1,15})?$/
const NUMBERS = { amount: DECIMAL, quantity: DECIMAL, number: DECIMAL, integer: /^-?\d{1,15}$/ } as const

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

/**
 * Whether the value stands in the quote by its letters and digits alone: case, spaces and punctuation are the printer's. As whole words: 471 is not stated by
 * 4711, nor AG by Tage.
 */
function spelled(quote: string, value: string): boolean {
  const printed = lettersOf(quote)
  const wanted = lettersOf(value).letters
  if (wanted === '') return false
  for (let at = printed.letters.indexOf(wanted); at >= 0; at = printed.letters.indexOf(wanted, at + 1)) {
    if (printed.starts.has(at) && (at + wanted.length === printed.letters.length || printed.starts.has(at + wanted.length))) return true
  }
  return false
}

/** `starts`: where in `letters` a word of the text begins. */
function lettersOf(text: string): { letters: string; starts: Set<number> } {
  const starts = new Set<number>()
  let letters = ''
  for (const [word] of text
    .normalize('NFKC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}]+/gu)) {
    starts.add(letters.length)
    letters += word
  }
  return { letters, starts }
}

function pageOf(text: string): ReadPage {
  return { number: 1, text, lines: [], words: [] }
}
