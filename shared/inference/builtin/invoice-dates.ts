import { addDays, type FoundDate } from './dates.ts'
import type { FoundField } from './fields.ts'
import type { InvoiceLabel } from './invoice-vocabulary.ts'
import { type Label, type Labels, valuesOf } from './labels.ts'
import { indexByLine, type LineIndex, spanStart } from './line-index.ts'
import { findPaymentTerms, type PaymentTerm } from './payment-terms.ts'
import { lineAt, type ReadPage } from './reading.ts'

export interface InvoiceDates {
  issued: FoundField | null
  due: FoundField | null
}

/**
 * Date of issue and due date. A due date that is not printed is computed from the terms of payment, which are then its evidence, and `unverified`;
 * one before the date of issue is `conflicting`.
 */
export function findInvoiceDates(pages: readonly ReadPage[], labels: Labels<InvoiceLabel>, dates: LineIndex<FoundDate>): InvoiceDates {
  const issued = issueDate(labels, dates)
  return { issued: issued && dateField(issued), due: dueDate(pages, labels, dates, issued) }
}

interface TrustedDate {
  date: FoundDate
  /** Its label, or its place in the line of the title, says what it is. */
  told: boolean
}

/** How many lines under the title the date may stand, and how long the line of a title is. */
const TITLE_LINES = 2
const TITLE_LENGTH_MAX = 120

/** Ways to tell the date of issue, the surest first; else the first date of all, untold. */
function issueDate(labels: Labels<InvoiceLabel>, dates: LineIndex<FoundDate>): TrustedDate | null {
  const firstPage = labels.all[0]?.page
  const told =
    dateBy(labels, dates, (label) => label.kind === 'issue_date') ??
    dateBy(labels, dates, (label) => label.kind === 'date' && label.page === firstPage && isLineHead(label)) ??
    nearTitle(labels, dates, 0) ??
    dateBy(labels, dates, (label) => label.kind === 'date') ??
    nearTitle(labels, dates, TITLE_LINES)
  if (told) return { date: told, told: true }
  const [first] = dates.all
  return first ? { date: first, told: false } : null
}

function dateBy(
  labels: Labels<InvoiceLabel>,
  dates: LineIndex<FoundDate>,
  wanted: (label: Label<InvoiceLabel>) => boolean,
): FoundDate | null {
  for (const label of labels.all) {
    const [first] = wanted(label) ? valuesOf(labels, label, dates) : []
    if (first) return first.value
  }
  return null
}

/** "Date: …" at the beginning of a line. */
function isLineHead(label: Label<InvoiceLabel>): boolean {
  const line = label.page.lines[label.line]
  return line !== undefined && label.start <= line.start + 2 && /^[\s*_]*:/.test(label.page.text.slice(label.end, line.end))
}

/** "Facture n° 12 du 2 juillet 2026", or the date right under "INVOICE"; not one that another label speaks of. */
function nearTitle(labels: Labels<InvoiceLabel>, dates: LineIndex<FoundDate>, linesBelow: number): FoundDate | null {
  for (const title of labels.all) {
    if (title.kind !== 'invoice_title' && title.kind !== 'invoice_number') continue
    if ((title.page.lines[title.line]?.text.length ?? 0) > TITLE_LENGTH_MAX) continue
    for (let at = title.line; at <= title.line + linesBelow; at += 1) {
      const foreign = labels.onLine(title.page, at).filter((label) => label.kind === 'foreign' || label.kind === 'due_date')
      const near = dates.onLine(title.page, at).find((date) => !foreign.some((label) => label.end <= date.span.start))
      if (near) return near
    }
  }
  return null
}

function dateField({ date, told }: TrustedDate): FoundField {
  return { value: date.iso, status: told && !date.ambiguous ? 'verified' : 'unverified', spans: [date.span] }
}

function dueDate(
  pages: readonly ReadPage[],
  labels: Labels<InvoiceLabel>,
  dates: LineIndex<FoundDate>,
  issued: TrustedDate | null,
): FoundField | null {
  const terms = indexByLine(pages, findPaymentTerms, spanStart)
  const printed = dateBy(labels, dates, (label) => label.kind === 'due_date') ?? dateAfterTerm(pages, terms, dates)
  if (printed) {
    const field = dateField({ date: printed, told: true })
    const before = issued?.told && printed.iso < issued.date.iso
    return before ? { ...field, status: 'conflicting', spans: [printed.span, issued.date.span] } : field
  }
  const [term] = terms.all
  return term && issued ? { value: addDays(issued.date.iso, term.days), status: 'unverified', spans: [term.span] } : null
}

/** How far the date stands from its term. UTF-16 code units. */
const TERM_DISTANCE_MAX = 30
const UNTIL_LENGTH = 100

/** "Zahlbar innerhalb 30 Tagen netto bis 04.04.2026", "payez avant le …": a date soon after the words of payment on the same line. */
function dateAfterTerm(pages: readonly ReadPage[], terms: LineIndex<PaymentTerm>, dates: LineIndex<FoundDate>): FoundDate | null {
  for (const date of dates.all) {
    const page = pages.find(({ number }) => number === date.span.page)
    const at = page ? lineAt(page.lines, date.span.start) : 0
    const line = page?.lines[at]
    if (!page || !line) continue
    const distance = (term: PaymentTerm) => date.span.start - term.span.end
    const term = terms.onLine(page, at).find((candidate) => distance(candidate) >= 0 && distance(candidate) < TERM_DISTANCE_MAX)
    if (term && !/%/.test(page.text.slice(term.span.end, date.span.start))) return date
    if (UNTIL.test(page.text.slice(Math.max(line.start, date.span.start - UNTIL_LENGTH), date.span.start))) return date
  }
  return null
}

const UNTIL =
  /(?:[Zz]ahl|[Üü]berweis|[Bb]egleich|\b[Pp]ay|[Rr]ègl|[Pp]ai?y?er|[Vv]erser|[Pp]agar|[Aa]bonar|[Ss]aldare|[Vv]ersare|[Bb]etal|[Vv]oldoe)[^.\n%]{0,70}[ \n](?:bis(?: zum| spätestens)?|by|before|until|no later than|avant le|jusqu['’]au|au plus tard le|antes del|hasta el|entro il|vóór|voor|uiterlijk(?: op)?|tot) ?$/
