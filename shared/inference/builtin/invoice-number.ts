import type { FoundDate } from './dates.ts'
import type { FoundField } from './fields.ts'
import type { InvoiceLabel } from './invoice-vocabulary.ts'
import { cellBelow, type Label } from './labels.ts'
import type { ReadPage, Span } from './reading.ts'

/** Art. 226(2) of Directive 2006/112/EC asks for "a sequential number": it has a digit. UTF-16 code units. */
const NUMBER_LENGTH_MAX = 40

/**
 * After its label, before it (columns turned round), in the cell below it, after "No." in the line of the title, or right after the title.
 * Two labels that name different numbers make it `conflicting`.
 */
export function findInvoiceNumber(
  pages: readonly ReadPage[],
  labels: readonly Label<InvoiceLabel>[],
  dates: readonly FoundDate[],
): FoundField | null {
  const taken = dates.map((date) => date.span)
  const labelled = labels.flatMap((label, index) => (label.kind === 'invoice_number' ? (labelledNumber(labels, index, taken) ?? []) : []))
  const [found] = labelled.length > 0 ? labelled : inTitleLine(labels, taken)
  if (!found) return null
  const text = (span: Span) => pages.find((page) => page.number === span.page)?.text.slice(span.start, span.end) ?? ''
  const other = labelled.find((span) => text(span) !== text(found))
  return { value: text(found), status: other ? 'conflicting' : 'verified', spans: other ? [found, other] : [found] }
}

const AFTER = /^[\s:#.°º()№|*_-]{0,8}((?:[A-Z]{1,6} )?[\p{L}\d][\p{L}\d._/-]{0,39})/u
const BEFORE = /(?:^|\s)((?:[A-Z]{1,6} )?[\p{L}\d][\p{L}\d._/-]{0,39})\s*$/u

function labelledNumber(labels: readonly Label<InvoiceLabel>[], index: number, taken: readonly Span[]): Span | null {
  const label = labels[index]
  const line = label?.page.lines[label.line]
  if (!label || !line) return null
  const next = labels[index + 1]
  const stop = next?.page === label.page && next.line === label.line && next.kind !== 'number_sign' ? next.start : line.end
  const after = numberIn(label.page, label.end, stop, AFTER, taken)
  if (after) return after
  const cell = cellBelow(labels, index)
  const inCell = cell && numberIn(label.page, cell.start, cell.end, AFTER, taken)
  if (inCell) return inCell
  const previous = labels[index - 1]
  const from = previous?.page === label.page && previous.line === label.line ? previous.end : line.start
  if (/[\p{L}\d]/u.test(label.page.text.slice(label.end, line.end))) return null
  const before = numberIn(label.page, from, label.start, BEFORE, taken)
  const below = label.page.lines[label.line + 1]
  return before ?? (below && !/\s/.test(below.text) ? numberIn(label.page, below.start, below.end, AFTER, taken) : null)
}

/** "Invoice No. 12", "Handelsrechnung … Nr. 12 vom", "Avoir AV-12". */
function inTitleLine(labels: readonly Label<InvoiceLabel>[], taken: readonly Span[]): Span[] {
  for (const title of labels) {
    const line = title.page.lines[title.line]
    if (title.kind !== 'invoice_title' || !line) continue
    const sign = labels.find(
      (label) => label.page === title.page && label.line === title.line && label.kind === 'number_sign' && label.start > title.start,
    )
    const found = numberIn(title.page, sign?.end ?? title.end, line.end, AFTER, taken)
    if (found) return [found]
  }
  return []
}

function numberIn(page: ReadPage, from: number, to: number, pattern: RegExp, taken: readonly Span[]): Span | null {
  const text = page.text.slice(from, to)
  const match = pattern.exec(text)
  const printed = match?.[1]?.replace(/[._/-]+$/, '')
  if (!match?.[1] || !printed || !/\d/.test(printed) || printed.length > NUMBER_LENGTH_MAX) return null
  const start = from + match.index + match[0].indexOf(match[1])
  const span = { page: page.number, start, end: start + printed.length }
  if (taken.some((date) => date.page === span.page && date.start < span.end && span.start < date.end)) return null
  return /^[ \u00a0]?[%€]/.test(page.text.slice(span.end, span.end + 2)) ? null : span
}
