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
