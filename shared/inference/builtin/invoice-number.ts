import type { FoundDate } from './dates.ts'
import type { FoundField } from './fields.ts'
import type { InvoiceLabel } from './invoice-vocabulary.ts'
import { cellBelow, type Label, type Labels, lineStartFor, nextLabel } from './labels.ts'
import type { LineIndex } from './line-index.ts'
import { lineAt, type ReadPage, type Span } from './reading.ts'

/** Art. 226(2) of Directive 2006/112/EC asks for "a sequential number": it has a digit. UTF-16 code units. */
const NUMBER_LENGTH_MAX = 40

/**
 * After its label, before it (columns turned round), in the cell below it, after "No." in the line of the title, or right after the title.
 * Two labels that name different numbers make it `conflicting`.
 */
export function findInvoiceNumber(
  pages: readonly ReadPage[],
  labels: Labels<InvoiceLabel>,
  dates: LineIndex<FoundDate>,
): FoundField | null {
  const labelled = labels.all.flatMap((label) => (label.kind === 'invoice_number' ? (labelledNumber(labels, label, dates) ?? []) : []))
  const [found] = labelled.length > 0 ? labelled : inTitleLine(labels, dates)
  if (!found) return null
  const text = (span: Span) => pages.find((page) => page.number === span.page)?.text.slice(span.start, span.end) ?? ''
  const other = labelled.find((span) => text(span) !== text(found))
  return { value: text(found), status: other ? 'conflicting' : 'verified', spans: other ? [found, other] : [found] }
}

const BEFORE_LENGTH_MAX = 80
const AFTER_LENGTH_MAX = 80

const AFTER = /^[\s:#.°º()№|*_-]{0,8}((?:[A-Z]{1,6} )?[\p{L}\d][\p{L}\d._/-]{0,39})/u
const BEFORE = /(?:^|\s)((?:[A-Z]{1,6} )?[\p{L}\d][\p{L}\d._/-]{0,39})\s*$/u

function labelledNumber(labels: Labels<InvoiceLabel>, label: Label<InvoiceLabel>, dates: LineIndex<FoundDate>): Span | null {
  const line = label.page.lines[label.line]
  if (!line) return null
  const next = nextLabel(labels, label)
  const after = numberIn(label.page, label.end, next && next.kind !== 'number_sign' ? next.start : line.end, AFTER, dates)
  if (after) return after
  const cell = cellBelow(labels, label)
  const inCell = cell && numberIn(label.page, cell.start, cell.end, AFTER, dates)
  if (inCell) return inCell
  if (/[\p{L}\d]/u.test(label.page.text.slice(label.end, line.end))) return null
  const from = Math.max(lineStartFor(labels, label, line), label.start - BEFORE_LENGTH_MAX)
  const before = numberIn(label.page, from, label.start, BEFORE, dates)
  const below = label.page.lines[label.line + 1]
  return before ?? (below && !/\s/.test(below.text) ? numberIn(label.page, below.start, below.end, AFTER, dates) : null)
}

/** "Invoice No. 12", "Handelsrechnung … Nr. 12 vom", "Avoir AV-12". */
function inTitleLine(labels: Labels<InvoiceLabel>, dates: LineIndex<FoundDate>): Span[] {
  for (const title of labels.all) {
    const line = title.page.lines[title.line]
    if (title.kind !== 'invoice_title' || !line) continue
    const sign = labels.onLine(title.page, title.line).find((label) => label.kind === 'number_sign' && label.start > title.start)
    const found = numberIn(title.page, sign?.end ?? title.end, line.end, AFTER, dates)
    if (found) return [found]
  }
  return []
}

function numberIn(page: ReadPage, from: number, to: number, pattern: RegExp, dates: LineIndex<FoundDate>): Span | null {
  const text = page.text.slice(from, Math.min(to, from + AFTER_LENGTH_MAX))
  const match = pattern.exec(text)
  const printed = match?.[1]?.replace(/[._/-]+$/, '')
  if (!match?.[1] || !printed || !/\d/.test(printed) || printed.length > NUMBER_LENGTH_MAX) return null
  const start = from + match.index + match[0].indexOf(match[1])
  const span = { page: page.number, start, end: start + printed.length }
  if (dates.onLine(page, lineAt(page.lines, span.start)).some((date) => date.span.start < span.end && span.start < date.span.end))
    return null
  return /^[ \u00a0]?[%€]/.test(page.text.slice(span.end, span.end + 2)) ? null : span
}
