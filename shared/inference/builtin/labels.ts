import { findPhrases, type PhraseTable } from './phrases.ts'
import type { Line, ReadPage, Span } from './reading.ts'

/** A word or phrase that says what the value beside it is. `kind` is its meaning; `words` how many it has: more is more exact. */
export interface Label<K> {
  kind: K
  page: ReadPage
  start: number
  end: number
  line: number
  words: number
}

/** How a value was tied to its label: `after` on the line, `before` it (PDF text often turns columns round), or `below`. */
export type Relation = 'after' | 'before' | 'below'

export interface Labelled<V> {
  value: V
  relation: Relation
}

/** A value further from its label than this on one line belongs to something else. UTF-16 code units. */
const DISTANCE_MAX = 80

/** PDF text may put the labels of a column first and their values after them. */
const LINES_BELOW_MAX = 3

/** The labels of a page in the order of the text. One inside brackets after another label explains that one, and is left out. */
export function findLabels<K>(page: ReadPage, table: PhraseTable<K>): Label<K>[] {
  const labels: Label<K>[] = []
  for (const { value, start, end, line, words } of findPhrases(page, table)) {
    const previous = labels.at(-1)
    if (previous?.line === line && bracketOpen(page.text.slice(previous.end, start))) continue
    labels.push({ kind: value, page, start, end, line, words })
  }
  return labels
}

/** The values that the label at `index` may speak of, the likeliest first. `values` are those of its page, in order. */
export function valuesOf<K, V extends { span: Span }>(labels: readonly Label<K>[], index: number, values: readonly V[]): Labelled<V>[] {
  const label = labels[index]
  const line = label?.page.lines[label.line]
  if (!label || !line) return []
  const stop = Math.min(nextOnLine(labels, index)?.start ?? line.end, label.end + DISTANCE_MAX)
  const after = values.filter((value) => value.span.start >= label.end && value.span.start < stop)
  if (after.length > 0) return after.map((value) => ({ value, relation: 'after' }))
  const cell = cellBelow(labels, index)
  if (cell) {
    const inCell = values.filter((value) => value.span.start >= cell.start && value.span.end <= cell.end)
    if (inCell.length > 0) return inCell.map((value) => ({ value, relation: 'below' }))
  }
  const before = valuesBefore(labels, index, line, values)
  if (before.length > 0) return before.map((value) => ({ value, relation: 'before' }))
  return valuesBelow(labels, label, line, values).map((value) => ({ value, relation: 'below' }))
}

/**
 * The cell under a label in the head of a table: the line has at least two cells, and the next line as many. Cells are parted by tabs, bars or wide
 * gaps; where the head is nothing but labels, single spaces part the values.
 */
export function cellBelow<K>(labels: readonly Label<K>[], index: number): { start: number; end: number } | null {
  const label = labels[index]
  if (!label) return null
  const head = label.page.lines[label.line]
  const next = label.page.lines.slice(label.line + 1, label.line + 1 + LINES_BELOW_MAX).find((line) => !/^[|\s:-]+$/.test(line.text))
  if (!head || !next) return null
  const heads = cells(head, WIDE_GAP)
  const column = heads.findIndex((cell) => cell.start <= label.start && label.end <= cell.end)
  const values = cells(next, WIDE_GAP)
  if (heads.length >= 2 && heads.length === values.length) return values[column] ?? null
  const onLine = labels.filter((other) => other.page === label.page && other.line === label.line)
  const tokens = cells(next, /\s+/g)
  const covered = onLine.reduce((sum, other) => sum + other.end - other.start, 0)
  if (onLine.length < 2 || onLine.length !== tokens.length || head.text.replace(/[^\p{L}\d]/gu, '').length > covered) return null
  return tokens[onLine.indexOf(label)] ?? null
}

const WIDE_GAP = /\s*\|\s*|\t+| {2,}/g

function cells(line: Line, separator: RegExp): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = []
  let at = 0
  for (const gap of [...line.text.matchAll(separator), null]) {
    const stop = gap?.index ?? line.text.length
    if (stop > at) found.push({ start: line.start + at, end: line.start + stop })
    at = stop + (gap?.[0].length ?? 0)
  }
  return found
}

function bracketOpen(between: string): boolean {
  return between.lastIndexOf('(') > between.lastIndexOf(')')
}

function nextOnLine<K>(labels: readonly Label<K>[], index: number): Label<K> | null {
  const next = labels[index + 1]
  return next && next.page === labels[index]?.page && next.line === labels[index].line ? next : null
}

/** Only when the label ends its line; the nearest value first, up to the label before. */
function valuesBefore<K, V extends { span: Span }>(labels: readonly Label<K>[], index: number, line: Line, values: readonly V[]): V[] {
  const label = labels[index]
  if (!label || /[\p{L}\d]/u.test(label.page.text.slice(label.end, line.end).replace(/\d+(?:[.,]\d+)? ?%.*$/u, ''))) return []
  const previous = labels[index - 1]
  const from = previous && previous.page === label.page && previous.line === label.line ? previous.end : line.start
  return values.filter((value) => value.span.start >= from && value.span.end <= label.start).reverse()
}

/** Only when nothing follows the label on its line; then the first line below that begins with a value, unless another label waits for it. */
function valuesBelow<K, V extends { span: Span }>(labels: readonly Label<K>[], label: Label<K>, line: Line, values: readonly V[]): V[] {
  if (/[\p{L}\d]/u.test(label.page.text.slice(label.end, line.end))) return []
  for (const below of label.page.lines.slice(label.line + 1, label.line + 1 + LINES_BELOW_MAX)) {
    const found = values.filter((value) => value.span.start >= below.start && value.span.end <= below.end)
    const [first] = found
    if (first && !/[\p{L}\d]{2}/u.test(label.page.text.slice(below.start, first.span.start).replace(/\b[A-Z]{3}\b|euros?/i, '')))
      return found
    if (labels.some((other) => other.page === label.page && other.end <= below.end && other.end >= below.end - 2)) return []
  }
  return []
}
