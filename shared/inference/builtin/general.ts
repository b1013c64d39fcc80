import type { GENERAL_FIELDS } from '../../contracts/extraction.ts'
import { findAmounts } from './amounts.ts'
import { type DateOrder, type FoundDate, findDates } from './dates.ts'
import { findTitle } from './document-type.ts'
import { asPrinted, checked, type FoundField } from './fields.ts'
import { findGeneralParties } from './general-parties.ts'
import { GENERAL_LABELS, type GeneralLabel } from './general-vocabulary.ts'
import { type FoundIdentifier, findEmails, findIbans, findLocalPhone, findPhones } from './identifiers.ts'
import { indexLabels, type Labels, valuesOf } from './labels.ts'
import { indexByLine, type LineIndex, spanStart } from './line-index.ts'
import { findNoticePeriod } from './notice-period.ts'
import { compilePhrases } from './phrases.ts'
import { lineAt, type ReadPage, type Span } from './reading.ts'
import { findLabelledVatId, findVatIds } from './vat-ids.ts'

type GeneralFields = Record<(typeof GENERAL_FIELDS)[number], FoundField | null>

/**
 * The fields of every type but invoices; null for what is not there. `deadline` is a date, or the ISO 8601 duration of a notice period. What a label
 * or a form of words tells is `verified` once its own check passes; what was only the first of its kind is `unverified`.
 */
export function findGeneralFields(pages: readonly ReadPage[], language: string | null, order: DateOrder | null): GeneralFields {
  const labels = indexLabels(pages, LABELS)
  const dates = indexByLine(pages, (page) => findDates(page, order), spanStart)
  const [party1, party2] = findGeneralParties(pages, labels)
  return {
    title: title(pages, labels),
    document_date: documentDate(pages, labels, dates),
    party_1: party1,
    party_2: party2,
    reference: reference(labels, dates),
    email: first(pages, findEmails),
    phone: phone(pages, labels),
    iban: iban(pages, labels),
    vat_id: vatId(pages, labels),
    amount: amount(pages, labels, language),
    deadline: findNoticePeriod(pages) ?? deadline(labels, dates, 'deadline') ?? deadline(labels, dates, 'weak_deadline'),
  }
}

type Dates = LineIndex<FoundDate>

const LABELS = compilePhrases<GeneralLabel>(Object.entries(GENERAL_LABELS) as [GeneralLabel, readonly string[]][])

const TITLE_LENGTH_MAX = 160

/** The subject of a letter, the first heading, the line that names the type of document; else the first short line, `unverified`. */
function title(pages: readonly ReadPage[], labels: Labels<GeneralLabel>): FoundField | null {
  const page = pages[0]
  if (!page) return null
  const told = subject(page, labels) ?? heading(page) ?? findTitle(page)
  if (told) return asPrinted(page, told, 'verified')
  const short = page.lines
    .slice(0, 5)
    .find((line) => line.text.length <= 80 && /\p{L}{3}/u.test(line.text) && !/[.,;:]$|@|\d{5}/.test(line.text))
  return short ? asPrinted(page, { page: page.number, start: short.start, end: short.end }, 'unverified') : null
}

function subject(page: ReadPage, labels: Labels<GeneralLabel>): Span | null {
  for (const label of labels.all) {
    const line = page.lines[label.line]
    if (label.kind !== 'subject' || label.page !== page || !line || !/^[\s*_#>-]*$/.test(page.text.slice(line.start, label.start))) continue
    const match = /^[\s*_]*:[\s*_]*(\S.*?)[\s*_]*$/u.exec(page.text.slice(label.end, line.end))
    if (match?.[1] && match[1].length <= TITLE_LENGTH_MAX) {
      const start = page.text.indexOf(match[1], label.end)
      return { page: page.number, start, end: start + match[1].length }
    }
  }
  return null
}

/** Markdown, and HTML turned into it: `# Title`. */
function heading(page: ReadPage): Span | null {
  const line = page.lines.slice(0, 20).find(({ text }) => /^#{1,2} \S/.test(text) && text.length <= TITLE_LENGTH_MAX)
  if (!line) return null
  const marks = /^#+\s+/.exec(line.text)?.[0].length ?? 0
  return { page: page.number, start: line.start + marks, end: line.start + line.text.replace(/[\s#]+$/, '').length }
}

/** UTF-16 code units: a date further down is seldom that of the document. */
const DATE_WITHIN = 2_500

const PLACE_AND_DATE = /(?:^|\n)\p{Lu}[\p{L}. '’-]{1,40}, ?(?:den |le |a |el |il |lì )?$/u

/** After its label; after a place ("Lyon, le 3 mars 2026"); else the first one at the beginning, `unverified`. */
function documentDate(pages: readonly ReadPage[], labels: Labels<GeneralLabel>, dates: Dates): FoundField | null {
  for (const label of labels.all) {
    if (label.kind !== 'document_date') continue
    const [found] = valuesOf(labels, label, dates)
    if (found && !/[\p{Ll}]{3,}.*\p{Ll}{3,}/u.test(label.page.text.slice(label.end, found.value.span.start)))
      return dateField(found.value, true)
  }
  const page = pages[0]
  const early = dates.all.filter(({ span }) => span.page === page?.number && span.start < DATE_WITHIN)
  const placed = early.find((date) => PLACE_AND_DATE.test(page?.text.slice(Math.max(0, date.span.start - 60), date.span.start) ?? ''))
  const found = placed ?? early[0]
  return found ? dateField(found, placed !== undefined) : null
}

function dateField(date: FoundDate, told: boolean): FoundField {
  return { value: date.iso, status: told && !date.ambiguous ? 'verified' : 'unverified', spans: [date.span] }
}

const REFERENCE = /^[\s:#.°º()№|*_-]{0,8}((?:[A-Z]{1,5} )?[\p{L}\d][\p{L}\d._/-]{1,39})/u

function reference(labels: Labels<GeneralLabel>, dates: Dates): FoundField | null {
  for (const label of labels.all) {
    const line = label.page.lines[label.line]
    const match = label.kind === 'reference' && line ? REFERENCE.exec(label.page.text.slice(label.end, line.end)) : null
    const printed = match?.[1]?.replace(/[._/-]+$/, '')
    if (!match?.[1] || !printed || !/\d/.test(printed)) continue
    const start = label.end + match[0].length - match[1].length
    const span = { page: label.page.number, start, end: start + printed.length }
    const isDate = dates.onLine(label.page, label.line).some((date) => date.span.start < span.end && span.start < date.span.end)
    if (!isDate) return { value: printed, status: 'verified', spans: [span] }
  }
  return null
}

function phone(pages: readonly ReadPage[], labels: Labels<GeneralLabel>): FoundField | null {
  for (const label of labels.all) {
    const local = label.kind === 'phone' ? findLocalPhone(label.page, label.end) : null
    if (local) return checked(local)
  }
  return first(pages, (page) =>
    findPhones(page).filter((found) => !/fax\W*$/i.test(page.text.slice(Math.max(0, found.span.start - 12), found.span.start))),
  )
}

function iban(pages: readonly ReadPage[], labels: Labels<GeneralLabel>): FoundField | null {
  return first(pages, (page) => withLabelOrChecksum(page, labels, ['iban'], findIbans(page)))
}

function vatId(pages: readonly ReadPage[], labels: Labels<GeneralLabel>): FoundField | null {
  const found = first(pages, (page) => withLabelOrChecksum(page, labels, ['vat_id', 'vat_id_it', 'vat_id_es'], findVatIds(page)))
  if (found) return found
  for (const label of labels.all) {
    const country = label.kind === 'vat_id_it' ? 'IT' : label.kind === 'vat_id_es' ? 'ES' : null
    const national = country ? findLabelledVatId(label.page, label.end, country) : null
    if (national?.valid) return checked(national)
  }
  return null
}

/** A number that fails its checksum is only one of its kind where a label says so. Valid ones first. */
function withLabelOrChecksum(
  page: ReadPage,
  labels: Labels<GeneralLabel>,
  kinds: readonly GeneralLabel[],
  found: FoundIdentifier[],
): FoundIdentifier[] {
  const near = (candidate: FoundIdentifier) => {
    const line = lineAt(page.lines, candidate.span.start)
    return [line, line - 1].some((at) => labels.onLine(page, at).some((label) => kinds.includes(label.kind)))
  }
  return found.filter((candidate) => candidate.valid || near(candidate)).sort((a, b) => Number(b.valid) - Number(a.valid))
}

function first(pages: readonly ReadPage[], find: (page: ReadPage) => FoundIdentifier[]): FoundField | null {
  for (const page of pages) {
    const [found] = find(page)
    if (found) return checked(found)
  }
  return null
}

/** Only amounts with a currency beside them: after a label such as "salary" or "rent"; else the first one, `unverified`. */
function amount(pages: readonly ReadPage[], labels: Labels<GeneralLabel>, language: string | null): FoundField | null {
  const amounts = indexByLine(pages, (page) => findAmounts(page, language).filter((found) => found.currency), spanStart)
  for (const label of labels.all) {
    const found = label.kind === 'amount' ? valuesOf(labels, label, amounts)[0] : undefined
    if (found) return { value: found.value.decimal, status: 'verified', spans: [found.value.span] }
  }
  const [any] = amounts.all
  return any ? { value: any.decimal, status: 'unverified', spans: [any.span] } : null
}

/** How far a date may stand from the word that makes it a deadline. UTF-16 code units. */
const DEADLINE_DISTANCE_MAX = 25

function deadline(labels: Labels<GeneralLabel>, dates: Dates, kind: GeneralLabel): FoundField | null {
  for (const label of labels.all) {
    if (label.kind !== kind) continue
    const near = [label.line, label.line + 1].flatMap((line) => dates.onLine(label.page, line))
    const date = near.find(({ span }) => span.start >= label.end && span.start - label.end <= DEADLINE_DISTANCE_MAX)
    if (date) return dateField(date, true)
  }
  return null
}
