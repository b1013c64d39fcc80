import type { DocumentKeys } from '../../../shared/blobs/vault.ts'
import type { Field, Page } from '../../../shared/contracts/extraction.ts'
import { MaskKind } from '../../../shared/contracts/masking.ts'
import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import type { Tx } from '../../../shared/database/connection.ts'
import { readFields, readPages } from '../../../shared/database/content.ts'
import { type DocumentRow, openAnnex } from '../../../shared/database/documents.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { type FoundSubjects, hashIdentifiers } from '../../../shared/database/subjects.ts'
import { findPersonalData } from '../../../shared/masking/find.ts'
import { findInText, inField, inMetadata, isPerson } from '../../../shared/masking/subjects.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'

/** Shown on either side of an identifier, up to the line's end. UTF-16 code units. */
const PASSAGE_CHARACTERS = 200
const RULE_KINDS = MaskKind.options.filter((kind) => kind !== 'name')

export interface Asked {
  subjectKey: Buffer
  /** Hex of the HMACs of the person's identifiers. */
  hashes: ReadonlySet<string>
  register: ProcessorRegister
}

/** What one document holds of a person (Art. 15(1), (3)), with what was found of other people masked (Art. 15(4)). */
export async function describeForSubject(
  tx: Tx,
  { row, keys, found }: { row: DocumentRow; keys: DocumentKeys; found: FoundSubjects['documents'][number] },
  asked: Asked,
) {
  const place = { tenant_id: row.tenant_id, document_id: row.id, revision: found.revision }
  const pages = await readPages(tx, place, keys)
  const fields = await readFields(tx, place, keys)
  const events = await readRecord(tx, row.id)
  const mask = maskOthers(asked, fields)
  const passages = pages.flatMap((page) => passagesOf(page, asked).map((span) => ({ page: page.number, ...span })))
  const isAbout = found.matches.some(({ found_in }) => found_in !== 'text')
  const concerned = Object.entries(fields).filter(([, { evidence }]) => isAbout || evidence.some((at) => passages.some(overlaps(at))))
  const metadata = Object.entries(openAnnex(keys, row).metadata).filter(([key, value]) => isOwn(asked, inMetadata({ [key]: value })))
  return {
    document_id: row.id,
    type: row.type,
    received_at: row.created_at.toISOString(),
    source: 'uploaded to the controller’s system',
    purpose: row.purpose,
    legal_basis: last(events.map(({ legal_basis }) => legal_basis)),
    sensitivity: row.sensitivity,
    data_classes: row.data_classes,
    data_categories: [...new Set(events.flatMap((event) => event.data_categories))],
    retention: last(events.map(({ retention }) => retention)),
    provided: Object.fromEntries(metadata),
    fields: concerned.map(([name, { value, status, evidence }]) => ({
      name,
      value: mask(value),
      status,
      provenance: 'derived',
      evidence: evidence.map(({ page, quote }) => ({ page, quote: mask(quote) })),
    })),
    passages: passages.map(({ page, start, end }) => ({ page, text: mask(textOf(pages, page).slice(start, end)) })),
    recipients: recipientsOf(events, asked.register),
    logic: logicOf(events),
  }
}

/** Those who were in fact sent something, not those who might have been (CJEU C-154/21); where the outcome is unknown it may have arrived. */
function recipientsOf(events: readonly ProcessingEvent[], register: ProcessorRegister) {
  const sent = events.filter(({ recipient, phase }) => recipient !== null && (phase === 'completed' || phase === 'outcome_unknown'))
  const groups = Map.groupBy(sent, ({ recipient }) => `${recipient?.processor} ${recipient?.endpoint} ${recipient?.region}`)
  return [...groups.values()].flatMap((calls) => {
    const [first] = calls
    if (!first?.recipient) return []
    const { processor, endpoint, region } = first.recipient
    const entity = register.processors.find(({ key }) => key === processor)?.legal_entity
    return [
      {
        processor,
        legal_entity: entity?.entity ?? null,
        country: entity?.country ?? null,
        endpoint,
        region,
        calls: calls.length,
        from: first.time,
        to: calls.at(-1)?.time ?? first.time,
        transfer: last(calls.map(({ transfer }) => transfer)),
        provider_retention: last(calls.map(({ provider_retention }) => provider_retention)),
      },
    ]
  })
}

function logicOf(events: readonly ProcessingEvent[]) {
  const used = events.flatMap(({ step, model, phase }) =>
    model && phase !== 'intent' && phase !== 'refused'
      ? [{ step, task: model.task, model: model.returned ?? model.requested, language_model: model.language_model }]
      : [],
  )
  return [...new Map(used.map((one) => [JSON.stringify(one), one])).values()]
}

interface Span {
  start: number
  end: number
}

/** Around each of the person's identifiers, within its line or the ones beside it; those that meet are one. */
function passagesOf({ text }: Page, asked: Asked): Span[] {
  const spans: Span[] = []
  for (const found of findInText(text).sort((a, b) => a.start - b.start)) {
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

/** Everything that rules find of people, and the persons that fields name, but for the person's own. */
function maskOthers(asked: Asked, fields: Readonly<Record<string, Field>>): (text: string) => string {
  const names = Object.entries(fields)
    .filter(([path, { value }]) => isPerson(path, value) && !isOwn(asked, inField(path, value)))
    .map(([, { value }]) => value)
    .sort((a, b) => b.length - a.length)
  return (text) => {
    const own = findInText(text).filter((found) => isOwn(asked, [found]))
    let masked = ''
    let at = 0
    for (const { kind, start, end } of findPersonalData(text, { kinds: RULE_KINDS, language: null })) {
      if (own.some((span) => span.start < end && start < span.end)) continue
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

function last<Value>(values: readonly (Value | null)[]): Value | null {
  return values.findLast((value) => value !== null) ?? null
}
