import type { Evidence, Page } from '../../contracts/extraction.ts'

/**
 * What the rules look at, over all pages together; the rest of a longer document is not read. UTF-16 code units: about a hundred full pages.
 * The rules run on a worker's event loop, so this bounds how long one document holds it.
 */
const READ_LENGTH_MAX = 300_000

/** A longer run of letters and digits is no word. UTF-16 code units. */
const WORD_LENGTH_MAX = 64

/** Offsets into the page's text; `start` and `end` leave out white space at both ends. */
export interface Line {
  start: number
  end: number
  text: string
}

/** `folded` is lower case without accents; `line` is an index into the page's lines. */
export interface Word {
  start: number
  end: number
  folded: string
  line: number
}

/** One page cut into lines and words once, for all rules. `text` is the beginning of the page's text, so offsets into it are the page's own. */
export interface ReadPage {
  number: number
  text: string
  lines: readonly Line[]
  words: readonly Word[]
}

/** A stretch of one page: what evidence is made of. */
export interface Span {
  page: number
  start: number
  end: number
}

/** The pages that have text, in order, until READ_LENGTH_MAX is used up. */
export function readPages(pages: readonly Page[]): ReadPage[] {
  const read: ReadPage[] = []
  let left = READ_LENGTH_MAX
  for (const page of pages) {
    if (left === 0) break
    if (page.text === '') continue
    const text = page.text.slice(0, left)
    left -= text.length
    const lines = cutLines(text)
    read.push({ number: page.number, text, lines, words: cutWords(text, lines) })
  }
  return read
}

export function evidenceOf(pages: readonly ReadPage[], span: Span): Evidence {
  const text = pages.find((page) => page.number === span.page)?.text ?? ''
  return { ...span, quote: text.slice(span.start, span.end) }
}

/** Lower case, without accents and ligatures, as the vocabularies are written. */
export function fold(word: string): string {
  const lower = word.toLowerCase()
  return ASCII.test(lower) ? lower : lower.normalize('NFKD').replace(/\p{M}/gu, '').replaceAll('ß', 'ss')
}

/** The line that holds the offset; lines are in order, so half of them are left out at each step. */
export function lineAt(lines: readonly Line[], offset: number): number {
  let low = 0
  let high = lines.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((lines[middle]?.start ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}

const ASCII = /^[ -~]*$/
const WORD = /[\p{L}\p{M}\p{N}]+/gu

function cutLines(text: string): Line[] {
  const lines: Line[] = []
  for (let at = 0; at <= text.length; ) {
    const newline = text.indexOf('\n', at)
    const stop = newline < 0 ? text.length : newline
    const raw = text.slice(at, stop)
    const trimmed = raw.trim()
    if (trimmed !== '') {
      const start = at + raw.length - raw.trimStart().length
      lines.push({ start, end: start + trimmed.length, text: trimmed })
    }
    at = stop + 1
  }
  return lines
}

function cutWords(text: string, lines: readonly Line[]): Word[] {
  const words: Word[] = []
  let line = 0
  for (const match of text.matchAll(WORD)) {
    const start = match.index
    while (line + 1 < lines.length && (lines[line + 1]?.start ?? 0) <= start) line += 1
    words.push({ start, end: start + match[0].length, folded: fold(match[0].slice(0, WORD_LENGTH_MAX)), line })
  }
  return words
}
