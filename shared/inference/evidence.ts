import type { Evidence, Page } from '../contracts/extraction.ts'

/** Places of one quote that are looked at: a short one may stand in every line of a table. */
const OCCURRENCES_MAX = 500

type Place = Pick<Evidence, 'start' | 'end' | 'quote'>

/**
 * Finds a quote in a page's text. White space is forgiving (a model joins lines), everything else is letter by letter.
 * The returned quote is the page's own text, so `text.slice(start, end) === quote`. Null when it does not stand there.
 */
export function locateInText(text: string, quote: string): Place | null {
  const wanted = quote.trim()
  if (wanted === '') return null
  const exact = text.indexOf(wanted)
  if (exact >= 0 && !cutsNumber(text, exact, exact + wanted.length)) return { start: exact, end: exact + wanted.length, quote: wanted }
  return occurrencesIn(text, wanted).next().value ?? null
}

/** The quote where it is claimed to stand, letter by letter; null when it stands elsewhere, or nowhere, or nothing was claimed. */
export function locateAt(pages: readonly Page[], quote: string, number: number | null, start: number | undefined): Evidence | null {
  // `startsWith` takes a negative start for 0.
  if (number === null || start === undefined || start < 0 || quote === '') return null
  const page = pages.find((candidate) => candidate.number === number)
  return page?.text.startsWith(quote, start) ? { page: page.number, start, end: start + quote.length, quote } : null
}

/** The first page, the preferred one before the others, whose text holds the quote. */
export function locateInPages(pages: readonly Page[], quote: string, preferredPage?: number): Evidence | null {
  for (const page of preferring(pages, preferredPage)) {
    const found = locateInText(page.text, quote)
    if (found) return { page: page.number, ...found }
  }
  return null
}

/** Every place of the quote, in order, on the first page that has it, the preferred one before the others. */
export function locateAll(pages: readonly Page[], quote: string, preferredPage?: number): Evidence[] {
  const wanted = quote.trim()
  if (wanted === '') return []
  for (const page of preferring(pages, preferredPage)) {
    const found: Evidence[] = []
    for (const place of occurrencesIn(page.text, wanted)) {
      if (found.push({ page: page.number, ...place }) === OCCURRENCES_MAX) break
    }
    if (found.length > 0) return found
  }
  return []
}

function preferring(pages: readonly Page[], preferred: number | undefined): Page[] {
  return [...pages].sort((a, b) => Number(b.number === preferred) - Number(a.number === preferred) || a.number - b.number)
}

function* occurrencesIn(text: string, wanted: string): Generator<Place, undefined> {
  const pattern = wanted.split(/\s+/).map(escapeRegExp).join('\\s+')
  for (const match of text.matchAll(new RegExp(pattern, 'gu'))) {
    const end = match.index + match[0].length
    if (!cutsNumber(text, match.index, end)) yield { start: match.index, end, quote: match[0] }
  }
}

/** A quote is no part of a longer number: 234,50 does not stand in 1.234,50, nor 12 in 2012. */
function cutsNumber(text: string, start: number, end: number): boolean {
  const before = /\d(?:[.,'’\u00a0\u202f]?)$/.test(text.slice(Math.max(0, start - 2), start)) && /\d/.test(text[start] ?? '')
  return before || (/\d/.test(text[end - 1] ?? '') && /^[.,'’\u00a0\u202f]?\d/.test(text.slice(end, end + 2)))
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
