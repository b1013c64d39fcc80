import canonicalize from 'canonicalize'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { openDatabase, withTenant } from '../../../shared/database/connection.ts'
import { appendEvent, closeAbandonedIntents, RECORD_EVENTS_MAX, readOwnRecord, readRecord } from '../../../shared/database/events.ts'
import { declareBy } from '../../../shared/policy/activities.ts'
import { loadActivities } from '../../../shared/runtime/policy-files.ts'
import { unheard } from '../../support/pools.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const SHIPPED = new URL('../../../infra/activities.yaml', import.meta.url).pathname

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('an event is kept as canonical JSON that says what was said of it, and nothing left out is undefined', async () => {
  const document = newId()
  const id = await append({ operation: 'Analyse', step: 'extract', phase: 'completed', doc_ref: document, revision: 3, result: 'ok' })
  const [row] = await bench.query<{ body: string; phase: string }>('SELECT body, phase FROM greffier.events WHERE id = $1', [id])
  const stored = JSON.parse(row?.body ?? '')
  expect(row?.body).toBe(canonicalize(stored))
  expect(row?.phase).toBe('completed')
  expect(stored).toMatchObject({ event_id: id, controller_ref: bench.tenantId, doc_ref: document, revision: 3, hits: [], recipient: null })
  expect(await read(document)).toEqual([stored])
})

test('the record of a document holds what concerns it, in the order of recording: its own events and the answers that used it', async () => {
  const [mine, other] = [newId(), newId()]
  const hit = (doc_ref: string) => ({ doc_ref, revision: 1, page: 1 })
  const first = await append({ operation: 'Collect', step: 'upload', phase: 'completed', doc_ref: mine })
  const used = await append({ operation: 'Retrieve', step: 'search', phase: 'completed', hits: [hit(mine), hit(other), hit(mine)] })
  await append({ operation: 'Collect', step: 'upload', phase: 'completed', doc_ref: other })
  expect((await read(mine)).map((event) => event.event_id)).toEqual([first, used])
})

test('however many questions used a document, its own events and each call that showed it are read, over several pages', async () => {
  const [mine, other] = [newId(), newId()]
  const hits = [mine, other].map((doc_ref) => ({ doc_ref, revision: 1, page: 1 }))
  const upload = await append({ operation: 'Collect', step: 'upload', phase: 'completed', doc_ref: mine })
  const recipient = {
    processor: 'mistral',
    endpoint: 'https://model.example',
    region: 'eu',
    register_hash: 'h',
    subprocessor_set_hash: null,
  }
  const shown = await append({ operation: 'Infer', step: 'answer', phase: 'completed', result: 'ok', recipient, hits })
  const searched = await append({ operation: 'Retrieve', step: 'search', phase: 'completed', hits })
  const reading = await append({ operation: 'Retrieve', step: 'text', phase: 'completed', doc_ref: mine })
  await repeat(searched, RECORD_EVENTS_MAX)
  await repeat(reading, 4_500)
  const last = await append({ operation: 'Store', step: 'hold', phase: 'completed', doc_ref: mine })
  const events = await bench.tenant((tx) => readOwnRecord(tx, mine))
  expect(events).toHaveLength(4_504)
  expect([0, 1, 2, 4_503].map((at) => events[at]?.event_id)).toEqual([upload, shown, reading, last])
  expect(events[1]).toMatchObject({ recipient, hits: [] })
  const newest = await read(mine)
  expect([newest.length, newest.at(-1)?.event_id, newest.some(({ step }) => step === 'upload')]).toEqual([RECORD_EVENTS_MAX, last, false])
})

test('a tenant’s record shows nothing of another tenant’s, even for the same document', async () => {
  const document = newId()
  const other = await bench.tenants.create('other')
  await withTenant(bench.database, other, (tx) =>
    appendEvent(tx, other, { operation: 'Collect', step: 'upload', phase: 'completed', doc_ref: document }),
  )
  expect(await read(document)).toEqual([])
})

test('an event rolls back with the change that it describes', async () => {
  const document = newId()
  const failing = bench.tenant(async (tx) => {
    await appendEvent(tx, bench.tenantId, { operation: 'Collect', step: 'upload', phase: 'completed', doc_ref: document })
    throw new Error('after the event')
  })
  await expect(failing).rejects.toThrow('after the event')
  expect(await read(document)).toEqual([])
})

test('every event of a declared purpose names its activity, whoever writes it, and the one that closes a call says the same', async () => {
  const { activities, activitiesHash } = loadActivities(SHIPPED)
  const declaring = openDatabase(bench.serviceUrl, unheard, declareBy(activities, activitiesHash))
  onTestFinished(() => declaring.destroy())
  const [declared, undeclared] = [newId(), newId()]
  const intent = await withTenant(declaring, bench.tenantId, (tx) =>
    appendEvent(tx, bench.tenantId, { ...call(declared), purpose: 'accounting' }),
  )
  await withTenant(declaring, bench.tenantId, async (tx) => {
    await closeAbandonedIntents(tx, bench.tenantId, [intent])
    await appendEvent(tx, bench.tenantId, { ...call(undeclared), phase: 'completed', purpose: 'something_else' })
  })
  const invoices = { activity_ref: 'invoices', legal_basis: 'A6-1-c', art9_basis: null, register_hash: activitiesHash, role: 'controller' }
  expect(await read(declared)).toMatchObject([invoices, { ...invoices, phase: 'outcome_unknown' }])
  expect(await read(undeclared)).toMatchObject([{ activity_ref: null, legal_basis: null, register_hash: activitiesHash }])
})

test('a draft with a key that the record does not know is refused', async () => {
  const draft = { operation: 'Collect', step: 'upload', phase: 'completed', file_name: 'Müller.pdf' } as EventDraft
  await expect(append(draft)).rejects.toThrow(/file_name/)
})

describe('an intent', () => {
  test('is open until an event closes it, and can be closed once', async () => {
    const document = newId()
    const intent = await append(call(document))
    expect(await open(intent)).toBe(true)
    const closing = await append({ ...call(document), phase: 'completed', result: 'ok' }, intent)
    expect(await open(intent)).toBe(false)
    await expect(append({ ...call(document), phase: 'completed', result: 'failed' }, intent)).rejects.toMatchObject({ code: '23505' })
    const events = await read(document)
    expect(events.map((event) => event.event_id)).toEqual([intent, closing])
    expect(events[1]?.parent_events).toEqual([intent])
  })

  test('that nobody completed is closed once as outcome_unknown, by however many at once, and says what the intent said', async () => {
    const document = newId()
    const intent = await append(call(document))
    await Promise.all(Array.from({ length: 5 }, () => bench.tenant((tx) => closeAbandonedIntents(tx, bench.tenantId, [intent, newId()]))))
    const [first, second, ...more] = await read(document)
    expect(more).toEqual([])
    expect(second).toMatchObject({ phase: 'outcome_unknown', result: null, parent_events: [intent], step: 'enrich', doc_ref: document })
    expect(second?.event_id).not.toBe(first?.event_id)
    expect(await open(intent)).toBe(false)
  })

  test('that was completed meanwhile is left as it is', async () => {
    const document = newId()
    const intent = await append(call(document))
    await append({ ...call(document), phase: 'completed', result: 'ok' }, intent)
    await bench.tenant((tx) => closeAbandonedIntents(tx, bench.tenantId, [intent]))
    expect((await read(document)).map((event) => event.phase)).toEqual(['intent', 'completed'])
  })

  test('of another tenant cannot be closed', async () => {
    const document = newId()
    const intent = await append(call(document))
    const other = await bench.tenants.create('other')
    await withTenant(bench.database, other, (tx) => closeAbandonedIntents(tx, other, [intent]))
    expect(await open(intent)).toBe(true)
  })
})

function call(document: string): EventDraft {
  return { operation: 'Infer', step: 'enrich', phase: 'intent', doc_ref: document, revision: 1 }
}

function append(draft: EventDraft, closes: string | null = null): Promise<string> {
  return bench.tenant((tx) => appendEvent(tx, bench.tenantId, draft, closes))
}

/** The same event so many times more, as other writers' rows. */
function repeat(id: string, times: number) {
  return bench.query(
    `INSERT INTO greffier.events (id, tenant_id, document_ids, phase, body)
     SELECT gen_random_uuid(), tenant_id, document_ids, phase, body FROM greffier.events, generate_series(1, $2) WHERE id = $1`,
    [id, times],
  )
}

function read(documentId: string) {
  return bench.tenant((tx) => readRecord(tx, documentId))
}

async function open(intent: string): Promise<boolean> {
  return (await bench.query('SELECT FROM greffier.open_intents WHERE event_id = $1', [intent])).length > 0
}
