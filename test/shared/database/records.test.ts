import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { LegalBasis, Operation, ProcessingEvent } from '../../../shared/contracts/record.ts'
import { Outcome, outcomeOf, type RecordFilters } from '../../../shared/contracts/records.ts'
import { type Tx, withTenant } from '../../../shared/database/connection.ts'
import { appendEvent, readRecord } from '../../../shared/database/events.ts'
import { eventOfReading } from '../../../shared/database/field-reviews.ts'
import { readDocumentLeaves } from '../../../shared/database/ledger-export.ts'
import { readNewestRecords, readOldestRecords, sequenceOf } from '../../../shared/database/records.ts'
import { type Chance, chance } from '../../support/chance.ts'
import { plansOf } from '../../support/plans.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const EVENTS = 300
const SEED = 20_261_126
const PURPOSES = ['invoices', 'contracts', 'support'] as const
const PROCESSORS = ['mistral', 'vllm', null] as const
const DAY_MS = 86_400_000
const FIRST_MS = Date.parse('2026-03-01T00:00:00.000Z')

let bench: Workbench
let other: string
/** Of the bench's tenant, as they were recorded. */
let events: ProcessingEvent[]
let documents: string[]
let subject: string
const SUBJECT_DOCUMENTS = 2

beforeAll(async () => {
  bench = await openWorkbench()
  other = await bench.tenants.create('other')
  documents = []
  for (let at = 0; at < 6; at++) documents.push((await bench.upload()).document_id)
  await record(bench.tenantId, chance(SEED))
  await record(other, chance(SEED))
  const rows = await bench.query<{ body: string }>('SELECT body FROM greffier.events WHERE tenant_id = $1 ORDER BY seq', [bench.tenantId])
  events = rows.map(({ body }) => ProcessingEvent.parse(JSON.parse(body)))
  subject = newId()
  await bench.query(`INSERT INTO greffier.subject_identifiers VALUES ($1, 'email', '\\x00', $2)`, [bench.tenantId, subject])
  for (const id of documents.slice(0, SUBJECT_DOCUMENTS))
    await bench.query(`INSERT INTO greffier.document_subjects VALUES ($1, $2, 1, $3, 'text')`, [bench.tenantId, id, subject])
})
afterAll(() => bench.close())

async function record(tenantId: string, random: Chance): Promise<void> {
  await withTenant(bench.database, tenantId, async (tx) => {
    for (let at = 0; at < EVENTS; at++) {
      const processor = random.pick(PROCESSORS)
      const id = documents[Math.floor(random.fraction() * documents.length)] ?? null
      const phase = random.pick(['completed', 'completed', 'refused', 'outcome_unknown'] as const)
      const draft = {
        operation: random.pick(Operation.options as [ProcessingEvent['operation']]),
        step: 'test',
        phase,
        result: phase === 'completed' ? random.pick(['ok', 'failed', null] as const) : null,
        purpose: random.pick([...PURPOSES, null]),
        legal_basis: random.pick(['A6-1-b', 'A6-1-f', null] as const),
        recipient:
          processor === null
            ? null
            : { processor, endpoint: 'https://a.example', region: 'eu', register_hash: 'h', subprocessor_set_hash: null },
        ...(random.fraction() < 0.5 ? { doc_ref: id } : { hits: id === null ? [] : [{ doc_ref: id, revision: 1, page: 1 }] }),
        // Not in the order of recording, and several at the same moment.
        time: new Date(FIRST_MS + Math.floor(random.fraction() * 40) * DAY_MS).toISOString(),
      } as const
      await appendEvent(tx, tenantId, draft)
    }
  })
}

/** The definition of every filter, over all events. */
function naive(filters: RecordFilters): string[] {
  const named = (event: ProcessingEvent) => [event.doc_ref, ...event.hits.map((hit) => hit.doc_ref)]
  return events
    .filter(
      (event) =>
        (filters.document === undefined || named(event).includes(filters.document)) &&
        (filters.subject === undefined ||
          (filters.subject === subject && named(event).some((id) => documents.slice(0, SUBJECT_DOCUMENTS).includes(id ?? '')))) &&
        (filters.processor === undefined || event.recipient?.processor === filters.processor) &&
        (filters.purpose === undefined || event.purpose === filters.purpose) &&
        (filters.legal_basis === undefined || event.legal_basis === filters.legal_basis) &&
        (filters.operation === undefined || event.operation === filters.operation) &&
        (filters.outcome === undefined || outcomeOf(event) === filters.outcome) &&
        (filters.from === undefined || Date.parse(event.time) >= Date.parse(filters.from)) &&
        (filters.to === undefined || Date.parse(event.time) < Date.parse(filters.to)),
    )
    .map((event, at) => ({ id: event.event_id, at, ms: Date.parse(event.time) }))
    .sort((a, b) => a.ms - b.ms || a.at - b.at)
    .map(({ id }) => id)
}

async function walkNewest(filters: RecordFilters, limit: number, between: () => Promise<void> = async () => undefined): Promise<string[]> {
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const page = await bench.tenant((tx) => readNewestRecords(tx, { filters, limit, after }))
    ids.push(...page.map(({ id }) => id))
    after = page.at(-1)?.id ?? null
    if (page.length < limit) return ids
    await between()
  }
}

const each = {
  document: () => documents,
  subject: () => [subject, newId()],
  processor: () => [...PROCESSORS.filter((name) => name !== null), 'nobody'],
  purpose: () => [...PURPOSES, 'nothing'],
  legal_basis: () => LegalBasis.options,
  operation: () => Operation.options,
  outcome: () => Outcome.options,
  from: () => ['2026-02-01T00:00:00Z', '2026-03-11T00:00:00Z', '2026-03-11T00:00:00.001Z', '2027-01-01T00:00:00Z'],
  to: () => ['2026-02-01T00:00:00Z', '2026-03-11T00:00:00Z', '2027-01-01T00:00:00Z'],
} satisfies Record<keyof RecordFilters, () => readonly string[]>
const NAMES = Object.keys(each) as (keyof RecordFilters)[]

test.each(NAMES)(
  'the filter %s alone finds what its definition finds among all events, in order, and nothing of another tenant',
  async (name) => {
    let found = 0
    for (const value of each[name]()) {
      const filters = { [name]: value } as RecordFilters
      const expected = naive(filters)
      found += expected.length
      expect(await walkNewest(filters, 1_000), `${name} = ${value}`).toEqual(expected.toReversed())
    }
    expect(found).toBeGreaterThan(0)
  },
)

test('filters in any combination find what their definitions find together, page by page', async () => {
  const random = chance(SEED + 1)
  let found = 0
  for (let round = 0; round < 120; round++) {
    const chosen = random.shuffled(NAMES).slice(0, 1 + Math.floor(random.fraction() * 4))
    const filters = Object.fromEntries(
      chosen.map((name) => [name, random.pick(each[name]() as unknown as [string, ...string[]])]),
    ) as RecordFilters
    const expected = naive(filters)
    found += expected.length
    const limit = 1 + Math.floor(random.fraction() * 20)
    expect(await walkNewest(filters, limit), `seed ${SEED}, round ${round}: ${JSON.stringify(filters)}`).toEqual(expected.toReversed())
  }
  expect(found).toBeGreaterThan(500)
})

test('a walk that begins before events are appended meets all that were there, each once', async () => {
  const before = naive({})
  let appended = 0
  const ids = await walkNewest({}, 7, async () => {
    await bench.tenant((tx) => appendEvent(tx, bench.tenantId, { operation: 'Store', step: 'meanwhile', phase: 'completed' }))
    appended++
  })
  expect(appended).toBeGreaterThan(10)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toEqual(before.toReversed())
})

test('oldest first ends at the event that it began with, however much is appended meanwhile', async () => {
  const last = await bench.tenant((tx) => appendEvent(tx, bench.tenantId, { operation: 'Retrieve', step: 'export', phase: 'completed' }))
  const until = await bench.tenant((tx) => sequenceOf(tx, last))
  const expected = (
    await bench.query<{ id: string }>('SELECT id FROM greffier.events WHERE tenant_id = $1 AND seq < $2 ORDER BY occurred_at, seq', [
      bench.tenantId,
      until,
    ])
  ).map(({ id }) => id)
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const page = await bench.tenant((tx) => readOldestRecords(tx, { filters: {}, limit: 50, after }, until))
    ids.push(...page.map(({ id }) => id))
    after = page.at(-1)?.id ?? null
    if (page.length < 50) break
    await bench.tenant((tx) => appendEvent(tx, bench.tenantId, { operation: 'Store', step: 'meanwhile', phase: 'completed' }))
  }
  expect(ids).toEqual(expected)
})

test('a cursor of another tenant’s event is refused like one of no event', async () => {
  const [foreign] = await bench.query<{ id: string }>('SELECT id FROM greffier.events WHERE tenant_id = $1 LIMIT 1', [other])
  for (const after of [foreign?.id ?? '', newId()])
    await expect(bench.tenant((tx) => readNewestRecords(tx, { filters: {}, limit: 1, after }))).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
})

test('what another writer inserts is described by its text, as appended events are', async () => {
  const columns = 'occurred_at, operation, outcome, purpose, legal_basis, processor'
  const written = await bench.query(`SELECT ${columns} FROM greffier.events WHERE tenant_id = $1 ORDER BY seq LIMIT ${EVENTS}`, [
    bench.tenantId,
  ])
  await bench.query(`CREATE TABLE greffier.copies (LIKE greffier.events INCLUDING DEFAULTS INCLUDING IDENTITY)`)
  await bench.query(
    `CREATE TRIGGER described BEFORE INSERT ON greffier.copies FOR EACH ROW WHEN (NEW.occurred_at IS NULL) EXECUTE FUNCTION greffier.describe_event()`,
  )
  await bench.query(`INSERT INTO greffier.copies (id, tenant_id, document_ids, phase, body)
    SELECT id, tenant_id, document_ids, phase, body FROM greffier.events WHERE tenant_id = '${bench.tenantId}' ORDER BY seq LIMIT ${EVENTS}`)
  expect(await bench.query(`SELECT ${columns} FROM greffier.copies ORDER BY seq`)).toEqual(written)
  await bench.query('DROP TABLE greffier.copies')
})

test('under row-level security a document’s events are found by their index, and pages by the one of the view', async () => {
  await bench.query('VACUUM ANALYZE greffier.events')
  const id = documents[0] ?? ''
  const [page] = await plansOf(bench, (tx) => readNewestRecords(tx, { filters: { purpose: 'invoices' }, limit: 10, after: null }))
  expect(page).toContain('Index Only Scan Backward using events_in_time')
  for (const read of [
    (tx: Tx) => readRecord(tx, id),
    (tx: Tx) => readDocumentLeaves(tx, { documentId: id, size: 0, after: '0', limit: 10 }),
    (tx: Tx) => eventOfReading(tx, id, 1),
  ]) {
    const [plan] = await plansOf(bench, read)
    // Walked by nothing but the numbers that the function found.
    expect(plan).toMatch(/events_pkey on events.*\n *Index Cond: .*seq = ANY \(/)
    expect(plan).not.toContain('document_ids')
  }
  expect((await bench.tenant((tx) => readRecord(tx, id))).length).toBe(naive({ document: id }).length)
})
