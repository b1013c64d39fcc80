import type { FoundAmount } from './amounts.ts'
import type { FoundField } from './fields.ts'
import type { InvoiceLabel } from './invoice-vocabulary.ts'
import { type Labels, type Relation, valuesOf } from './labels.ts'
import type { LineIndex } from './line-index.ts'
import { lineAt, type ReadPage } from './reading.ts'

export interface Totals {
  net: FoundField | null
  tax: FoundField | null
  gross: FoundField | null
  /** The amounts behind the fields, for the currency beside them. */
  amounts: readonly FoundAmount[]
}

/** Sums are tried over so many amounts of each kind; an invoice with more labelled amounts is a list. */
const CANDIDATES_MAX = 60

/** The highest standard rate of VAT in Europe is Hungary's 27 %. */
const TAX_RATE_MAX = 0.28

const RELATION_WEIGHT: Readonly<Record<Relation, number>> = { after: 6, below: 3, before: 2 }

/**
 * Net, tax and gross. What adds up (net + tax = gross, to the cent) is `verified`, by its labels or, without them, as three amounts on one line. What
 * is labelled and contradicts the sum is `conflicting`; where discounts or shipping stand between, and where a part is missing, `unverified`.
 */
export function findTotals(pages: readonly ReadPage[], labels: Labels<InvoiceLabel>, amounts: LineIndex<FoundAmount>): Totals {
  const net = candidates('total_net', labels, amounts)
  const tax = candidates('total_tax', labels, amounts)
  const gross = [...candidates('total_gross', labels, amounts), ...candidates('amount_due', labels, amounts)]
  const triple = labelledTriple(net, tax, gross, amounts.all) ?? tripleOnLine(pages, amounts.all, gross)
  if (triple) return { ...verified(triple), amounts: [triple.gross, triple.net, triple.tax] }
  return withoutSum(
    net,
    tax,
    gross,
    labels.all.some((label) => label.kind === 'partial_amount'),
  )
}

interface Candidate {
  amount: FoundAmount
  weight: number
}

interface Triple {
  net: FoundAmount
  tax: FoundAmount
  gross: FoundAmount
}

function candidates(kind: InvoiceLabel, labels: Labels<InvoiceLabel>, amounts: LineIndex<FoundAmount>): Candidate[] {
  const found: Candidate[] = []
  for (const label of labels.all) {
    if (label.kind !== kind) continue
    for (const { value, relation } of valuesOf(labels, label, amounts)) {
      found.push({ amount: value, weight: RELATION_WEIGHT[relation] + label.words })
    }
  }
  return found.slice(-CANDIDATES_MAX)
}

/** The heaviest labels whose amounts add up. A part without a label may stand anywhere, if two labelled ones ask for it. */
function labelledTriple(net: Candidate[], tax: Candidate[], gross: Candidate[], all: readonly FoundAmount[]): Triple | null {
  const unlabelled = byCents(all.slice(-CANDIDATES_MAX * CANDIDATES_MAX).map((amount) => ({ amount, weight: 0 })))
  const labelledNet = byCents(net)
  const labelledTax = byCents(tax)
  const offers: { triple: Triple; weight: number }[] = []
  for (const total of gross) {
    for (const part of tax) {
      const rest = total.amount.cents - part.amount.cents
      const other = labelledNet.get(rest) ?? unlabelled.get(rest)
      const triple = other && { net: other.amount, tax: part.amount, gross: total.amount }
      if (triple && adds(triple)) offers.push({ triple, weight: total.weight + part.weight + other.weight })
    }
    for (const part of net) {
      const rest = total.amount.cents - part.amount.cents
      const other = labelledTax.get(rest) ?? unlabelled.get(rest)
      const triple = other && { net: part.amount, tax: other.amount, gross: total.amount }
      if (triple && rest !== 0 && adds(triple)) offers.push({ triple, weight: total.weight + part.weight + other.weight })
    }
  }
  return offers.reduce((best, offer) => (offer.weight > (best?.weight ?? 0) ? offer : best), offers[0])?.triple ?? null
}

/** Three neighbours on one line of which the largest is the sum of the others; the last such line, one that ends in a labelled total before others. */
function tripleOnLine(pages: readonly ReadPage[], amounts: readonly FoundAmount[], gross: Candidate[]): Triple | null {
  const labelled = new Set(gross.map((candidate) => candidate.amount.cents))
  const byNumber = new Map(pages.map((page) => [page.number, page]))
  let best: Triple | null = null
  for (let at = 0; at + 2 < amounts.length; at += 1) {
    const three = amounts.slice(at, at + 3)
    const [tax, net, sum] = three.toSorted((a, b) => Math.abs(a.cents) - Math.abs(b.cents))
    if (!tax || !net || !sum || tax.cents === 0 || !adds({ net, tax, gross: sum }) || !onOneLine(byNumber, three)) continue
    if (!best || labelled.has(sum.cents) || !labelled.has(best.gross.cents)) best = { net, tax, gross: sum }
  }
  return best
}

function onOneLine(pages: ReadonlyMap<number, ReadPage>, amounts: readonly FoundAmount[]): boolean {
  const [first, last] = [amounts[0], amounts.at(-1)]
  const page = first && pages.get(first.span.page)
  if (!page || !last || last.span.page !== page.number) return false
  return lineAt(page.lines, first.span.start) === lineAt(page.lines, last.span.start)
}

function adds({ net, tax, gross }: Triple): boolean {
  if (gross.cents === 0 || net.cents + tax.cents !== gross.cents) return false
  return tax.cents === 0 || (Math.sign(tax.cents) === Math.sign(net.cents) && Math.abs(tax.cents) <= TAX_RATE_MAX * Math.abs(net.cents) + 1)
}

function byCents(candidates: readonly Candidate[]): Map<number, Candidate> {
  const map = new Map<number, Candidate>()
  for (const candidate of candidates) {
    if (candidate.weight >= (map.get(candidate.amount.cents)?.weight ?? 0)) map.set(candidate.amount.cents, candidate)
  }
  return map
}

function verified({ net, tax, gross }: Triple): Omit<Totals, 'amounts'> {
  return { net: total(net, 'verified'), tax: total(tax, 'verified'), gross: total(gross, 'verified') }
}

function withoutSum(net: Candidate[], tax: Candidate[], gross: Candidate[], explained: boolean): Totals {
  const best = { net: heaviest(net), tax: heaviest(tax), gross: heaviest(gross) }
  const complete = best.net && best.tax && best.gross
  const status = complete && !explained ? 'conflicting' : 'unverified'
  return {
    net: best.net && total(best.net, status),
    tax: best.tax && total(best.tax, status),
    gross: best.gross && total(best.gross, status),
    amounts: [best.gross, best.net, best.tax].filter((amount) => amount !== null),
  }
}

/** Of equal weight the largest: a total is not smaller than its parts. */
function heaviest(candidates: readonly Candidate[]): FoundAmount | null {
  const [best] = candidates.toSorted((a, b) => b.weight - a.weight || Math.abs(b.amount.cents) - Math.abs(a.amount.cents))
  return best?.amount ?? null
}

function total(amount: FoundAmount, status: FoundField['status']): FoundField {
  return { value: amount.decimal, status, spans: [amount.span] }
}
