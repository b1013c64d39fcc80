import type { INVOICE_FIELDS } from '../../contracts/extraction.ts'
import { type FoundAmount, type FoundCurrency, findAmounts, findCurrencies } from './amounts.ts'
import { type DateOrder, findDates } from './dates.ts'
import { checked, type FoundField } from './fields.ts'
import { type FoundIdentifier, findIbans } from './identifiers.ts'
import { findInvoiceDates } from './invoice-dates.ts'
import { findInvoiceNumber } from './invoice-number.ts'
import { findParties, type Parties } from './invoice-parties.ts'
import { findTotals } from './invoice-totals.ts'
import { INVOICE_LABELS, type InvoiceLabel } from './invoice-vocabulary.ts'
import { indexLabels, type Label, type Labels, valuesOf } from './labels.ts'
import { indexByLine, type LineIndex, spanStart } from './line-index.ts'
import { sectionAt } from './party-sections.ts'
import { compilePhrases } from './phrases.ts'
import { lineAt, type ReadPage, type Span } from './reading.ts'
import { findLabelledVatId, findVatIds } from './vat-ids.ts'

type InvoiceFields = Record<(typeof INVOICE_FIELDS)[number], FoundField | null>

/** The fields of an invoice or credit note, each with where it is printed; null for what is not there. */
export function findInvoiceFields(pages: readonly ReadPage[], language: string | null, order: DateOrder | null): InvoiceFields {
  const labels = indexLabels(pages, LABELS)
  const dates = indexByLine(pages, (page) => findDates(page, order), spanStart)
  const amounts = indexByLine(pages, (page) => findAmounts(page, language), spanStart)
  const parties = findParties(pages, labels)
  const totals = findTotals(pages, labels, amounts)
  const vatIds = assignVatIds(pages, labels, parties)
  const { issued, due } = findInvoiceDates(pages, labels, dates)
  return {
    invoice_number: findInvoiceNumber(pages, labels, dates),
    issue_date: issued,
    due_date: due,
    seller_name: parties.seller,
    seller_vat_id: vatIds.seller,
    buyer_name: parties.buyer,
    buyer_vat_id: vatIds.buyer,
    iban: iban(pages, labels),
    currency: currency(indexByLine(pages, findCurrencies, spanStart), labels, totals.amounts),
    total_net: totals.net,
    total_tax: totals.tax,
    total_gross: totals.gross,
  }
}

const LABELS = compilePhrases<InvoiceLabel>(Object.entries(INVOICE_LABELS) as [InvoiceLabel, readonly string[]][])

/** The first valid one; one that fails its checksum only beside a label, where it is no other number. */
function iban(pages: readonly ReadPage[], labels: Labels<InvoiceLabel>): FoundField | null {
  const found = pages.flatMap((page) => findIbans(page).map((candidate) => ({ page, candidate })))
  const valid = found.find(({ candidate }) => candidate.valid)
  const beside = found.find(({ page, candidate }) => labelNear(page, labels, candidate.span, (label) => label.kind === 'iban') !== null)
  return checked((valid ?? beside)?.candidate)
}

/** A label on the line of the span, or on the one above. */
function labelNear(
  page: ReadPage,
  labels: Labels<InvoiceLabel>,
  span: Span,
  wanted: (label: Label<InvoiceLabel>) => boolean,
): Label<InvoiceLabel> | null {
  const line = lineAt(page.lines, span.start)
  const onLine = labels.onLine(page, line).filter(wanted)
  return onLine.findLast((label) => label.start <= span.start) ?? onLine[0] ?? labels.onLine(page, line - 1).findLast(wanted) ?? null
}

/** Kinds of label before a VAT id, and the country whose letters may be missing after it. */
const VAT_LABELS: Partial<Record<InvoiceLabel, string | null>> = {
  vat_id: null,
  buyer_vat_id: null,
  vat_id_it: 'IT',
  vat_id_es: 'ES',
  vat_id_gb: 'GB',
}

/**
 * A VAT id is the buyer's where its label or its block says so, else the seller's: the issuer must print his own (Directive 2006/112/EC, Art. 226(3)).
 */
function assignVatIds(
  pages: readonly ReadPage[],
  labels: Labels<InvoiceLabel>,
  parties: Parties,
): { seller: FoundField | null; buyer: FoundField | null } {
  const owned: { seller: FoundIdentifier[]; buyer: FoundIdentifier[] } = { seller: [], buyer: [] }
  for (const page of pages) {
    for (const found of [...findVatIds(page), ...nationalVatIds(page, labels)]) {
      const label = labelNear(page, labels, found.span, ({ kind }) => VAT_LABELS[kind] !== undefined)
      if (!found.valid && !label) continue
      const buyers = label?.kind === 'buyer_vat_id' || sectionAt(parties.sections, page, lineAt(page.lines, found.span.start)) === 'buyer'
      owned[buyers ? 'buyer' : 'seller'].push(found)
    }
  }
  const seller = owned.seller.find((found) => found.valid) ?? owned.seller[0]
  const buyer = owned.buyer.find((found) => found.valid && found.value !== seller?.value) ?? owned.buyer[0]
  return { seller: checked(seller), buyer: checked(buyer) }
}

/** Those whose country stands only in the label, and those that no country would write so. */
function nationalVatIds(page: ReadPage, labels: Labels<InvoiceLabel>): FoundIdentifier[] {
  return labels.all.flatMap((label) => {
    const country = VAT_LABELS[label.kind]
    return label.page === page && country !== undefined ? (findLabelledVatId(page, label.end, country) ?? []) : []
  })
}

/** The one printed beside the totals, else after its label, else the most frequent. Two of them beside the totals are `conflicting`. */
function currency(printed: LineIndex<FoundCurrency>, labels: Labels<InvoiceLabel>, totals: readonly FoundAmount[]): FoundField | null {
  const beside = totals.flatMap((amount) => amount.currency ?? [])
  const label = labels.all.find(({ kind }) => kind === 'currency')
  const chosen = beside[0] ?? (label && valuesOf(labels, label, printed)[0]?.value) ?? mostFrequent(printed.all)
  if (!chosen) return null
  const conflict = beside.some((other) => other.code !== chosen.code)
  const certain = chosen.certain || printed.all.some((other) => other.code === chosen.code && other.certain)
  return { value: chosen.code, status: conflict ? 'conflicting' : certain ? 'verified' : 'unverified', spans: [chosen.span] }
}

function mostFrequent(currencies: readonly FoundCurrency[]): FoundCurrency | null {
  const counts = new Map<string, number>()
  for (const { code } of currencies) counts.set(code, (counts.get(code) ?? 0) + 1)
  const [best] = [...counts].sort((a, b) => b[1] - a[1])
  return currencies.find(({ code }) => code === best?.[0]) ?? null
}
