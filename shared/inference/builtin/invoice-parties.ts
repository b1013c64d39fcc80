import { type Company, findCompanies } from './companies.ts'
import { asPrinted, type FoundField } from './fields.ts'
import type { InvoiceLabel } from './invoice-vocabulary.ts'
import type { Labels } from './labels.ts'
import { findSections, type Section, sectionAt } from './party-sections.ts'
import { fold, type ReadPage, type Span } from './reading.ts'

/** Companies that are weighed as the seller; more are a list of references. */
const COMPANIES_MAX = 200

/** Pages on which a letterhead or a footer is looked for. */
const LETTERHEAD_PAGES_MAX = 5

/** The seller needs more than to be named once somewhere. */
const SELLER_SCORE_MIN = 2
const SCORE_IN_DOMAIN = 3
const SCORE_AS_ADDRESSEE = -5

/** How far below its name a company's VAT id and register stand. Lines. */
const PROOF_LINES = 8

const NAME_LENGTH_MAX = 80

export interface Parties {
  seller: FoundField | null
  buyer: FoundField | null
  sections: readonly Section[]
}

/**
 * Seller and buyer. A name under its label, and a company in letterhead or footer, are `verified`: they stand in print, and no check on a name
 * exists. What only the position of an address suggests is `unverified`.
 */
export function findParties(pages: readonly ReadPage[], labels: Labels<InvoiceLabel>): Parties {
  const sections = findSections(labels)
  const buyer = labelledName(sections, labels, 'buyer')
  const seller = labelledName(sections, labels, 'seller') ?? letterhead(pages.slice(0, LETTERHEAD_PAGES_MAX), sections, labels, buyer)
  return { seller, buyer: buyer ?? addressee(pages[0], sections, labels, seller), sections }
}

/** Labels that are words of names as well: "Lieferant GmbH", "Client Earth". */
const NAME_WORDS: ReadonlySet<InvoiceLabel> = new Set(['seller', 'buyer', 'number_sign', 'total_net', 'total_gross'])

/** The name beside the label, after `Name:` below it, or in the first line below that is neither a label nor `something: value`. */
function labelledName(sections: readonly Section[], labels: Labels<InvoiceLabel>, kind: Section['kind']): FoundField | null {
  for (const section of sections.filter((candidate) => candidate.kind === kind)) {
    const span = besideLabel(section, labels) ?? afterNameLabel(section, labels) ?? firstPlainLine(section, labels)
    if (span) return asPrinted(section.label.page, span, 'verified')
  }
  return null
}

function besideLabel({ label }: Section, labels: Labels<InvoiceLabel>): Span | null {
  const line = label.page.lines[label.line]
  return line ? nameIn(labels, label.page, label.line, label.end) : null
}

function afterNameLabel({ label, lineEnd }: Section, labels: Labels<InvoiceLabel>): Span | null {
  for (let at = label.line + 1; at < lineEnd; at += 1) {
    const name = labels.onLine(label.page, at).find((other) => other.kind === 'name')
    const line = label.page.lines[at]
    if (name && line && /^[\s*_]*:/.test(label.page.text.slice(name.end, line.end))) return nameIn(labels, label.page, at, name.end)
  }
  return null
}

function firstPlainLine({ label, lineEnd }: Section, labels: Labels<InvoiceLabel>): Span | null {
  for (let at = label.line + 1; at < lineEnd; at += 1) {
    const line = label.page.lines[at]
    if (!line || /^[^:]{1,40}:(?:\s|$)/.test(line.text)) continue
    const first = labels.onLine(label.page, at)[0]
    if (!first || first.start > line.start + 2 || NAME_WORDS.has(first.kind)) return nameIn(labels, label.page, at, line.start)
  }
  return null
}

/** What the line holds from `from` to its next label or column, when it can be a name: has a capital, is no number and no address. */
function nameIn(labels: Labels<InvoiceLabel>, page: ReadPage, at: number, from: number): Span | null {
  const line = page.lines[at]
  if (!line) return null
  const next = labels.onLine(page, at).find((label) => label.start >= from && !NAME_WORDS.has(label.kind))
  const raw = page.text.slice(from, Math.min(next?.start ?? line.end, from + 2 * NAME_LENGTH_MAX))
  const lead = /^[\s:*_|#.)-]*/.exec(raw)?.[0].length ?? 0
  const body = raw.slice(lead).split(/[\t|]| {2,}/, 1)[0] ?? ''
  const name = body.replace(/,\s+\p{L}[^,]*\d.*$/u, '').replace(/[\s*_,;:(-]+$/, '')
  if (name.length < 2 || name.length > NAME_LENGTH_MAX || !/\p{Lu}/u.test(name)) return null
  if (/^\d+\s|\d{5}|@|https?:/.test(name) || STREET_LINE.test(name)) return null
  return { page: page.number, start: from + lead, end: from + lead + name.length }
}

/** The company that most speaks for being the sender: high on the page, in the domain of an address, beside VAT id, register or bank. */
function letterhead(
  pages: readonly ReadPage[],
  sections: readonly Section[],
  labels: Labels<InvoiceLabel>,
  buyer: FoundField | null,
): FoundField | null {
  const domains = fold(pages.flatMap((page) => page.text.match(/(?:@|www\.|https?:\/\/)[\w.-]{3,60}/gi) ?? []).join(' '))
  const scores = new Map<string, { score: number; page: ReadPage; company: Company }>()
  for (const [index, page] of pages.entries()) {
    for (const company of findCompanies(page, COMPANIES_MAX)) {
      const key = fold(company.name)
      if (buyer && key === fold(buyer.value)) continue
      const known = scores.get(key)
      const score = placeScore(index, page, company, sections, labels) + (inDomain(company.name, domains) ? SCORE_IN_DOMAIN : 0)
      if (known) known.score = Math.max(known.score, score) + 1
      else scores.set(key, { score, page, company })
    }
  }
  const [best] = [...scores.values()].sort((a, b) => b.score - a.score)
  return best && best.score >= SELLER_SCORE_MIN ? asPrinted(best.page, best.company.span, 'verified') : null
}

const SENDER_LABELS: ReadonlySet<InvoiceLabel> = new Set(['vat_id', 'vat_id_it', 'vat_id_es', 'vat_id_gb', 'iban'])
const REGISTER = /\b(?:HRB|HRA|RCS|SIRET|SIREN|KvK|Companies House|Registergericht|Amtsgericht|REA|Registro Mercantil|[Cc]apital)\b/

function placeScore(
  pageIndex: number,
  page: ReadPage,
  company: Company,
  sections: readonly Section[],
  labels: Labels<InvoiceLabel>,
): number {
  const section = sectionAt(sections, page, company.line)
  if (section === 'buyer' || section === 'delivery') return SCORE_AS_ADDRESSEE
  const near = page.lines.slice(company.line, company.line + PROOF_LINES)
  const proof = near.some((_, below) => {
    const at = company.line + below
    return labels.onLine(page, at).some((label) => SENDER_LABELS.has(label.kind)) && sectionAt(sections, page, at) !== 'buyer'
  })
  const register = near.some((line) => REGISTER.test(line.text.slice(0, 400)))
  const senderLine = /\d/.test(page.lines[company.line]?.text.slice(0, 400) ?? '')
  const top = pageIndex > 0 || company.line >= 10 ? 0 : company.line < 3 ? 2 : 1
  return top + Number(proof) + Number(register) + Number(senderLine)
}

/** The first word of the name stands in the domain of a web or mail address. */
function inDomain(name: string, domains: string): boolean {
  const word = fold(/[\p{L}\d]{3,}/u.exec(name)?.[0] ?? '')
  return word !== '' && domains.includes(word)
}

const POSTCODE_LINE = /^(?:[A-Z]{1,3}[- ])?(?:\d{4,5}|\d{4} [A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})(?: |, )\p{L}/u
const STREET_LINE = /^\d+[A-Za-z]?,? \p{L}|^\p{L}.* \d+[A-Za-z]?(?:[-/]\d+)?$/u

/** An addressee stands on the first page, near its top. Lines. */
const ADDRESS_LINES_MAX = 80

/** Without a label: the name over the first postal address that is neither the seller's nor a place of delivery. */
function addressee(
  page: ReadPage | undefined,
  sections: readonly Section[],
  labels: Labels<InvoiceLabel>,
  seller: FoundField | null,
): FoundField | null {
  if (!page) return null
  let previousEnd = -1
  for (const [at, line] of page.lines.slice(0, ADDRESS_LINES_MAX).entries()) {
    if (!POSTCODE_LINE.test(line.text) || !STREET_LINE.test(page.lines[at - 1]?.text ?? '')) continue
    const names = [at - 3, at - 2].filter((index) => index > previousEnd)
    previousEnd = at
    const section = sectionAt(sections, page, at)
    const sellers = seller !== null && names.some((index) => page.lines[index]?.text.includes(seller.value))
    if (sellers || section === 'delivery' || section === 'seller') continue
    const name = names.map((index) => wholeLineName(labels, page, index)).find((span) => span !== null)
    if (name) return asPrinted(page, name, 'unverified')
  }
  return null
}

function wholeLineName(labels: Labels<InvoiceLabel>, page: ReadPage, at: number): Span | null {
  const line = page.lines[at]
  if (!line || /[\d@:]/.test(line.text) || line.text.split(' ').length > 6) return null
  const name = nameIn(labels, page, at, line.start)
  return name?.end === line.end ? name : null
}
