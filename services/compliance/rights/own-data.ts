import type { DocumentKeys } from '../../../shared/blobs/vault.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { MaskKind } from '../../../shared/contracts/masking.ts'
import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { openAnnex } from '../../../shared/database/annex.ts'
import type { Tx } from '../../../shared/database/connection.ts'
import { readPages } from '../../../shared/database/content.ts'
import type { DocumentRow } from '../../../shared/database/documents.ts'
import { readOwnRecord } from '../../../shared/database/events.ts'
import { type LayeredField, readReviewedFields } from '../../../shared/database/field-reviews.ts'
import { type FoundSubjects, hashIdentifiers } from '../../../shared/database/subjects.ts'
import { findPersonalData } from '../../../shared/masking/find.ts'
import { normalise } from '../../../shared/masking/subject-identifiers.ts'
import { findInPage, findInText, inField, inMetadata, isPerson } from '../../../shared/masking/subjects.ts'

/** Shown on either side of an identifier, up to the line's end. UTF-16 code units. */
const PASSAGE_CHARACTERS = 200
const RULE_KINDS = MaskKind.options.filter((kind) => kind !== 'name')

/** Who asks. `hashes`: hex of the HMACs of the person's identifiers. */
export interface Asked {
  subjectKey: Buffer
  hashes: ReadonlySet<string>
}

/** What one document holds of a person, with what was found of other people masked (Art. 15(4), 20(4)). */
export interface OwnData {
  row: DocumentRow
  /**
   * What was done with the document and every call that showed it, uncut (see readOwnRecord): a recipient that is missing here is one that the person never
   * hears of (Art. 15(1)(c)).
   */
  events: ProcessingEvent[]
  /** Those of its own processing: what somebody else did with it has a purpose, a basis and categories of its own. */
  ownEvents: ProcessingEvent[]
  /** Of what the upload said, what names the person. */
  metadata: Record<string, string>
  /** Fields of a document that is about the person, else those read from the person's passages. */
  fields: [name: string, field: LayeredField][]
  passages: { page: number; text: string }[]
  mask: (text: string) => string
}

export async function readOwnData(
  tx: Tx,
  { row, keys, found }: { row: DocumentRow; keys: DocumentKeys; found: FoundSubjects['documents'][number] },
  asked: Asked,
): Promise<OwnData> {
  const place = { tenant_id: row.tenant_id, document_id: row.id, revision: found.revision }
  const pages = await readPages(tx, place, keys)
  const fields = await readReviewedFields(tx, place, keys)
  const mask = maskOthers(asked, fields)
  const passages: (Span & { page: number })[] = []
  for (const page of pages) for (const span of await passagesOf(page, asked)) passages.push({ page: page.number, ...span })
  const isAbout = found.matches.some(({ found_in }) => found_in !== 'text')
  const metadata = Object.entries(openAnnex(keys, row).metadata).filter(([key, value]) => isOwn(asked, inMetadata({ [key]: value })))
  const events = await readOwnRecord(tx, row.id)
  return {
    row,
    events,
    ownEvents: events.filter(({ doc_ref, purpose }) => doc_ref === row.id && purpose === row.purpose),
    metadata: Object.fromEntries(metadata),
    fields: Object.entries(fields).filter(([, field]) => isAbout || placesOf(field).some((at) => passages.some(overlaps(at)))),
    passages: passages.map(({ page, start, end }) => ({ page, text: mask(textOf(pages, page).slice(start, end)) })),
    mask,
  }
}

/** The newest value that is known. */
export function last<Value>(values: readonly (Value | null)[]): Value | null {
  return values.findLast((value) => value !== null) ?? null
}

/** A corrected field has no evidence; what was read of it has. */
function placesOf({ field, read }: LayeredField) {
  return read?.evidence ?? field.evidence
}

interface Span {
  start: number
  end: number
}

/** Around each of the person's identifiers, within its line or the ones beside it; those that meet are one. */
async function passagesOf(page: Page, asked: Asked): Promise<Span[]> {
  const { text } = page
  const spans: Span[] = []
  const all = await findInPage(page, new AbortController().signal)
  for (const found of all.sort((a, b) => a.start - b.start)) {
    if (!isOwn(asked, [found])) continue
    const before = text.slice(Math.max(0, found.start - PASSAGE_CHARACTERS), found.start)
    const after = text.slice(found.end, found.end + PASSAGE_CHARACTERS)
    const start = found.start - before.length + before.lastIndexOf('\n') + 1
    const end = found.end + (after.includes('\n') ? after.indexOf('\n') : after.length)
    const previous = spans.at(-1)
    if (previous && start <= previous.end) previous.end = Math.max(previous.end, end)
    else spans.push({ start, end })
  }
  return spans
}

/** Everything that rules find of people, and the persons that fields, labels and forms of address name, but for the person's own. */
function maskOthers(asked: Asked, fields: Readonly<Record<string, LayeredField>>): (text: string) => string {
  const inFields = Object.entries(fields)
    // Where the person's own name was corrected, what was read is that name, written wrongly.
    .filter(([path, { field }]) => !isOwn(asked, inField(path, field.value)))
    .flatMap(([path, { field, read }]) => [field, ...(read ? [read] : [])].map(({ value }) => ({ path, value })))
    .filter(({ path, value }) => isPerson(path, value) && !isOwn(asked, inField(path, value)))
    .map(({ value }) => value)
  return (text) => {
    if (
      isOwn(
        asked,
        normalise('name', text).map((value) => ({ kind: 'name', value })),
      )
    )
      return text
    const all = findInText(text)
    const own = all.filter((found) => isOwn(asked, [found]))
    const isOthers = (span: Span) => !own.some((mine) => mine.start < span.end && span.start < mine.end)
    const announced = all.filter((found) => found.kind === 'name' && isOthers(found)).map(({ start, end }) => text.slice(start, end))
    const names = [...new Set([...inFields, ...announced])].sort((a, b) => b.length - a.length)
    let masked = ''
    let at = 0
    for (const { kind, start, end } of findPersonalData(text, { kinds: RULE_KINDS, language: null })) {
      if (!isOthers({ start, end })) continue
      masked += `${text.slice(at, start)}[${kind.toUpperCase()}]`
      at = end
    }
    return names.reduce((shown, name) => shown.replaceAll(name, '[NAME]'), masked + text.slice(at))
  }
}

function isOwn({ subjectKey, hashes }: Asked, identifiers: Parameters<typeof hashIdentifiers>[1]): boolean {
  return hashIdentifiers(subjectKey, identifiers).some(({ hash }) => hashes.has(hash.toString('hex')))
}

function overlaps(at: Span & { page: number }) {
  return (passage: Span & { page: number }) => passage.page === at.page && passage.start < at.end && at.start < passage.end
}

function textOf(pages: readonly Page[], number: number): string {
  return pages.find((page) => page.number === number)?.text ?? ''
}
