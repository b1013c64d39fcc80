import type { Field, Page } from '../contracts/extraction.ts'
import type { MaskKind } from '../contracts/masking.ts'
import type { IdentifierKind } from '../contracts/subjects.ts'
import { detectLanguage } from '../inference/builtin/language.ts'
import { inPieces } from '../inference/builtin/pieces.ts'
import { countriesOf } from './countries.ts'
import { findPersonalData } from './find.ts'
import { findNamedPersons } from './named-persons.ts'
import { type Identifier, normalise } from './subject-identifiers.ts'

/** What the finders call it → what a person is found by. */
const KINDS = { email: 'email', phone: 'phone', iban: 'iban', national_id: 'id_number', vat_id: 'id_number' } as const satisfies Partial<
  Record<MaskKind, IdentifierKind>
>
const MASK_KINDS = Object.keys(KINDS) as (keyof typeof KINDS)[]

/** Under which metadata an upload says whom it is about. */
const METADATA: Readonly<Record<string, IdentifierKind>> = {
  subject_id: 'subject_ref',
  subject_email: 'email',
  subject_phone: 'phone',
  subject_iban: 'iban',
  subject_id_number: 'id_number',
  subject_name: 'name',
}

/** Last names of paths whose value is a person, or may be one: a seller is often somebody who works alone. */
const PERSON_FIELD =
  /^(?:employee_name|person_name|patient_name|physician|account_holder|chair|responsible|party_[12]|seller_name|buyer_name|(?:customer|client|contact|tenant|subject|applicant|holder)_name|name)$/
const LEGAL_FORM =
  /(?<![\p{L}\d])(?:GmbH|AG|UG|KGa?A?|OHG|SE|GbR|Ltd\.?|Limited|LLP|PLC|Inc\.?|LLC|SARL|S\.A\.|SAS|B\.V\.|BV|N\.V\.|S\.p\.A\.|S\.r\.l\.|Oy|AB|ApS|A\/S|e\. ?V\.)(?![\p{L}\d])/u
const FIELD_KINDS: Readonly<Record<string, IdentifierKind>> = { email: 'email', phone: 'phone', iban: 'iban', national_id: 'id_number' }

/** UTF-16 offsets in the text, and what stands there. */
interface FoundIdentifier extends Identifier {
  start: number
  end: number
}

/** Identifiers of people (and of organisations: their form does not tell) in a text. Names where something announces them: no rule knows them by their form. */
export function findInText(text: string, language: string | null = detectLanguage(text)): FoundIdentifier[] {
  return [...findNames(text), ...findByForm(text, language, countriesOf(language, null))]
}

function findNames(text: string): FoundIdentifier[] {
  return findNamedPersons(text).flatMap(({ start, end }) => {
    const name = text.slice(start, end)
    return LEGAL_FORM.test(name) ? [] : normalise('name', name).map((value) => ({ kind: 'name' as const, value, start, end }))
  })
}

function findByForm(text: string, language: string | null, countries: readonly string[]): FoundIdentifier[] {
  return findPersonalData(text, { kinds: MASK_KINDS, language }).flatMap(({ kind, start, end }) => {
    const as = KINDS[kind as keyof typeof KINDS]
    return normalise(as, text.slice(start, end), countries).map((value) => ({ kind: as, value, start, end }))
  })
}

/** All pages, however long they are, with turns for other work. What an identifier says is not told where: `findInPage` does. */
export async function findInPages(pages: readonly Page[], signal: AbortSignal): Promise<Identifier[]> {
  const found: Identifier[] = []
  for (const page of pages) for (const { kind, value } of await findInPage(page, signal)) found.push({ kind, value })
  return found
}

/** Offsets are those of the page. Throws the reason of the signal. */
export async function findInPage(page: Page, signal: AbortSignal): Promise<FoundIdentifier[]> {
  const language = detectLanguage(page.text)
  const found: FoundIdentifier[] = []
  for await (const piece of inPieces([page], signal))
    for (const one of findInText(piece.text, language))
      if (piece.owns(one.start)) found.push({ ...one, start: one.start + piece.start, end: one.end + piece.start })
  return found
}

export function inMetadata(metadata: Readonly<Record<string, string>>): Identifier[] {
  return Object.entries(metadata).flatMap(([key, given]) => {
    const kind = Object.hasOwn(METADATA, key) ? METADATA[key] : undefined
    return kind ? normalise(kind, given).map((value) => ({ kind, value })) : []
  })
}

export function inFields(fields: Readonly<Record<string, Pick<Field, 'value'>>>): Identifier[] {
  const found = Object.entries(fields).flatMap(([path, { value }]) => inField(path, value))
  const whole = [fields.given_names?.value, fields.surname?.value].filter((part) => part !== undefined).join(' ')
  return [...found, ...normalise('name', whole).map((value) => ({ kind: 'name' as const, value }))]
}

/** What a correction replaced counts too: the pages still name that person. */
export function inReviewedFields(
  fields: Readonly<Record<string, { field: Pick<Field, 'value'>; read: Pick<Field, 'value'> | null }>>,
): Identifier[] {
  const shown = Object.fromEntries(Object.entries(fields).map(([path, { field }]) => [path, field]))
  const read = Object.fromEntries(Object.entries(fields).flatMap(([path, one]) => (one.read ? [[path, one.read]] : [])))
  return [...inFields(shown), ...inFields(read)]
}

/** None where a field is no person's. */
export function inField(path: string, given: string): Identifier[] {
  const kind = isPerson(path, given) ? 'name' : FIELD_KINDS[lastName(path)]
  return kind ? normalise(kind, given).map((value) => ({ kind, value })) : []
}

export function isPerson(path: string, value: string): boolean {
  const last = lastName(path)
  return (PERSON_FIELD.test(last) || last === 'attendees') && !LEGAL_FORM.test(value)
}

function lastName(path: string): string {
  return path.split('.').findLast((part) => !/^\d+$/.test(part)) ?? ''
}
