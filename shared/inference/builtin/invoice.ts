import type { INVOICE_FIELDS } from '../../contracts/extraction.ts'
import { type FoundAmount, type FoundCurrency, findAmounts, findCurrencies } from './amounts.ts'
import { addDays, type DateOrder, type FoundDate, findDates } from './dates.ts'
import { checked, type FoundField } from './fields.ts'
import { type FoundIdentifier, findIbans } from './identifiers.ts'
import { findInvoiceNumber } from './invoice-number.ts'
import { findParties, type Parties } from './invoice-parties.ts'
import { findTotals } from './invoice-totals.ts'
import { INVOICE_LABELS, type InvoiceLabel } from './invoice-vocabulary.ts'
import { findLabels, type Label, valuesOf } from './labels.ts'
import { findPaymentTerms } from './payment-terms.ts'
import { compilePhrases } from './phrases.ts'
import { lineAt, type ReadPage } from './reading.ts'
import { findLabelledVatId, findVatIds } from './vat-ids.ts'

type InvoiceFields = Record<(typeof INVOICE_FIELDS)[number], FoundField | null>

/** The fields of an invoice or credit note, each with where it is printed; null for what is not there. */
export function findInvoiceFields(pages: readonly ReadPage[], language: string | null, order: DateOrder | null): InvoiceFields {
  const labels = pages.flatMap((page) => findLabels(page, LABELS))
  const dates = new Map(pages.map((page) => [page, findDates(page, order)]))
  const amounts = new Map(pages.map((page) => [page, findAmounts(page, language)]))
  const parties = findParties(pages, labels)
  const totals = findTotals(labels, amounts)
  const vatIds = assignVatIds(pages, labels, parties)
  const issued = issueDate(labels, dates)
  return {
    invoice_number: findInvoiceNumber(pages, labels, [...dates.values()].flat()),
    issue_date: issued && dateField(issued),
    due_date: dueDate(pages, labels, dates, issued),
    seller_name: parties.seller,
    seller_vat_id: vatIds.seller,
    buyer_name: parties.buyer,
    buyer_vat_id: vatIds.buyer,
    iban: iban(pages, labels),
    currency: currency(pages, labels, totals.amounts),
    total_net: totals.net,
    total_tax: totals.tax,
    total_gross: totals.gross,
  }
}

type ByPage<V> = ReadonlyMap<ReadPage, readonly V[]>

interface TrustedDate {
  date: FoundDate
  /** Its label, or its place in the line of the title, says what it is. */
  told: boolean
}

const LABELS = compilePhrases<InvoiceLabel>(Object.entries(INVOICE_LABELS) as [InvoiceLabel, readonly string[]][])

/** How many lines under the title the date may stand. */
const TITLE_LINES = 2

/** Ways to tell the date of issue, the surest first; else the first date of all, untold. */
function issueDate(labels: readonly Label<InvoiceLabel>[], dates: ByPage<FoundDate>): TrustedDate | null {
  const bare = labels.filter((label) => label.kind !== 'date' || isLineHead(label))
  const told =
    dateBy('issue_date', labels, dates) ??
    (bare[0] &&
      dateBy(
        'date',
        bare.filter((label) => label.page === bare[0]?.page),
        dates,
      )) ??
    inTitleLine(labels, dates, 0) ??
    dateBy('date', labels, dates) ??
    inTitleLine(labels, dates, TITLE_LINES)
  if (told) return { date: told, told: true }
  const [first] = [...dates.values()].flat()
  return first ? { date: first, told: false } : null
}

/** "Date: …" at the beginning of a line. */
function isLineHead(label: Label<InvoiceLabel>): boolean {
  const line = label.page.lines[label.line]
  return line !== undefined && label.start <= line.start + 2 && /^[\s*_]*:/.test(label.page.text.slice(label.end, line.end))
}

function dateBy(kind: InvoiceLabel, labels: readonly Label<InvoiceLabel>[], dates: ByPage<FoundDate>): FoundDate | null {
  for (const [index, label] of labels.entries()) {
    if (label.kind !== kind) continue
    const [first] = valuesOf(labels, index, dates.get(label.page) ?? [])
    if (first) return first.value
  }
  return null
}

function inTitleLine(labels: readonly Label<InvoiceLabel>[], dates: ByPage<FoundDate>, linesBelow: number): FoundDate | null {
  for (const label of labels) {
    if (label.kind !== 'invoice_title' && label.kind !== 'invoice_number') continue
    const line = label.page.lines[label.line]
    if (!line || line.text.length > 120) continue
    const near = (dates.get(label.page) ?? []).find((date) => {
      const at = lineAt(label.page.lines, date.span.start)
      const spoken = labels.some(
        (other) =>
          other.page === label.page &&
          other.line === at &&
          other.end <= date.span.start &&
          (other.kind === 'foreign' || other.kind === 'due_date'),
      )
      return at >= label.line && at <= label.line + linesBelow && !spoken
    })
    if (near) return near
  }
  return null
}

function dateField({ date, told }: TrustedDate): FoundField {
  return { value: date.iso, status: told && !date.ambiguous ? 'verified' : 'unverified', spans: [date.span] }
}

/** As printed; else computed from the terms of payment, which is then the evidence, and `unverified`. Before the issue date it is `conflicting`. */
function dueDate(
  pages: readonly ReadPage[],
  labels: readonly Label<InvoiceLabel>[],
  dates: ByPage<FoundDate>,
  issued: TrustedDate | null,
): FoundField | null {
  const terms = pages.flatMap((page) => findPaymentTerms(page))
  const printed = dateBy('due_date', labels, dates) ?? dateAfterTerm(pages, terms, dates)
  if (printed) {
    const field = dateField({ date: printed, told: true })
    return issued?.told && printed.iso < issued.date.iso
      ? { ...field, status: 'conflicting', spans: [printed.span, issued.date.span] }
      : field
  }
  const [term] = terms
  return term && issued ? { value: addDays(issued.date.iso, term.days), status: 'unverified', spans: [term.span] } : null
}

/** "Zahlbar innerhalb 30 Tagen netto bis 04.04.2026", "payez avant le …": a date soon after the words of payment on the same line. */
function dateAfterTerm(pages: readonly ReadPage[], terms: ReturnType<typeof findPaymentTerms>, dates: ByPage<FoundDate>): FoundDate | null {
  for (const page of pages) {
    for (const date of dates.get(page) ?? []) {
      const line = page.lines[lineAt(page.lines, date.span.start)]
      const ahead = page.text.slice(line?.start ?? 0, date.span.start)
      const term = terms.find(({ span }) => span.page === page.number && span.start >= (line?.start ?? 0) && span.end <= date.span.start)
      if (term && date.span.start - term.span.end < 30 && !/%/.test(page.text.slice(term.span.end, date.span.start))) return date
      if (UNTIL.test(ahead.slice(-UNTIL_LENGTH))) return date
    }
  }
  return null
}

const UNTIL_LENGTH = 100
const UNTIL =
  /(?:zahl|überweis|begleich|\bpay|règl|payer|verser|pagar|abonar|pagare|saldare|versare|betal|voldoe)[^.\n%]{0,70}\b(?:bis(?: zum| spätestens)?|by|before|until|no later than|avant le|jusqu'au|au plus tard le|antes del|hasta el|entro il|vóór|voor|uiterlijk(?: op)?|tot) ?$/iu

/** The first valid one; one that fails its checksum only beside a label, where it is no other number. */
function iban(pages: readonly ReadPage[], labels: readonly Label<InvoiceLabel>[]): FoundField | null {
  const found = pages.flatMap((page) => findIbans(page).map((candidate) => ({ page, candidate })))
  const valid = found.find(({ candidate }) => candidate.valid)
  const beside = found.find(({ page, candidate }) => {
    const line = lineAt(page.lines, candidate.span.start)
    return labels.some((label) => label.kind === 'iban' && label.page === page && (label.line === line || label.line === line - 1))
  })
  return checked((valid ?? beside)?.candidate)
}

/** A VAT id is the buyer's where its label or its block says so, else the seller's: on an invoice the issuer must print his own (Directive 2006/112/EC, Art. 226). */
function assignVatIds(
  pages: readonly ReadPage[],
  labels: readonly Label<InvoiceLabel>[],
  parties: Parties,
): { seller: FoundField | null; buyer: FoundField | null } {
  const owned: { seller: FoundIdentifier[]; buyer: FoundIdentifier[] } = { seller: [], buyer: [] }
  for (const page of pages) {
    for (const found of allVatIds(page, labels)) {
      const label = labels.findLast(
        (other) =>
          other.page === page &&
          VAT_LABELS[other.kind] !== undefined &&
          other.start <= found.span.end &&
          lineAt(page.lines, found.span.start) - other.line <= 1,
      )
      if (!found.valid && !label) continue
      const buyers = label?.kind === 'buyer_vat_id' || parties.sectionAt(page, found.span.start) === 'buyer'
      owned[buyers ? 'buyer' : 'seller'].push(found)
    }
  }
  const seller = owned.seller.find((found) => found.valid) ?? owned.seller[0]
  const buyer = owned.buyer.find((found) => found.valid && found.value !== seller?.value) ?? owned.buyer[0]
  return { seller: checked(seller), buyer: checked(buyer) }
}

/** Kinds of label before a VAT id, and the country whose letters may be missing after it. */
const VAT_LABELS: Partial<Record<InvoiceLabel, string | null>> = {
  vat_id: null,
  buyer_vat_id: null,
  vat_id_it: 'IT',
  vat_id_es: 'ES',
  vat_id_gb: 'GB',
}

function allVatIds(page: ReadPage, labels: readonly Label<InvoiceLabel>[]): FoundIdentifier[] {
  const found = findVatIds(page)
  for (const label of labels) {
    const country = VAT_LABELS[label.kind]
    if (label.page !== page || country === undefined) continue
    const labelled = findLabelledVatId(page, label.end, country)
    if (labelled && !found.some((known) => known.span.start < labelled.span.end && labelled.span.start < known.span.end))
      found.push(labelled)
  }
  return found
}

/** The one printed beside the totals, else after its label, else the most frequent. Two of them beside the totals are `conflicting`. */
function currency(pages: readonly ReadPage[], labels: readonly Label<InvoiceLabel>[], totals: readonly FoundAmount[]): FoundField | null {
  const printed = new Map(pages.map((page) => [page, findCurrencies(page)]))
  const all = [...printed.values()].flat()
  const beside = totals.flatMap((amount) => amount.currency ?? [])
  const labelled = labels.flatMap((label, index) =>
    label.kind === 'currency' ? valuesOf(labels, index, printed.get(label.page) ?? []).slice(0, 1) : [],
  )
  const chosen = beside[0] ?? labelled[0]?.value ?? mostFrequent(all)
  if (!chosen) return null
  const conflict = beside.some((other) => other.code !== chosen.code)
  const certain = chosen.certain || all.some((other) => other.code === chosen.code && other.certain)
  return { value: chosen.code, status: conflict ? 'conflicting' : certain ? 'verified' : 'unverified', spans: [chosen.span] }
}

function mostFrequent(currencies: readonly FoundCurrency[]): FoundCurrency | null {
  const counts = new Map<string, number>()
  for (const { code } of currencies) counts.set(code, (counts.get(code) ?? 0) + 1)
  const [best] = [...counts].sort((a, b) => b[1] - a[1])
  return currencies.find(({ code }) => code === best?.[0]) ?? null
}
