import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErasureView } from '../../shared/contracts/erasure.ts'
import type { DocumentRecord, OrderedBy, ProcessingEvent } from '../../shared/contracts/record.ts'
import type { RecordsPage } from '../../shared/contracts/records.ts'
import type { SubjectRequestView } from '../../shared/contracts/subjects.ts'
import { startCli } from '../services/cli/run-cli.ts'
import { type Colleague, hire } from '../support/colleague.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

const REASON = 'Case 4711: the supervisory authority asks who ordered it.'
const HOLD = { reason: '17-3-e' }
const RESTRICTION = { ground: '18-1-a' }
const IDENTIFIERS = { email: 'clara.beispiel@example.org' }
const INVOICE = 'Invoice\n\nInvoice number: RE-2026-0815\nInvoice date: 3 March 2026\nDue date: 31 March 2027\nTotal: 119.00 EUR\n'
const EXPOSURE = 'processor=builtin&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z'

let greffier: Greffier
let ada: Colleague
let ben: Colleague
beforeAll(async () => {
  greffier = await startGreffier()
  ada = await hire(greffier, 'Adelgunde Zeisig')
  ben = await hire(greffier, 'Bertram Specht')
})
afterAll(() => greffier.close())

async function document(): Promise<string> {
  const { document_id } = await greffier.upload(INVOICE, { on_duplicate: 'new' })
  await greffier.settled(document_id)
  return document_id
}

const nameOf = ({ keyId, name }: Colleague) => ({ key_id: keyId, name })
const newest = async () => (await greffier.rows<{ seq: string }>('SELECT coalesce(max(seq), 0) AS seq FROM events'))[0]?.seq
const recordedSince = async (seq: string | undefined) =>
  (await greffier.rows<{ body: string }>('SELECT body FROM events WHERE seq > $1 ORDER BY seq', [seq])).map(
    ({ body }) => JSON.parse(body) as ProcessingEvent,
  )
const named = <Answer>(path: string, apiKey = greffier.apiKey) =>
  greffier
    .fetch(path, { headers: { justification: REASON, authorization: `Bearer ${apiKey}` } })
    .then((response) => response.json() as Promise<Answer>)
const namedRecord = (id: string) => named<DocumentRecord>(`/v1/documents/${id}/record?annex=true`)

/** Who ordered the events of one document, by their steps; without the looks of this test itself. */
async function orderersOf(id: string): Promise<[string, OrderedBy[string]][]> {
  const { events, ordered_by = {} } = await namedRecord(id)
  return events.flatMap(({ event_id, step }) => {
    const by = ordered_by[event_id]
    return by && step !== 'annex' && step !== 'records_export' ? [[step, by] as [string, typeof by]] : []
  })
}

async function subjectRequest(kind: string): Promise<string> {
  return (await ada.json<SubjectRequestView>('POST', '/v1/subject-requests', { kind, identifiers: IDENTIFIERS })).request_id
}

/** One that is under way still. */
async function erasureRequest(): Promise<string> {
  const [tenant] = await greffier.rows<{ id: string }>('SELECT id FROM tenants ORDER BY created_at LIMIT 1')
  const id = crypto.randomUUID()
  await greffier.rows(
    `INSERT INTO erasure_requests (id, tenant_id, key_id, scope, due_at) VALUES ($1, $2, $3, $4, now() + interval '1 month')`,
    [id, tenant?.id, ada.keyId, JSON.stringify({ document_ids: [id] })],
  )
  return id
}

/** What Ben orders, after Ada where there has to be something before; the step of the events that it leaves, and how many. */
const ORDERS: Record<string, [step: string, events: number, order: () => Promise<unknown>]> = {
  'extending the term of an erasure': [
    'erasure_extended',
    1,
    async () => ben.request('POST', `/v1/erasures/${await erasureRequest()}/extend`, { reason: 'many files' }),
  ],
  'extending the term of a subject request': [
    'subject_request_extended',
    1,
    async () => ben.request('POST', `/v1/subject-requests/${await subjectRequest('access')}/extend`, { reason: 'many files' }),
  ],
  'putting on record that a person has the answer': [
    'subject_request_answered',
    1,
    async () => ben.request('POST', `/v1/subject-requests/${await subjectRequest('access')}/answer`),
  ],
  'fetching a package of access': [
    'subject_access',
    1,
    async () => ben.request('GET', `/v1/subject-requests/${await subjectRequest('access')}/package`),
  ],
  'fetching a package of portability that is refused': [
    'subject_portability',
    1,
    async () => ben.request('GET', `/v1/subject-requests/${await subjectRequest('portability')}/package`),
  ],
  'finding a person': ['subject_find', 1, () => ben.request('POST', '/v1/subjects/find', IDENTIFIERS)],
  'placing a hold': ['hold', 1, async () => ben.request('PUT', `/v1/documents/${await document()}/hold`, HOLD)],
  'lifting a hold': [
    'hold_lifted',
    1,
    async () => {
      const path = `/v1/documents/${await document()}/hold`
      await ada.json('PUT', path, HOLD)
      await ben.request('DELETE', path)
    },
  ],
  'restricting a document': [
    'restriction',
    1,
    async () => ben.request('PUT', `/v1/documents/${await document()}/restriction`, RESTRICTION),
  ],
  'lifting a restriction': [
    'restriction_lifted',
    1,
    async () => {
      const path = `/v1/documents/${await document()}/restriction`
      await ada.json('PUT', path, RESTRICTION)
      await ben.request('DELETE', path)
    },
  ],
  'asking for an erasure': [
    'erasure_request',
    1,
    async () => ben.request('POST', '/v1/erasures', { ground: '17-1-b', scope: { document_ids: [await document()] } }),
  ],
  'an erasure that a hold refuses': [
    'restriction',
    1,
    async () => {
      const id = await document()
      await ada.json('PUT', `/v1/documents/${id}/hold`, HOLD)
      await ben.request('DELETE', `/v1/documents/${id}`)
    },
  ],
  'registering a subject request': [
    'subject_request',
    1,
    () => ben.request('POST', '/v1/subject-requests', { kind: 'access', identifiers: IDENTIFIERS }),
  ],
  'correcting a field': [
    'rectification',
    1,
    async () =>
      ben.request('PATCH', `/v1/documents/${await document()}/fields/due_date`, { value: '2027-04-15', reason: 'said so', revision: 1 }),
  ],
  'reviewing a field': [
    'field_review',
    1,
    async () => ben.request('POST', `/v1/documents/${await document()}/fields/due_date/review`, { outcome: 'confirmed', revision: 1 }),
  ],
  'a report of exposure and its draft': [
    'exposure',
    2,
    async () => {
      for (const path of ['/v1/exposure', '/v1/exposure/draft']) await (await ben.request('GET', `${path}?${EXPOSURE}`)).text()
    },
  ],
  'an export of the record': ['records_export', 2, async () => (await ben.request('GET', '/v1/records/export?format=csv')).text()],
  'an export with names': [
    'records_export',
    2,
    async () =>
      (await ben.request('GET', '/v1/records/export?format=jsonl&annex=true&operation=Alter', undefined, { justification: REASON })).text(),
  ],
  'a look at names': ['annex', 1, () => ben.request('GET', '/v1/records?annex=true&limit=1', undefined, { justification: REASON })],
  'an audit bundle': ['audit_bundle', 1, async () => (await ben.request('GET', '/v1/audit-bundle')).text()],
  'exchanging the key of the log': ['log_key_exchanged', 1, () => ben.request('POST', '/v1/ledger/rotate-key')],
  'vouching for the clock': [
    'clock_confirmed',
    1,
    () =>
      // Until somebody has looked at it, there is nothing to vouch for.
      waitUntil(
        async () => (await ben.request('POST', '/v1/retention/confirm-clock', { now: new Date().toISOString() })).status === 200,
        'the clock to be looked at',
      ),
  ],
}

test.each(Object.entries(ORDERS))('the record tells who ordered it: %s', async (_, [step, count, order]) => {
  const before = await newest()
  await order()
  const left = (await recordedSince(before)).filter((event) => event.step === step)
  expect(left).toHaveLength(count)
  const { ordered_by = {} } = await named<RecordsPage>('/v1/records?annex=true&limit=100')
  for (const { event_id } of left) expect(ordered_by[event_id]).toEqual(nameOf(ben))
})

describe('of a document', () => {
  let id: string
  /** By step, in the order of the record. */
  let told: [string, OrderedBy[string]][]
  beforeAll(async () => {
    id = await document()
    told = [
      ['hold', nameOf(ada)],
      ['hold_lifted', nameOf(ben)],
    ]
    await ada.json('PUT', `/v1/documents/${id}/hold`, HOLD)
    await ben.request('DELETE', `/v1/documents/${id}/hold`)
  })
  test('it is told of what somebody ordered alone, also when the row that was ordered is gone', async () => {
    expect(await orderersOf(id)).toEqual(told)
  })

  test('the record, the list and every line of JSON Lines tell the same', async () => {
    const { ordered_by } = await namedRecord(id)
    const page = await named<RecordsPage>(`/v1/records?annex=true&document=${id}&operation=Restrict`)
    const ofHold = Object.fromEntries(page.events.map(({ event_id }) => [event_id, ordered_by?.[event_id]]))
    expect(page.ordered_by).toEqual(ofHold)
    const response = await greffier.fetch(`/v1/records/export?format=jsonl&annex=true&document=${id}`, {
      headers: { justification: REASON },
    })
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: ProcessingEvent; ordered_by: unknown })
    expect(lines.filter(({ event }) => event.operation === 'Restrict').map(({ ordered_by: by }) => by)).toEqual([nameOf(ada), nameOf(ben)])
    expect(lines.find(({ event }) => event.step === 'upload')).toMatchObject({ ordered_by: null })
  })

  test.each([
    '/v1/documents/:id/record',
    '/v1/records?limit=1000',
    '/v1/records/export?format=jsonl',
    '/v1/records/export?format=csv',
    '/v1/records/export?format=jsonld',
    '/v1/audit-bundle',
  ])('it is not told without a justification: %s', async (path) => {
    const response = await greffier.fetch(path.replace(':id', id))
    expect(response.status).toBe(200)
    const text = await response.text()
    expect(text).toContain('hold_lifted')
    for (const said of [ada.keyId, ada.name, ben.keyId, ben.name, 'ordered_by']) expect(text).not.toContain(said)
  })

  test('it is told on the command line, with a justification alone', async () => {
    const cli = async (...args: string[]) =>
      (
        await startCli(['records', '--document', id, ...args], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } })
          .exited
      ).stdout
    const shown = await cli('--annex', '--justification', REASON)
    expect(shown).toMatch(/^time.* file +ordered by +purpose/)
    expect(shown.split('\n').find((line) => line.includes('hold_lifted'))).toContain(ben.name)
    const json = JSON.parse(await cli('--annex', '--justification', REASON, '--json')) as RecordsPage
    expect(Object.values(json.ordered_by ?? {})).toEqual(expect.arrayContaining([nameOf(ada), nameOf(ben)]))
    expect(await cli()).not.toContain(ben.name)
  })

  test('another organisation is told nothing of it, and what it ordered itself', async () => {
    const other = await greffier.addTenant()
    expect(await named(`/v1/documents/${id}/record?annex=true`, other.apiKey)).toMatchObject({ code: 'DOCUMENT_NOT_FOUND' })
    await (await greffier.fetch('/v1/audit-bundle', { headers: { authorization: `Bearer ${other.apiKey}` } })).text()
    const { events, ordered_by } = await named<RecordsPage>('/v1/records?annex=true&limit=1000', other.apiKey)
    const [own] = await greffier.rows<{ id: string; name: string }>('SELECT id, name FROM api_keys WHERE tenant_id = $1', [other.tenantId])
    const bundle = events.find(({ step }) => step === 'audit_bundle')
    expect(ordered_by).toEqual({ [bundle?.event_id ?? '']: { key_id: own?.id, name: own?.name } })
  })

  test('it outlives the document: the erasure is its orderer’s, and takes only who looked at its fields', async () => {
    await ada.json('POST', `/v1/documents/${id}/fields/due_date/review`, { outcome: 'confirmed', revision: 1 })
    expect(await orderersOf(id)).toEqual([...told, ['field_review', nameOf(ada)]])
    const { erasure_id } = await ben.json<ErasureView>('POST', '/v1/erasures', { ground: '17-1-b', scope: { document_ids: [id] } })
    await waitUntil(async () => (await greffier.record(id)).some(({ operation }) => operation === 'Erase'), 'the document to be erased')
    const { annex, events } = await namedRecord(id)
    expect(annex).toBeNull()
    expect(events.find(({ operation }) => operation === 'Erase')?.request_ref).toBe(erasure_id)
    const orderers = new Map((await orderersOf(id)).map(([step, by]) => [step, by]))
    expect(orderers).toEqual(new Map([...told, ['erase', nameOf(ben)]]))
  })
})

test('a key that is revoked keeps its name, and one that is deleted is told by its id', async () => {
  const gone = await hire(greffier, 'Cordula Amsel')
  const id = await document()
  await gone.json('PUT', `/v1/documents/${id}/hold`, HOLD)
  await greffier.fetch(`/v1/keys/${gone.keyId}`, { method: 'DELETE' })
  expect(await orderersOf(id)).toEqual([['hold', nameOf(gone)]])
  await greffier.rows('DELETE FROM api_keys WHERE id = $1', [gone.keyId])
  expect(await orderersOf(id)).toEqual([['hold', { key_id: gone.keyId, name: null }]])
})

test('what cannot be kept with who ordered it is not done', async () => {
  const id = await document()
  await ada.json('PUT', `/v1/documents/${id}/hold`, HOLD)
  await greffier.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`)
  await greffier.rows('CREATE TRIGGER refusing BEFORE INSERT ON event_actors FOR EACH ROW EXECUTE FUNCTION refuse()')
  try {
    expect((await ben.request('DELETE', `/v1/documents/${id}/hold`)).status).toBe(500)
  } finally {
    await greffier.rows('DROP FUNCTION refuse CASCADE')
  }
  expect(await ada.json('GET', `/v1/documents/${id}/hold`)).toMatchObject({ key_id: ada.keyId })
  expect((await greffier.record(id)).filter(({ step }) => step === 'hold_lifted')).toEqual([])
})
