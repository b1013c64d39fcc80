import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { newId } from '../../shared/contracts/ids.ts'
import type { Art9Basis, LegalBasis } from '../../shared/contracts/record.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const TEXT = `Invoice

Invoice number: RE-2026-0815
Due date: 31 March 2027
Seller: Mandragora Ltd, otto.weber@example.net
Bill to: Hildegard Nachtigall, hildegard@example.org, questions to otto.weber@example.net

Total: 119.00 EUR
`
const identifiers = { email: 'hildegard@example.org' }

interface Basis {
  legal_basis?: LegalBasis
  art9_basis?: Art9Basis
}

/** A letter of the person, and on what its processing rests, as an event of its own says it: a copy of the upload's. */
async function upload(basis: Basis): Promise<string> {
  const { document_id } = await greffier.upload(TEXT, {
    on_duplicate: 'new',
    metadata: JSON.stringify({ subject_email: identifiers.email }),
  })
  await greffier.settled(document_id)
  onTestFinished(() => greffier.erase(document_id))
  if (Object.keys(basis).length === 0) return document_id
  const copied = await greffier.rows(
    `INSERT INTO events (id, tenant_id, document_ids, phase, body)
      SELECT $2::uuid, tenant_id, document_ids, phase, (body::jsonb || jsonb_build_object('event_id', $2::text) || $3::jsonb)::text
      FROM events WHERE document_ids @> ARRAY[$1::uuid] AND body LIKE '%"step":"upload"%' RETURNING id`,
    [document_id, newId(), JSON.stringify(basis)],
  )
  expect(copied).toHaveLength(1)
  return document_id
}

async function packageOf(format = 'json'): Promise<{ status: number; bytes: Buffer }> {
  const { request_id } = await greffier.json<{ request_id: string }>('/v1/subject-requests', { kind: 'portability', identifiers })
  const response = await greffier.fetch(`/v1/subject-requests/${request_id}/package?format=${format}`)
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
}

test.each([
  ['consent', { legal_basis: 'A6-1-a' }],
  ['a contract', { legal_basis: 'A6-1-b' }],
  ['explicit consent for special data', { legal_basis: 'A6-1-f', art9_basis: 'A9-2-a' }],
] as const)('what rests on %s is carried', async (_name, basis) => {
  const id = await upload(basis)
  const { status, bytes } = await packageOf()
  expect([status, JSON.parse(bytes.toString('utf8')).documents]).toMatchObject([200, [{ document_id: id, ...basis }]])
})

test('what rests on anything else, or on nothing that is on record, is listed with the reason and without content', async () => {
  const carried = await upload({ legal_basis: 'A6-1-b' })
  const [obliged, unknown] = [await upload({ legal_basis: 'A6-1-c' }), await upload({})]
  const whole = JSON.parse((await packageOf()).bytes.toString('utf8'))
  expect(whole.documents.map(({ document_id }: { document_id: string }) => document_id)).toEqual([carried])
  expect(whole.left_out).toHaveLength(2)
  expect(whole.left_out).toContainEqual({ document_id: obliged, legal_basis: 'A6-1-c', reason: 'legal_basis' })
  expect(whole.left_out).toContainEqual({ document_id: unknown, legal_basis: null, reason: 'no_legal_basis_on_record' })
})

test('what somebody else did with a document, found it, asked about it or handed it over, changes nothing of what it rests on', async () => {
  const { document_id: id } = await greffier.upload(TEXT, { on_duplicate: 'new', purpose: 'contract_management' })
  await greffier.settled(id)
  onTestFinished(() => greffier.erase(id))
  await greffier.json('/v1/subjects/find', identifiers)
  await greffier.json('/v1/answers', { question: 'Which invoice number does Hildegard Nachtigall have?' })
  const steps = () => greffier.record(id).then((record) => record.map(({ step, legal_basis }) => `${step} ${legal_basis}`))
  expect(await steps()).toEqual(expect.arrayContaining(['subject_find A6-1-c', 'answer A6-1-f']))
  for (const _time of ['once', 'again']) {
    const { status, bytes } = await packageOf()
    expect([status, JSON.parse(bytes.toString('utf8')).documents]).toMatchObject([200, [{ document_id: id, legal_basis: 'A6-1-b' }]])
  }
})

test('it holds what was provided, with other people masked, and nothing that was derived', async () => {
  const id = await upload({ legal_basis: 'A6-1-b' })
  const view = (await greffier.settled(id)) as unknown as { fields: Record<string, { value: string }>; type: string }
  expect(Object.keys(view.fields)).toContain('total_gross')
  const text = (await packageOf()).bytes.toString('utf8')
  const [document] = JSON.parse(text).documents
  expect(document.provided).toEqual({ subject_email: 'hildegard@example.org' })
  expect(document.passages[0].text).toContain('hildegard@example.org')
  expect(text).not.toContain('otto.weber')
  for (const derived of ['fields', 'type', 'language', 'data_classes', 'data_categories', 'logic', 'recipients'])
    expect([derived, derived in document]).toEqual([derived, false])
  for (const name of Object.keys(view.fields)) expect([name, text.includes(`"${name}"`)]).toEqual([name, false])
})

test('a value that the person had corrected is the person’s own, and is carried', async () => {
  const id = await upload({ legal_basis: 'A6-1-a' })
  const response = await greffier.fetch(`/v1/documents/${id}/fields/due_date`, {
    method: 'PATCH',
    body: JSON.stringify({ value: '2027-04-15', reason: 'agreed by telephone', revision: 1 }),
    headers: { 'content-type': 'application/json' },
  })
  expect(response.status).toBe(200)
  const [document] = JSON.parse((await packageOf()).bytes.toString('utf8')).documents
  expect(document.corrections).toEqual([{ name: 'due_date', value: '2027-04-15' }])
})

test('as CSV it is the same data, and the record commits to exactly these bytes', async () => {
  const id = await upload({ legal_basis: 'A6-1-b' })
  const { bytes } = await packageOf('csv')
  expect(bytes.toString('utf8')).toContain(`${id},provided,subject_email,hildegard@example.org\r\n`)
  const sent = (await greffier.record(id)).filter(({ step }) => step === 'subject_portability')
  expect(sent).toMatchObject([{ operation: 'Transmit', output_hash: createHash('sha256').update(bytes).digest('hex') }])
})

test('where nothing is portable the request is refused by name, and the refusal is on record', async () => {
  const id = await upload({ legal_basis: 'A6-1-f' })
  const { status, bytes } = await packageOf()
  expect([status, JSON.parse(bytes.toString('utf8'))]).toMatchObject([
    409,
    { code: 'NOTHING_PORTABLE', left_out: [{ document_id: id, legal_basis: 'A6-1-f', reason: 'legal_basis' }] },
  ])
  const events = await greffier.rows<{ body: string }>(
    `SELECT body FROM events WHERE body LIKE '%"step":"subject_portability"%' ORDER BY seq DESC LIMIT 1`,
  )
  expect(JSON.parse(events[0]?.body ?? '{}')).toMatchObject({ phase: 'refused', error_code: 'NOTHING_PORTABLE' })
})
