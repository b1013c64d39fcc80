import { findCompanies } from './companies.ts'
import type { FoundField } from './fields.ts'
import type { GeneralLabel } from './general-vocabulary.ts'
import type { Labels } from './labels.ts'
import { fold, type ReadPage, type Span } from './reading.ts'

/** A preamble names its parties at the beginning. UTF-16 code units. */
const PREAMBLE_LENGTH = 3_000
const PARTY_LENGTH_MAX = 600
const NAME_LENGTH_MAX = 80

/** A company named without a part in the document counts as party only in the head of the first page. UTF-16 code units. */
const HEAD_LENGTH = 1_000
const COMPANIES_MAX = 20

/** Lines of prose between "between" and the first name, such as "the following parties". */
const LINES_TO_NAME_MAX = 4

/**
 * The first two parties: after their roles ("Employer: …"), after "between … and …"; these are `verified`. Else the companies
 * in the head, whose part in the document nothing says: `unverified`.
 */
export function findGeneralParties(pages: readonly ReadPage[], labels: Labels<GeneralLabel>): [FoundField | null, FoundField | null] {
  const told = distinct(pages, preamble(labels))
  const spans = told.length === 2 ? told : distinct(pages, [...told, ...byRole(labels)])
  if (spans.length === 2) return [named(pages, spans[0], 'verified'), named(pages, spans[1], 'verified')]
  const inHead = pages
    .slice(0, 1)
    .flatMap((page) => findCompanies(page, COMPANIES_MAX))
    .map((company) => company.span)
  const companies = distinct(pages, [...spans, ...inHead.filter((span) => span.start < HEAD_LENGTH)])
  const status = (span: Span | undefined) => (span && spans.includes(span) ? 'verified' : 'unverified')
  return [named(pages, companies[0], status(companies[0])), named(pages, companies[1], status(companies[1]))]
}

const AND = /(?:^|\s)(?:and|und|et|y|e|en)(?=\s)/gu

/** The names after "between" and after the next "and" that has a name behind it. */
function preamble(labels: Labels<GeneralLabel>): Span[] {
  for (const label of labels.all) {
    if (label.kind !== 'between' || label.end > PREAMBLE_LENGTH) continue
    const first = nameFrom(label.page, label.end)
    if (!first) continue
    const rest = label.page.text.slice(first.end, first.end + PARTY_LENGTH_MAX)
    for (const and of rest.matchAll(AND)) {
      const second = nameFrom(label.page, first.end + and.index + and[0].length)
      if (second) return [first, second]
    }
  }
  return []
}

/** The company, or the capitalised run of words, that the text at `from` begins with. */
function nameFrom(page: ReadPage, from: number): Span | null {
  const ahead = page.text.slice(from, from + PARTY_LENGTH_MAX)
  const lead =
    new RegExp(
      `^[\\s:*_("„“«]*(?:(?:the company|der Firma|die Firma|der|die|dem|la société|la empresa|la società|il signor|Herrn?|Frau|Mr\\.?|Ms\\.?|M\\.|Mme|de heer|mevrouw|\\(?[1A]\\)|1\\.)[\\s*_]+){0,${LINES_TO_NAME_MAX}}`,
      'u',
    ).exec(ahead)?.[0].length ?? 0
  const line = ahead.slice(lead).split('\n', 1)[0] ?? ''
  const company = findCompanies(oneLine(page.number, line), 1)[0]
  if (company && company.span.start <= 2)
    return { page: page.number, start: from + lead + company.span.start, end: from + lead + company.span.end }
  const name = /^\p{Lu}[\p{L}'’.-]*(?: (?:de|du|des|di|da|van|von|der|den|\p{Lu}[\p{L}'’.-]*)){1,5}/u.exec(line)?.[0].replace(/[.\s]+$/, '')
  return name ? { page: page.number, start: from + lead, end: from + lead + name.length } : null
}

function oneLine(number: number, text: string): ReadPage {
  return { number, text, lines: [{ start: 0, end: text.length, text }], words: [] }
}

/** "Arbeitgeber: Alpha GmbH": the role begins its line, a colon or column follows. */
function byRole(labels: Labels<GeneralLabel>): Span[] {
  return labels.all.flatMap((label) => {
    const line = label.page.lines[label.line]
    if (label.kind !== 'party' || !line || !/^[\s*_|#(-]*$/.test(label.page.text.slice(line.start, label.start))) return []
    const match = /^[\s*_]*[:|\t][\s*_:]*([^\t|,;\n(]{2,80})/u.exec(label.page.text.slice(label.end, line.end))
    const name = match?.[1]?.replace(/[\s*_.]+$/, '')
    if (!match?.[1] || !name || name.length > NAME_LENGTH_MAX || !/^\p{Lu}/u.test(name)) return []
    const start = label.end + match[0].length - match[1].length
    return [{ page: label.page.number, start, end: start + name.length }]
  })
}

function distinct(pages: readonly ReadPage[], spans: readonly Span[]): Span[] {
  const seen = new Set<string>()
  const kept: Span[] = []
  for (const span of spans) {
    const key = fold(textOf(pages, span))
    if (kept.length < 2 && !seen.has(key)) kept.push(span)
    seen.add(key)
  }
  return kept
}

function named(pages: readonly ReadPage[], span: Span | undefined, status: FoundField['status']): FoundField | null {
  return span ? { value: textOf(pages, span), status, spans: [span] } : null
}

function textOf(pages: readonly ReadPage[], span: Span): string {
  return pages.find((page) => page.number === span.page)?.text.slice(span.start, span.end) ?? ''
}
