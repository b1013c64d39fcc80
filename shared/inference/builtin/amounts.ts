import type { ReadPage, Span } from './reading.ts'

/** A currency as it is printed. `certain` is false for a sign that several currencies share. */
export interface FoundCurrency {
  code: string
  certain: boolean
  span: Span
}

/** `decimal` is as printed, normalised ("-1234.50"); `cents` is the same in hundredths, for sums. `span` is the number without its currency. */
export interface FoundAmount {
  decimal: string
  cents: number
  currency: FoundCurrency | null
  span: Span
}

/** Fifteen digits are exact in a double, hundredths included. */
const DIGITS_MAX = 13

/**
 * Every amount of the page in the order of the text: a number with one to four decimals, or one with a currency beside it. Percentages, dates and plain
 * integers are none. `language` (ISO 639-1 or null) decides what a lone group of three means, and whether a space may group.
 */
export function findAmounts(page: ReadPage, language: string | null): FoundAmount[] {
  const amounts: FoundAmount[] = []
  const numbers = SPACE_GROUPS.has(language ?? '') ? NUMBER_SPACED : NUMBER
  for (const match of page.text.matchAll(numbers)) {
    const printed = match[0]
    const start = match.index
    const end = start + printed.length
    if (/^ ?[%‰]/.test(page.text.slice(end, end + 2))) continue
    const currency = currencyBeside(page, start, end)
    const decimal = parseAmount(printed, language)
    if (decimal === null || (currency === null && !/[.,]\d{1,4}$/.test(printed)) || (currency === null && /^\D*0\d/.test(printed))) continue
    amounts.push({ decimal, cents: Math.round(Number(decimal) * 100), currency, span: { page: page.number, start, end } })
  }
  return amounts
}

/**
 * 1.234,50 and 1,234.50 and 1 234,50 and 1'234.50 are all "1234.50". The last separator is the decimal one, unless exactly three digits follow it:
 * then it groups, except where the language writes decimals with it. Null when it is no number or longer than 13 digits.
 */
export function parseAmount(printed: string, language: string | null): string | null {
  const negative = /^\(|^[-−–]|-$/.test(printed.trim())
  const body = printed.replace(/[^\d.,]/g, '')
  const separator = /[.,](?=\d*$)/.exec(body)
  const integer = (separator ? body.slice(0, separator.index) : body).replace(/[.,]/g, '')
  const fraction = separator ? body.slice(separator.index + 1) : ''
  const groups = separator !== null && fraction.length === 3 && groupsThousands(body, separator, language)
  const digits = groups ? integer + fraction : integer
  if (digits === '' || digits.length > DIGITS_MAX) return null
  const whole = digits.replace(/^0+(?=\d)/, '')
  const value = groups || fraction === '' ? whole : `${whole}.${fraction}`
  return negative && /[1-9]/.test(value) ? `-${value}` : value
}

function groupsThousands(body: string, separator: RegExpExecArray, language: string | null): boolean {
  const before = body.slice(0, separator.index)
  if (before === '0') return false
  if (/[.,]/.test(before)) return before.includes(separator[0])
  return !decimalSign(separator[0], language)
}

/** Every currency sign and code of the page, beside a number or not. */
export function findCurrencies(page: ReadPage): FoundCurrency[] {
  return [...page.text.matchAll(CURRENCY)].flatMap((match) => {
    const currency = currencyOf(match[0])
    return currency ? [{ ...currency, span: { page: page.number, start: match.index, end: match.index + match[0].length } }] : []
  })
}

const SIGNS: Readonly<Record<string, { code: string; certain: boolean }>> = {
  '€': { code: 'EUR', certain: true },
  '£': { code: 'GBP', certain: true },
  $: { code: 'USD', certain: false },
  '¥': { code: 'JPY', certain: false },
  zł: { code: 'PLN', certain: true },
  Kč: { code: 'CZK', certain: true },
  'Fr.': { code: 'CHF', certain: false },
  SFr: { code: 'CHF', certain: true },
  Euro: { code: 'EUR', certain: true },
  euro: { code: 'EUR', certain: true },
  euros: { code: 'EUR', certain: true },
  Euros: { code: 'EUR', certain: true },
}

/** ISO 4217: the European currencies and those that European documents name most. */
const CODES =
  'EUR|CHF|GBP|USD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|ISK|TRY|RSD|UAH|ALL|BAM|MKD|MDL|GEL|CAD|AUD|NZD|JPY|CNY|HKD|SGD|INR|BRL|ZAR|AED|ILS'
const CURRENCY_SOURCE = `(?<![\\p{L}\\p{N}])(?:(?:${CODES}|[Ee]uros?|SFr|Kč|zł)(?!\\p{L})|Fr\\.)|[€£$¥]`
const CURRENCY = new RegExp(CURRENCY_SOURCE, 'gu')
const CURRENCY_BEFORE = new RegExp(`(?:${CURRENCY_SOURCE})(?=[ \\u00a0\\u202f]{0,2}[-−]?$)`, 'u')
/** Not the sign of the next number: in `2 € 399,00` the 2 counts pieces. */
const CURRENCY_AFTER = new RegExp(`^[ \\u00a0\\u202f]{0,2}(?:${CURRENCY_SOURCE})(?! ?\\d)`, 'u')
/** Longest currency with white space and sign. UTF-16 code units. */
const BESIDE_LENGTH_MAX = 10

/** Languages that group thousands with an ordinary space as well. Elsewhere `20 198,00` is two columns. */
const SPACE_GROUPS = new Set(['fr', 'sv', 'no', 'nb', 'fi', 'pl', 'cs', 'sk', 'hu', 'bg', 'ru', 'uk'])

/** Languages whose decimal sign is the dot. */
const DOT_DECIMALS = new Set(['en', 'ga', 'mt'])

const NUMBER = numberPattern("['’\\u00a0\\u202f]")
const NUMBER_SPACED = numberPattern("['’ \\u00a0\\u202f]")

/** A sign belongs to the number only where no digit or letter stands before it: 10-12 is a range. */
function numberPattern(gap: string): RegExp {
  const grouped = `\\d{1,3}(?:(?:\\.\\d{3})+|(?:,\\d{3})+|(?:${gap}\\d{3})+)(?:[.,]\\d{1,4})?`
  return new RegExp(
    `(?<![\\p{L}\\d.,/'’-])(?:(?<![\\p{L}\\d])[-−–])?(?:${grouped}|\\d{1,13}(?:[.,]\\d{1,4})?)(?![\\d\\p{L}/]|[.,:'’-]\\d)`,
    'gu',
  )
}

function decimalSign(sign: string, language: string | null): boolean {
  return (sign === '.') === DOT_DECIMALS.has(language ?? '') && language !== null
}

function currencyBeside(page: ReadPage, start: number, end: number): FoundCurrency | null {
  const from = Math.max(0, start - BESIDE_LENGTH_MAX)
  const before = CURRENCY_BEFORE.exec(page.text.slice(from, start))
  const after = CURRENCY_AFTER.exec(page.text.slice(end, end + BESIDE_LENGTH_MAX))
  if (before) return found(page, before[0], from + before.index)
  if (after) return found(page, after[0].trimStart(), end + after[0].length - after[0].trimStart().length)
  return null
}

function found(page: ReadPage, printed: string, start: number): FoundCurrency | null {
  const currency = currencyOf(printed)
  return currency && { ...currency, span: { page: page.number, start, end: start + printed.length } }
}

function currencyOf(printed: string): { code: string; certain: boolean } | null {
  return SIGNS[printed] ?? (/^[A-Z]{3}$/.test(printed) ? { code: printed, certain: true } : null)
}
