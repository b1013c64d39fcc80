import { indexByLine, type LineIndex } from './line-index.ts'
import { findPhrases, type PhraseTable } from './phrases.ts'
import type { Line, ReadPage, Span } from './reading.ts'

/**
 * A word or phrase that says what the value beside it is. `kind` is its meaning, `words` how many it has (more is more exact), `position` which label of
 * its line it is.
 */
export interface Label<K> {
  kind: K
  page: ReadPage
  start: number
  end: number
  line: number
  words: number
  position: number
}

export type Labels<K> = LineIndex<Label<K>>

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

/** Nobody lays out labels in lines longer than this. UTF-16 code units. */
const LINE_LENGTH_MAX = 4_000
const TABLE_LINE_LENGTH_MAX = 500

/** The labels of all pages. One inside brackets after another label explains that one, and is left out. */
export function indexLabels<K>(pages: readonly ReadPage[], table: PhraseTable<K>): Labels<K> {
  return indexByLine(
    pages,
    (page) => findLabels(page, table),
    (label) => label.start,
  )
}

/** The values that the label may speak of, the likeliest first. */
export function valuesOf<K, V extends { span: Span }>(labels: Labels<K>, label: Label<K>, values: LineIndex<V>): Labelled<V>[] {
  const line = label.page.lines[label.line]
  if (!line || line.text.length > LINE_LENGTH_MAX) return []
  const onLine = values.onLine(label.page, label.line)
  const stop = Math.min(nextLabel(labels, label)?.start ?? line.end, label.end + DISTANCE_MAX)
  const after = onLine.filter((value) => value.span.start >= label.end && value.span.start < stop)
  if (after.length > 0) return after.map((value) => ({ value, relation: 'after' }))
  const cell = cellBelow(labels, label)
  const inCell = cell ? values.onLine(label.page, cell.line).filter(({ span }) => span.start >= cell.start && span.end <= cell.end) : []
  if (inCell.length > 0) return inCell.map((value) => ({ value, relation: 'below' }))
  const before = endsLine(label, line)
    ? onLine.filter(({ span }) => span.start >= lineStartFor(labels, label, line) && span.end <= label.start)
    : []
  if (before.length > 0) return before.reverse().map((value) => ({ value, relation: 'before' }))
  return valuesBelow(labels, label, line, values).map((value) => ({ value, relation: 'below' }))
}

/** The label that follows on the same line. */
export function nextLabel<K>(labels: Labels<K>, label: Label<K>): Label<K> | null {
  return labels.onLine(label.page, label.line)[label.position + 1] ?? null
}

/** Where the stretch of the line that belongs to the label begins: at the end of the label before it. */
export function lineStartFor<K>(labels: Labels<K>, label: Label<K>, line: Line): number {
  return labels.onLine(label.page, label.line)[label.position - 1]?.end ?? line.start
}

/**
 * The cell under a label in the head of a table: the line has at least two cells, and the next line as many. Cells are parted by tabs, bars or wide
 * gaps; where the head is nothing but labels, single spaces part the values.
 */
export function cellBelow<K>(labels: Labels<K>, label: Label<K>): { line: number; start: number; end: number } | null {
  const head = label.page.lines[label.line]
  const below = label.page.lines.slice(label.line + 1, label.line + 1 + LINES_BELOW_MAX).findIndex((line) => !/^[|\s:-]+$/.test(line.text))
  const next = label.page.lines[label.line + 1 + below]
  if (!head || below < 0 || !next || Math.max(head.text.length, next.text.length) > TABLE_LINE_LENGTH_MAX) return null
  const line = label.line + 1 + below
  const heads = cells(head, WIDE_GAP)
  const values = cells(next, WIDE_GAP)
  const column = heads.findIndex((cell) => cell.start <= label.start && label.end <= cell.end)
  const value = values[column]
  if (heads.length >= 2 && heads.length === values.length) return value ? { line, ...value } : null
  const onLine = labels.onLine(label.page, label.line)
  const tokens = cells(next, /\s+/g)
  const covered = onLine.reduce((sum, other) => sum + other.end - other.start, 0)
  if (onLine.length < 2 || onLine.length !== tokens.length || head.text.replace(/[^\p{L}\d]/gu, '').length > covered) return null
  const token = tokens[label.position]
  return token ? { line, ...token } : null
}

const WIDE_GAP = /\s*\|\s*|\t+| {2,}/g

function findLabels<K>(page: ReadPage, table: PhraseTable<K>): Label<K>[] {
  const labels: Label<K>[] = []
  for (const { value, start, end, line, words } of findPhrases(page, table)) {
    const previous = labels.at(-1)
    const sameLine = previous?.line === line
    if (sameLine && bracketOpen(page.text.slice(previous.end, start))) continue
    labels.push({ kind: value, page, start, end, line, words, position: sameLine ? previous.position + 1 : 0 })
  }
  return labels
}

function bracketOpen(between: string): boolean {
  return between.lastIndexOf('(') > between.lastIndexOf(')')
}

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

/** Nothing but a rate of tax and signs follows the label. */
function endsLine<K>(label: Label<K>, line: Line): boolean {
  const after = label.page.text.slice(label.end, Math.min(line.end, label.end + DISTANCE_MAX))
  return !/[\p{L}\d]/u.test(after.replace(/\d+(?:[.,]\d+)? ?%.*$/u, ''))
}

/** Only when nothing follows the label on its line; then the first line below that begins with a value, unless another label waits for it. */
function valuesBelow<K, V extends { span: Span }>(labels: Labels<K>, label: Label<K>, line: Line, values: LineIndex<V>): readonly V[] {
  if (/[\p{L}\d]/u.test(label.page.text.slice(label.end, line.end))) return []
  for (let at = label.line + 1; at <= label.line + LINES_BELOW_MAX; at += 1) {
    const below = label.page.lines[at]
    if (!below) return []
    const found = values.onLine(label.page, at)
    const ahead = label.page.text.slice(below.start, found[0]?.span.start ?? below.start).replace(/\b[A-Z]{3}\b|euros?/i, '')
    if (found.length > 0 && !/[\p{L}\d]{2}/u.test(ahead)) return found
    if ((labels.onLine(label.page, at).at(-1)?.end ?? 0) >= below.end - 2) return []
  }
  return []
}
