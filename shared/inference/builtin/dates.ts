import { MONTH_NUMBERS } from './months.ts'
import { fold, type ReadPage, type Span } from './reading.ts'

/** `iso` is YYYY-MM-DD and a real day. `ambiguous`: day and month could be the other way round, and nothing in the document decides it. */
export interface FoundDate {
  iso: string
  ambiguous: boolean
  span: Span
}

export type DateOrder = 'day_first' | 'month_first'

/** Dates outside are misread numbers far more often than dates. */
const YEAR_MIN = 1900
const YEAR_MAX = 2100

/** Two-digit years up to here are of this century: due dates lie ahead, birthdays are printed in full. */
const SHORT_YEAR_PIVOT = 69

/** Every real date of the page in the order of the text. `order` decides 03/04/2026; null leaves it day first and ambiguous. */
export function findDates(page: ReadPage, order: DateOrder | null): FoundDate[] {
  const dates = [...yearFirst(page), ...numeric(page, order), ...named(page)]
  return dates.sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end).filter(startsAfterPrevious())
}

/**
 * How this document writes numeric dates. Only English text with slashes or hyphens leaves it open: then a day over 12 in any date decides, then the
 * dollar. Everywhere else the day comes first. Null: English, and nothing decided it.
 */
export function dateOrder(pages: readonly ReadPage[], language: string | null): DateOrder | null {
  if (language !== 'en' && language !== null) return 'day_first'
  let dollars = false
  for (const page of pages) {
    for (const match of page.text.matchAll(NUMERIC)) {
      if (match[2] === '.') continue
      if (Number(match[1]) > 12) return 'day_first'
      if (Number(match[3]) > 12 && Number(match[3]) <= 31) return 'month_first'
    }
    dollars ||= /\bUSD\b|(?<![A-Z])\$ ?\d/.test(page.text)
  }
  if (dollars) return 'month_first'
  return null
}

/** `days` may be negative. UTC throughout, so that no clock change can move a day. */
export function addDays(iso: string, days: number): string {
  return new Date(Date.parse(`${iso}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
}

const YEAR_FIRST = /(?<![\p{L}\d./-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/-]|\.\d)/gu
const NUMERIC = /(?<![\p{L}\d./,-])(\d{1,2})([./-]) ?(\d{1,2})\2 ?(\d{4}|\d{2})(?![\p{L}\d/-]|[.,]\d)/gu
/** Without the flag `i` and with plain letters: counted `\p{L}` and `iu` cost V8 0.2 s to compile. */
const DAY_MONTH =
  /(?<![\p{L}\d.,/-])(\d{1,2})(?:st|nd|rd|th|er|ère|º|°|\.)?[ \u00a0-]{0,2}(?:day of |of |de |DE |d['’])?([A-Za-zÀ-ÿ]{3,10})\.?,?[ \u00a0-]{1,2}(?:de |del |DE |of )?(\d{4})(?![\p{L}\d])/gu
const MONTH_DAY = /(?<![\p{L}\d])([A-Za-zÀ-ÿ]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? {1,2}(\d{4})(?![\p{L}\d])/gu

function* yearFirst(page: ReadPage): Generator<FoundDate> {
  for (const match of page.text.matchAll(YEAR_FIRST)) yield* real(page, match, match[1], Number(match[3]), Number(match[4]), false)
}

function* numeric(page: ReadPage, order: DateOrder | null): Generator<FoundDate> {
  for (const match of page.text.matchAll(NUMERIC)) {
    const [first, second] = [Number(match[1]), Number(match[3])]
    const dotted = match[2] === '.'
    const monthFirst = !dotted && (second > 12 || (order === 'month_first' && first <= 12))
    const ambiguous = !dotted && order === null && first <= 12 && second <= 12 && first !== second
    yield* monthFirst ? real(page, match, match[4], first, second, false) : real(page, match, match[4], second, first, ambiguous)
  }
}

function* named(page: ReadPage): Generator<FoundDate> {
  for (const match of page.text.matchAll(DAY_MONTH)) yield* real(page, match, match[3], monthOf(match[2]), Number(match[1]), false)
  for (const match of page.text.matchAll(MONTH_DAY)) yield* real(page, match, match[3], monthOf(match[1]), Number(match[2]), false)
}

function monthOf(name: string | undefined): number {
  return MONTH_NUMBERS.get(fold(name ?? '')) ?? 0
}

function* real(
  page: ReadPage,
  match: RegExpExecArray,
  yearText: string | undefined,
  month: number,
  day: number,
  ambiguous: boolean,
): Generator<FoundDate> {
  const year = fullYear(yearText ?? '')
  if (year < YEAR_MIN || year > YEAR_MAX) return
  const date = new Date(Date.UTC(year, month - 1, day))
  if (month < 1 || month > 12 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return
  yield {
    iso: date.toISOString().slice(0, 10),
    ambiguous,
    span: { page: page.number, start: match.index, end: match.index + match[0].length },
  }
}

function fullYear(text: string): number {
  const year = Number(text)
  if (text.length === 4) return year
  return year <= SHORT_YEAR_PIVOT ? 2000 + year : 1900 + year
}

function startsAfterPrevious(): (date: FoundDate) => boolean {
  let end = -1
  return (date) => {
    if (date.span.start < end) return false
    end = date.span.end
    return true
  }
}
