import { type Company, findCompanies } from './companies.ts'
import type { FoundField } from './fields.ts'
import type { InvoiceLabel } from './invoice-vocabulary.ts'
import type { Label } from './labels.ts'
import { fold, lineAt, type ReadPage, type Span } from './reading.ts'

export interface Parties {
  seller: FoundField | null
  buyer: FoundField | null
  /** Whose part of the page the offset lies in, as far as labels say it. */
  sectionAt(page: ReadPage, offset: number): 'seller' | 'buyer' | 'delivery' | null
}

/** A block about a party is rarely longer. Lines. */
const SECTION_LINES_MAX = 8

/** Companies that are weighed as the seller; more are a list of references. */
const COMPANIES_MAX = 200

/** The seller needs more than to be named once somewhere. */
const SELLER_SCORE_MIN = 2

const NAME_LENGTH_MAX = 80

/**
 * Seller and buyer. A name under its label, and a company in letterhead or footer, are `verified`: they stand in print, and no check on a name
 * exists. What only the position of an address suggests is `unverified`.
 */
export function findParties(pages: readonly ReadPage[], labels: readonly Label<InvoiceLabel>[]): Parties {
  const sections = findSections(labels)
  const buyer = labelledName(sections, labels, 'buyer')
  const seller = labelledName(sections, labels, 'seller') ?? letterhead(pages, sections, labels, buyer)
  return {
    seller,
    buyer: buyer ?? addressee(pages, sections, labels, seller),
    sectionAt: (page, offset) => sectionOf(sections, page, lineAt(page.lines, offset)),
  }
}

type PartyKind = 'seller' | 'buyer' | 'delivery'

interface Section {
  kind: PartyKind
  page: ReadPage
  label: Label<InvoiceLabel>
  /** Index of the line after the last one. */
  lineEnd: number
}

const PARTY_KINDS: ReadonlySet<InvoiceLabel> = new Set(['seller', 'buyer', 'delivery'])

/** Labels that a block about a party may hold without ending. */
const INSIDE_SECTION: ReadonlySet<InvoiceLabel> = new Set([
  ...([
    'name',
    'address',
    'vat_id',
    'vat_id_it',
    'vat_id_es',
    'vat_id_gb',
    'buyer_vat_id',
    'foreign',
    'number_sign',
    'iban',
    'seller',
    'buyer',
  ] as const),
])

/** Labels that are words of names as well: "Lieferant GmbH", "Client Earth". */
const NAME_WORDS: ReadonlySet<InvoiceLabel> = new Set(['seller', 'buyer', 'number_sign', 'total_net', 'total_gross'])

function findSections(labels: readonly Label<InvoiceLabel>[]): Section[] {
  const heads = labels.filter((label, index) => PARTY_KINDS.has(label.kind) && isHead(labels, index))
  return heads.map((label) => {
    const stop = labels.find(
      (other) => other.page === label.page && other.line > label.line && (heads.includes(other) || !INSIDE_SECTION.has(other.kind)),
    )
    const beginsLine = stop && stop.start <= (stop.page.lines[stop.line]?.start ?? 0) + 2
    const stopLine = stop && (beginsLine ? stop.line : stop.line + 1)
    const lineEnd = Math.min(stopLine ?? Number.POSITIVE_INFINITY, label.line + 1 + SECTION_LINES_MAX, label.page.lines.length)
    return { kind: label.kind as PartyKind, page: label.page, label, lineEnd }
  })
}

/** The label begins its line or column, and ends it, or is followed by a colon or another label: not the same word in a sentence. */
function isHead(labels: readonly Label<InvoiceLabel>[], index: number): boolean {
  const label = labels[index]
  const line = label?.page.lines[label.line]
  if (!label || !line) return false
  const next = labels[index + 1]
  const ahead = label.page.text.slice(line.start, label.start)
  const after = label.page.text.slice(label.end, line.end)
  const nextTouches =
    next?.page === label.page && next.line === label.line && !/[\p{L}\d]/u.test(label.page.text.slice(label.end, next.start))
  if (!/(?:^|[\t|]|\s{2})[\s*#_|(-]*$/.test(ahead) && !(labels[index - 1]?.line === label.line && /^\W*$/.test(ahead.slice(-3))))
    return false
  return /^[\s*_.)]*(?:$|[:\t|])/.test(after) || nextTouches || (label.words > 1 && /^ \p{Lu}/u.test(after))
}

function sectionOf(sections: readonly Section[], page: ReadPage, line: number): PartyKind | null {
  const holding = sections.findLast((section) => section.page === page && section.label.line <= line && line < section.lineEnd)
  return holding?.kind ?? null
}

/** The name beside the label, after `Name:` below it, or the first line below that is neither a label nor `something: value`. */
function labelledName(sections: readonly Section[], labels: readonly Label<InvoiceLabel>[], kind: PartyKind): FoundField | null {
  for (const section of sections.filter((candidate) => candidate.kind === kind)) {
    const span = besideLabel(section, labels) ?? afterNameLabel(section, labels) ?? firstPlainLine(section, labels)
    if (span) return named(section.page, span, 'verified')
  }
  return null
}

function besideLabel({ page, label }: Section, labels: readonly Label<InvoiceLabel>[]): Span | null {
  const line = page.lines[label.line]
  return line ? nameIn(page, label.end, line.end, labels) : null
}

function afterNameLabel({ page, label, lineEnd }: Section, labels: readonly Label<InvoiceLabel>[]): Span | null {
  const name = labels.find((other) => other.page === page && other.kind === 'name' && other.line > label.line && other.line < lineEnd)
  const line = name && page.lines[name.line]
  if (!name || !line || !/^[\s*_]*:/.test(page.text.slice(name.end, line.end))) return null
  return nameIn(page, name.end, line.end, [])
}

function firstPlainLine({ page, label, lineEnd }: Section, labels: readonly Label<InvoiceLabel>[]): Span | null {
  for (const line of page.lines.slice(label.line + 1, lineEnd)) {
    if (/^[^:]{1,40}:(?:\s|$)/.test(line.text)) continue
    const first = labels.find(
      (other) => other.page === page && other.start >= line.start && other.start <= line.start + 2 && !NAME_WORDS.has(other.kind),
    )
    if (!first) return nameIn(page, line.start, line.end, labels)
  }
  return null
}

/** What is left of the stretch before the next label or column, when it can be a name: has a capital, begins with no number, is no address. */
function nameIn(page: ReadPage, from: number, to: number, labels: readonly Label<InvoiceLabel>[]): Span | null {
  const next = labels.find((label) => label.page === page && label.start >= from && label.start < to && !NAME_WORDS.has(label.kind))
  const raw = page.text.slice(from, next?.start ?? to)
  const lead = /^[\s:*_|#.)-]*/.exec(raw)?.[0].length ?? 0
  const body = raw.slice(lead).split(/[\t|]| {2,}/, 1)[0] ?? ''
  const name = body.replace(/,\s+\p{L}[^,]*\d.*$/u, '').replace(/[\s*_,;:(-]+$/, '')
  if (name.length < 2 || name.length > NAME_LENGTH_MAX || !/\p{Lu}/u.test(name) || /^\d+\s|\d{5}|@|https?:/.test(name)) return null
  return { page: page.number, start: from + lead, end: from + lead + name.length }
}

/** The company that most speaks for being the sender: high on the page, in the domain of an address, beside VAT id, register or bank. */
function letterhead(
  pages: readonly ReadPage[],
  sections: readonly Section[],
  labels: readonly Label<InvoiceLabel>[],
  buyer: FoundField | null,
): FoundField | null {
  const domains = fold(
    pages.flatMap((page) => [...page.text.matchAll(/(?:@|www\.|https?:\/\/)[\w.-]{3,60}/gi)].map(([domain]) => domain)).join(' '),
  )
  const scores = new Map<string, { score: number; page: ReadPage; company: Company }>()
  for (const [pageIndex, page] of pages.entries()) {
    for (const company of findCompanies(page).slice(0, COMPANIES_MAX)) {
      const key = fold(company.name)
      if (buyer && key === fold(buyer.value)) continue
      const known = scores.get(key)
      const place = placeScore(pageIndex, page, company, sections, labels)
      if (known) known.score += Math.max(1, place > known.score ? place - known.score : 0)
      else scores.set(key, { score: place + (inDomain(company.name, domains) ? 3 : 0), page, company })
    }
  }
  const [best] = [...scores.values()].sort((a, b) => b.score - a.score)
  return best && best.score >= SELLER_SCORE_MIN ? named(best.page, best.company.span, 'verified') : null
}

const SENDER_LABELS: ReadonlySet<InvoiceLabel> = new Set(['vat_id', 'vat_id_it', 'vat_id_es', 'vat_id_gb', 'iban'])
const REGISTER = /\b(?:HRB|HRA|RCS|SIRET|SIREN|KvK|Companies House|Registergericht|Amtsgericht|REA|Registro Mercantil|Capital|capital)\b/

function placeScore(
  pageIndex: number,
  page: ReadPage,
  company: Company,
  sections: readonly Section[],
  labels: readonly Label<InvoiceLabel>[],
): number {
  const section = sectionOf(sections, page, company.line)
  if (section === 'buyer' || section === 'delivery') return -5
  const near = (line: number) => line >= company.line && line <= company.line + SECTION_LINES_MAX
  const proof = labels.some(
    (label) =>
      label.page === page && SENDER_LABELS.has(label.kind) && near(label.line) && sectionOf(sections, page, label.line) !== 'buyer',
  )
  const register = page.lines.slice(company.line, company.line + SECTION_LINES_MAX).some((line) => REGISTER.test(line.text))
  const senderLine = /\d/.test(page.lines[company.line]?.text ?? '')
  const top = pageIndex > 0 ? 0 : company.line < 3 ? 2 : company.line < 10 ? 1 : 0
  return top + Number(proof) + Number(register) + Number(senderLine)
}

/** The first word of the name stands in the domain of a web or mail address. */
function inDomain(name: string, domains: string): boolean {
  const word = fold(/[\p{L}\d]{3,}/u.exec(name)?.[0] ?? '')
  return word !== '' && domains.includes(word)
}

const POSTCODE_LINE = /^(?:[A-Z]{1,3}[- ])?(?:\d{4,5}|\d{4} [A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})(?: |, )\p{L}/u
const STREET_LINE = /^\d+[a-z]?,? \p{L}|\p{L}.* \d+[a-z]?(?:[-/]\d+)?$/iu

/** Without a label: the name over the first postal address that is neither the seller's nor a place of delivery. */
function addressee(
  pages: readonly ReadPage[],
  sections: readonly Section[],
  labels: readonly Label<InvoiceLabel>[],
  seller: FoundField | null,
): FoundField | null {
  const page = pages[0]
  if (!page) return null
  const addresses = page.lines.flatMap((line, index) =>
    POSTCODE_LINE.test(line.text) && STREET_LINE.test(page.lines[index - 1]?.text ?? '') ? [index - 2] : [],
  )
  for (const [at, lastName] of addresses.entries()) {
    const previousEnd = (addresses[at - 1] ?? -3) + 2
    const block = [lastName - 1, lastName].filter((index) => index > previousEnd).map((index) => page.lines[index])
    if (block.some((line) => line && seller && line.text.includes(seller.value))) continue
    if (sectionOf(sections, page, lastName) === 'delivery' || sectionOf(sections, page, lastName) === 'seller') continue
    for (const line of block) {
      const first =
        line && !/[\d@:]/.test(line.text) && line.text.split(' ').length <= 6 ? nameIn(page, line.start, line.end, labels) : null
      if (first && first.end === line?.end) return named(page, first, 'unverified')
    }
  }
  return null
}

function named(page: ReadPage, span: Span, status: FoundField['status']): FoundField {
  return { value: page.text.slice(span.start, span.end), status, spans: [span] }
}
