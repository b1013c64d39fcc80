import type { ExposedDocument, ExposurePath, ExposureTotals, ExposureUse, Held, Masking } from '../contracts/exposure.ts'
import type { Path } from './exposure.ts'

/** Paths and uses that a report tells apart; a tenant has some dozens. What is beyond still counts in the sums. */
const GROUPS_MAX = 1_000

/** A call that was held in the interval. */
export interface HeldCall {
  seq: string
  time: string
  processor: string
  endpoint: string
  region: string
  countries: readonly string[]
  transfer: string | null
  task: string
  purpose: string | null
  paths: readonly Path[]
  held: Held
  by_todays_register: { until: string | null; in_interval: boolean } | null
  masking: Masking
  before: Readonly<Record<string, number>>
  after: Readonly<Record<string, number>>
  without_outcome: boolean
  another_register: boolean
}

/** What the catalogue and the record say of a document, erased or not. */
export type DocumentFacts = Pick<
  ExposedDocument,
  'document_id' | 'erased_at' | 'sensitivity' | 'data_classes' | 'special' | 'criminal' | 'data_categories' | 'subject_categories'
>

/** All held calls of one document → its line. */
export function exposedDocument(facts: DocumentFacts, calls: readonly HeldCall[]): ExposedDocument {
  const times = calls.map(({ time }) => time).sort()
  const held = calls.map((call) => call.held).reduce(longer)
  const differing = calls.some(({ by_todays_register }) => by_todays_register !== null)
  const today = calls.map(({ by_todays_register, held: { until } }) => by_todays_register ?? { until, in_interval: true })
  return {
    ...facts,
    purposes: distinct(calls.flatMap(({ purpose }) => purpose ?? [])),
    tasks: distinct(calls.map(({ task }) => task)),
    processors: distinct(calls.map(({ processor }) => processor)),
    known_then: calls.some(isKnownThen),
    calls: calls.length,
    calls_without_outcome: calls.filter(({ without_outcome }) => without_outcome).length,
    masking: distinct(calls.map(({ masking }) => masking)),
    first_sent: times[0] ?? '',
    last_sent: times.at(-1) ?? '',
    held,
    held_by_todays_register: differing
      ? { until: today.map(({ until }) => until).reduce(later), in_interval: today.some(({ in_interval }) => in_interval) }
      : null,
  }
}

type Counted = Pick<ExposurePath, 'documents' | 'calls' | 'masking' | 'first_sent' | 'last_sent'>
type Group<Key> = Key & Counted

/**
 * Sums a report over documents that come one by one in the order of their ids: nothing is kept of a document but its share of the sums. A call that
 * showed several documents is one call of each of them, and is counted once in the whole (`isFirst`).
 */
export function createTally() {
  const totals = emptyTotals()
  const paths = new Map<string, Group<Omit<ExposurePath, keyof Counted>>>()
  const uses = new Map<string, Group<Pick<ExposureUse, 'task' | 'purpose'>>>()
  const countries = new Set<string>()
  const transfers = new Set<string>()
  const result = (subjects: (erased: number) => ExposureTotals['subjects']) => ({
    totals: { ...totals, subjects: subjects(totals.documents_erased), countries: [...countries].sort(), transfers: [...transfers].sort() },
    paths: [...paths.values()].sort(byDocuments),
    uses: [...uses.values()].sort(byDocuments),
  })
  return { add, addWithoutDocument, result }

  /** `isFirst`: no document before this one was in the call. */
  function add<Call extends HeldCall>(document: ExposedDocument, calls: readonly Call[], isFirst: (call: Call) => boolean): void {
    totals.documents += 1
    totals.documents_known_only_now += document.known_then ? 0 : 1
    totals.documents_erased += document.erased_at === null ? 0 : 1
    totals.documents_special += document.special ? 1 : 0
    totals.documents_criminal += document.criminal ? 1 : 0
    totals.documents_released_by_todays_register += document.held_by_todays_register?.in_interval === false ? 1 : 0
    totals.documents_unknown_retention += document.held.basis === 'unknown' ? 1 : 0
    totals.documents_without_categories += document.data_categories.length === 0 ? 1 : 0
    count(totals.sensitivity, [document.sensitivity])
    count(totals.data_categories, document.data_categories)
    count(totals.subject_categories, document.subject_categories)
    const seen = new Set<object>()
    for (const call of calls) share(call, isFirst(call), seen)
  }

  function addWithoutDocument(call: HeldCall): void {
    totals.calls_without_document += 1
    share(call, true, null)
  }

  function share(call: HeldCall, first: boolean, seen: Set<object> | null): void {
    if (first) addCall(call)
    for (const { subprocessor, country, known_then, known_now } of call.paths) {
      const { processor, endpoint, region } = call
      const where = subprocessor === null ? [...call.countries] : country === null ? [] : [country]
      for (const one of where) countries.add(one)
      const key = { processor, endpoint, region, subprocessor, known_then, known_now, countries: where }
      grow(paths, JSON.stringify([processor, endpoint, region, subprocessor, known_then, known_now]), key, call, first, seen)
    }
    grow(uses, JSON.stringify([call.task, call.purpose]), { task: call.task, purpose: call.purpose }, call, first, seen)
  }

  function addCall(call: HeldCall): void {
    totals.calls += 1
    totals.calls_without_outcome += call.without_outcome ? 1 : 0
    totals.calls_under_another_register += call.another_register ? 1 : 0
    if (call.transfer !== null) transfers.add(call.transfer)
    count(totals.masking, [call.masking])
    sum(totals.kinds_before, call.before)
    sum(totals.kinds_after, call.after)
    totals.first_sent = totals.first_sent === null || call.time < totals.first_sent ? call.time : totals.first_sent
    totals.last_sent = totals.last_sent === null || call.time > totals.last_sent ? call.time : totals.last_sent
    if (call.held.until === null) totals.still_held = true
    else if (!totals.still_held && (totals.held_until === null || call.held.until > totals.held_until)) totals.held_until = call.held.until
    if (totals.still_held) totals.held_until = null
  }
}

function grow<Key>(
  groups: Map<string, Group<Key>>,
  id: string,
  key: Key,
  { time, masking }: HeldCall,
  first: boolean,
  seen: Set<object> | null,
): void {
  const known = groups.get(id)
  if (!known && groups.size >= GROUPS_MAX) return
  const group = known ?? { ...key, documents: 0, calls: 0, masking: {}, first_sent: time, last_sent: time }
  groups.set(id, group)
  if (seen && !seen.has(group)) {
    seen.add(group)
    group.documents += 1
  }
  group.calls += first ? 1 : 0
  if (first) count(group.masking, [masking])
  if (time < group.first_sent) group.first_sent = time
  if (time > group.last_sent) group.last_sent = time
}

function isKnownThen({ paths }: HeldCall): boolean {
  return paths.some(({ known_then }) => known_then)
}

/** What has no known end is longest, and of two such the one that nobody knew anything of. */
function longer(a: Held, b: Held): Held {
  if (a.until === null || b.until === null) return b.until === null && (a.until !== null || b.basis === 'unknown') ? b : a
  return a.until >= b.until ? a : b
}

function later(a: string | null, b: string | null): string | null {
  return a === null || b === null ? null : a >= b ? a : b
}

function distinct<Value extends string>(values: readonly Value[]): Value[] {
  return [...new Set(values)].sort()
}

function count<Name extends string>(into: Partial<Record<Name, number>>, names: readonly Name[]): void {
  for (const name of names) into[name] = (into[name] ?? 0) + 1
}

function sum(into: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, number] of Object.entries(more)) into[name] = (into[name] ?? 0) + number
}

function byDocuments(a: Group<unknown>, b: Group<unknown>): number {
  return b.documents - a.documents || b.calls - a.calls
}

function emptyTotals(): ExposureTotals {
  return {
    documents: 0,
    documents_known_only_now: 0,
    documents_erased: 0,
    documents_special: 0,
    documents_criminal: 0,
    documents_released_by_todays_register: 0,
    documents_unknown_retention: 0,
    subjects: null,
    calls: 0,
    calls_without_outcome: 0,
    calls_without_document: 0,
    calls_under_another_register: 0,
    sensitivity: {},
    data_categories: {},
    subject_categories: {},
    documents_without_categories: 0,
    masking: {},
    kinds_before: {},
    kinds_after: {},
    countries: [],
    transfers: [],
    first_sent: null,
    last_sent: null,
    held_until: null,
    still_held: false,
  }
}
