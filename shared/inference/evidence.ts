import type { Evidence, Page } from '../contracts/extraction.ts'

/**
 * Finds a quote in a page's text. White space is forgiving (a model joins lines), everything else is letter by letter.
 * The returned quote is the page's own text, so `text.slice(start, end) === quote`. Null when it does not stand there.
 */
export function locateInText(text: string, quote: string): { start: number; end: number; quote: string } | null {
  const wanted = quote.trim()
  if (wanted === '') return null
  const exact = text.indexOf(wanted)
  if (exact >= 0) return { start: exact, end: exact + wanted.length, quote: wanted }
  const pattern = wanted.split(/\s+/).map(escapeRegExp).join('\\s+')
  const match = new RegExp(pattern, 'u').exec(text)
  return match && { start: match.index, end: match.index + match[0].length, quote: match[0] }
}

/** The quote where it is claimed to stand, letter by letter; null when it stands elsewhere, or nowhere, or nothing was claimed. */
export function locateAt(pages: readonly Page[], quote: string, number: number | null, start: number | undefined): Evidence | null {
  if (number === null || start === undefined || quote === '') return null
  const page = pages.find((candidate) => candidate.number === number)
  return page?.text.startsWith(quote, start) ? { page: page.number, start, end: start + quote.length, quote } : null
}

/** The first page, the preferred one before the others, whose text holds the quote. */
export function locateInPages(pages: readonly Page[], quote: string, preferredPage?: number): Evidence | null {
  const ordered = [...pages].sort((a, b) => Number(b.number === preferredPage) - Number(a.number === preferredPage) || a.number - b.number)
  for (const page of ordered) {
    const found = locateInText(page.text, quote)
    if (found) return { page: page.number, ...found }
  }
  return null
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
