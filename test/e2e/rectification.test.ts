import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DocumentView } from '../../shared/contracts/document.ts'
import type { FieldHistory, ReviewedField } from '../../shared/contracts/rectification.ts'
import type { Answer, SearchHit } from '../../shared/contracts/retrieval.ts'
import type { SubjectMatches } from '../../shared/contracts/subjects.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const INVOICE = `Invoice

Invoice number: RE-2026-0815
Invoice date: 3 March 2026
Due date: 31 March 2027

Seller: Mandragora Ltd
Bill to: Kunigunde Amsel

Total net: 100.00 EUR
VAT: 19.00 EUR
Total: 119.00 EUR
`

async function upload(text = INVOICE): Promise<DocumentView> {
  const { document_id } = await greffier.upload(text, { on_duplicate: 'new' })
  return (await greffier.settled(document_id)) as unknown as DocumentView
}

const view = (id: string) => greffier.json<DocumentView>(`/v1/documents/${id}`)
const history = (id: string, name: string) => greffier.json<FieldHistory>(`/v1/documents/${id}/fields/${name}/history`)

async function change(method: string, path: string, body: object): Promise<{ status: number; answer: ReviewedField & { code?: string } }> {
  const response = await greffier.fetch(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  return { status: response.status, answer: (await response.json()) as ReviewedField }
}

const correct = (id: string, name: string, body: object) =>
  change('PATCH', `/v1/documents/${id}/fields/${name}`, { reason: 'the person says so', revision: 1, ...body })
const review = (id: string, name: string, body: object) =>
  change('POST', `/v1/documents/${id}/fields/${name}/review`, { revision: 1, ...body })

/** Until the search store has what was corrected. */
async function reindexed(id: string): Promise<void> {
  await waitUntil(async () => {
    const rows = await greffier.rows<{ status: string }>(
      `SELECT status FROM stages WHERE document_id = $1 AND stage IN ('index', 'done')`,
      [id],
    )
    return rows.every(({ status }) => status === 'completed')
  }, `${id} to be indexed again`)
}

async function hitsOf(query: string, id: string): Promise<SearchHit[]> {
  const { hits } = await greffier.json<{ hits: SearchHit[] }>('/v1/search', { query })
  return hits.filter((hit) => hit.document_id === id)
}

test('a correction is shown, and what was read, who corrected it, when and why stay in the history', async () => {
  const before = await upload()
  const id = before.document_id
  expect(before.fields.due_date).toMatchObject({ value: '2027-03-31', status: 'verified' })
  const { status, answer } = await correct(id, 'due_date', { value: '2027-04-15' })
  expect([status, answer.field.value, answer.field.status]).toEqual([200, '2027-04-15', 'corrected'])
  const after = await view(id)
  expect(after.fields.due_date).toEqual({ ...answer.field, produced_by: null })
  expect(after.fields.due_date?.review).toMatchObject({ outcome: 'corrected', outdated: false })
  expect(after.extraction?.data).toMatchObject({ due_date: '2027-04-15' })
  const [key] = await greffier.rows<{ id: string }>('SELECT id FROM api_keys ORDER BY created_at LIMIT 1')
  const kept = await history(id, 'due_date')
  expect({ ...kept.read, produced_by: before.fields.due_date?.produced_by }).toEqual(before.fields.due_date)
  expect(kept.history).toMatchObject([
    { outcome: 'corrected', value: '2027-04-15', replaced: '2027-03-31', reason: 'the person says so', revision: 1, reviewed_by: key?.id },
  ])
  await greffier.erase(id)
})

test('the event of a correction names its parent and commits to the value without holding it', async () => {
  const { document_id: id } = await upload()
  await correct(id, 'due_date', { value: '2027-04-15' })
  const events = await greffier.record(id)
  const reading = events.find(
    ({ step, operation, model, phase }) => step === 'enrich' && operation === 'Infer' && !model && phase === 'completed',
  )
  const event = events.find(({ operation }) => operation === 'Alter')
  expect(event).toMatchObject({
    step: 'rectification',
    doc_ref: id,
    revision: 1,
    human: { reviewed: true, outcome: 'corrected' },
    parent_events: [reading?.event_id],
  })
  expect(JSON.stringify(event)).not.toContain('2027-04-15')
  const [entry] = (await history(id, 'due_date')).history
  const salt = Buffer.from(entry?.salt ?? '', 'base64')
  const opened = createHash('sha256')
    .update(salt)
    .update(canonicalize({ name: 'due_date', value: entry?.value }) as string)
    .digest('hex')
  expect([event?.event_id, event?.output_hash, event?.output_hash]).toEqual([entry?.event_id, entry?.commit, opened])
  const { answer } = await correct(id, 'due_date', { value: '2027-04-16', last_review: entry?.review_id })
  expect(answer.field.value).toBe('2027-04-16')
  expect((await greffier.record(id)).findLast(({ operation }) => operation === 'Alter')?.parent_events).toEqual([event?.event_id])
  await greffier.erase(id)
})

test('no row holds a corrected value or its reason in the clear', async () => {
  const { document_id: id } = await upload()
  await correct(id, 'buyer_name', { value: 'Adelgunde Zeisig', reason: 'she married Zeisig' })
  for (const table of ['field_reviews', 'fields', 'events', 'subject_identifiers', 'chunks', 'documents', 'outbox']) {
    const rows = (await greffier.rows<{ row: string }>(`SELECT t::text AS row FROM ${table} t`)).map(({ row }) => row).join('\n')
    const shown = ['Zeisig', Buffer.from('Zeisig').toString('hex')].filter((text) => rows.includes(text))
    expect([table, shown]).toEqual([table, []])
  }
  await greffier.erase(id)
})

test('search finds a document by what was corrected, once, and shows the correction beside the text that says otherwise', async () => {
  const ids = [(await upload()).document_id, (await upload()).document_id]
  const first = async () =>
    (await greffier.json<{ hits: SearchHit[] }>('/v1/search', { query: 'Adelgunde Zeisig', limit: 1, document_ids: ids })).hits[0]
  const before = (await first())?.document_id
  const id = ids.find((other) => other !== before) ?? ''
  await correct(id, 'buyer_name', { value: 'Adelgunde Zeisig' })
  await reindexed(id)
  expect((await first())?.document_id).toBe(id)
  const hits = await hitsOf('Adelgunde Zeisig', id)
  expect(hits).toHaveLength(1)
  expect(hits[0]?.text).toContain('Kunigunde Amsel')
  expect(hits[0]?.corrections).toMatchObject([{ document_id: id, field: 'buyer_name', value: 'Adelgunde Zeisig' }])
  expect(hits[0]?.corrections[0]?.evidence[0]?.quote).toContain('Kunigunde Amsel')
  for (const erased of ids) await greffier.erase(erased)
})

test('an answer about a corrected field says the corrected value and cites the place that it corrects', async () => {
  const { document_id: id } = await upload()
  const question = { question: 'What is the due date of the invoice RE-2026-0815?', document_ids: [id] }
  expect(await greffier.json<Answer>('/v1/answers', question)).toMatchObject({ abstained: false, corrections: [] })
  await correct(id, 'due_date', { value: '2027-04-15' })
  const answer = await greffier.json<Answer>('/v1/answers', question)
  expect(answer.answer).toContain('2027-04-15')
  expect(answer.corrections).toMatchObject([{ document_id: id, field: 'due_date', value: '2027-04-15' }])
  expect(answer.citations.some(({ quote }) => quote.includes('31 March 2027'))).toBe(true)
  await greffier.erase(id)
})

test('a correction survives reading the document again', async () => {
  const { document_id: id } = await upload()
  await correct(id, 'buyer_name', { value: 'Adelgunde Zeisig' })
  await reindexed(id)
  await greffier.json(`/v1/documents/${id}/reprocess`, {})
  const again = (await greffier.settled(id)) as unknown as DocumentView
  expect(again.revision).toBe(2)
  expect(again.fields.buyer_name).toMatchObject({ value: 'Adelgunde Zeisig', status: 'corrected', review: { outdated: false } })
  expect((await hitsOf('Adelgunde Zeisig', id))[0]?.corrections).toMatchObject([{ value: 'Adelgunde Zeisig' }])
  const kept = await history(id, 'buyer_name')
  expect(kept).toMatchObject({ read: { value: 'Kunigunde Amsel' }, history: [{ replaced: 'Kunigunde Amsel', revision: 1 }] })
  await greffier.erase(id)
})

test('a person is found by the corrected name, and still by the one that the pages hold', async () => {
  const { document_id: id } = await upload()
  const find = async (name: string) =>
    (await greffier.json<SubjectMatches>('/v1/subjects/find', { name })).documents.map(({ document_id }) => document_id)
  expect([await find('Kunigunde Amsel'), await find('Adelgunde Zeisig')]).toEqual([[id], []])
  await correct(id, 'buyer_name', { value: 'Adelgunde Zeisig' })
  expect([await find('Kunigunde Amsel'), await find('Adelgunde Zeisig')]).toEqual([[id], [id]])
  await greffier.erase(id)
  expect(await find('Adelgunde Zeisig')).toEqual([])
})

test('of two people who correct the same field from the same view one is refused, and nothing is overwritten', async () => {
  const { document_id: id } = await upload()
  const both = await Promise.all(['2027-04-15', '2027-05-15'].map((value) => correct(id, 'due_date', { value })))
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
  expect(both.find(({ status }) => status === 409)?.answer).toMatchObject({ code: 'FIELD_CHANGED', revision: 1 })
  const won = both.find(({ status }) => status === 200)?.answer.field
  expect((await view(id)).fields.due_date).toEqual({ ...won, produced_by: null })
  expect((await history(id, 'due_date')).history).toHaveLength(1)
  expect((await correct(id, 'total_net', { value: '99.00', revision: 2 })).answer.code).toBe('FIELD_CHANGED')
  await greffier.erase(id)
})

test.each([
  ['due_date', '31.02.2027', 'FIELD_INVALID'],
  ['due_date', 'soon', 'FIELD_INVALID'],
  ['iban', 'DE89370400440532013001', 'FIELD_INVALID'],
  ['total_net', '1e3', 'FIELD_INVALID'],
  ['shoe_size', '43', 'FIELD_UNKNOWN'],
  ['lines.7.description', 'a plum', 'FIELD_UNKNOWN'],
])('%s cannot become %s, and the refusal does not repeat it', async (name, value, code) => {
  const { document_id: id } = await upload()
  const { answer } = await correct(id, name, { value })
  expect(answer.code).toBe(code)
  // Ids are random, and `43` or `1e3` stands in some of them.
  expect(JSON.stringify(answer).replaceAll(/[\da-f]{8}(?:-?[\da-f]{4}){4}[\da-f]{8}/g, '')).not.toContain(value)
  expect(await greffier.rows('SELECT 1 FROM field_reviews WHERE document_id = $1', [id])).toEqual([])
  await greffier.erase(id)
})

test('a value is taken in the form of its field, also of one that was not read', async () => {
  const { document_id: id } = await upload()
  const { status, answer } = await correct(id, 'iban', { value: 'de89 3704 0044 0532 0130 00' })
  expect([status, answer.field]).toMatchObject([200, { value: 'DE89370400440532013000', status: 'corrected' }])
  const [hit] = await hitsOf('Mandragora invoice', id)
  expect(hit?.corrections).toMatchObject([{ field: 'iban', evidence: [] }])
  expect(await history(id, 'iban')).toMatchObject({ read: null, history: [{ replaced: null, read: null }] })
  await greffier.erase(id)
})

test('a review by a person is an event, shown with its time, and counts for the value that was looked at alone', async () => {
  const { document_id: id } = await upload()
  const { answer } = await review(id, 'total_net', { outcome: 'confirmed' })
  expect(answer.field).toMatchObject({ value: '100.00', status: 'verified', review: { outcome: 'confirmed', outdated: false } })
  expect((await view(id)).fields.total_net?.review?.reviewed_at).toBe(answer.field.review?.reviewed_at)
  const event = (await greffier.record(id)).find(({ step }) => step === 'field_review')
  expect(event).toMatchObject({ operation: 'Analyse', human: { reviewed: true, outcome: 'confirmed' } })
  expect(event?.parent_events).toHaveLength(1)
  expect((await review(id, 'total_net', { outcome: 'rejected' })).answer.code).toBe('FIELD_CHANGED')
  const rejected = await review(id, 'total_net', { outcome: 'rejected', last_review: answer.field.review?.review_id })
  expect(rejected.answer.field).toMatchObject({ value: '100.00', review: { outcome: 'rejected' } })
  expect((await review(id, 'iban', { outcome: 'confirmed' })).answer.code).toBe('FIELD_UNKNOWN')
  await greffier.erase(id)
})

test('a document whose accuracy is contested can be corrected while it is restricted, and is shown so when that is lifted', async () => {
  const { document_id: id } = await upload()
  await change('PUT', `/v1/documents/${id}/restriction`, { ground: '18-1-a' })
  expect((await correct(id, 'buyer_name', { value: 'Adelgunde Zeisig' })).status).toBe(200)
  expect(await hitsOf('Adelgunde Zeisig', id)).toEqual([])
  await greffier.fetch(`/v1/documents/${id}/restriction`, { method: 'DELETE' })
  expect((await view(id)).fields.buyer_name).toMatchObject({ value: 'Adelgunde Zeisig' })
  expect((await hitsOf('Mandragora invoice', id))[0]?.corrections).toMatchObject([{ value: 'Adelgunde Zeisig' }])
  await greffier.erase(id)
})

test('a correction that tells somebody’s health makes the document special before any model is shown it', async () => {
  const { document_id: id } = await upload()
  const { status } = await correct(id, 'lines.0.description', { value: 'Treatment of the patient, diagnosis: HIV infection' })
  expect([status, (await view(id)).data_classes]).toEqual([200, expect.arrayContaining(['special'])])
  expect((await greffier.record(id)).find(({ operation }) => operation === 'Alter')).toMatchObject({ special: true })
  await greffier.erase(id)
})

test('erasure takes corrections and their history with it, and their events stay', async () => {
  const { document_id: id } = await upload()
  await correct(id, 'buyer_name', { value: 'Adelgunde Zeisig' })
  await reindexed(id)
  await greffier.erase(id)
  expect(await greffier.rows('SELECT 1 FROM field_reviews WHERE document_id = $1', [id])).toEqual([])
  expect((await greffier.fetch(`/v1/documents/${id}/fields/buyer_name/history`)).status).toBe(410)
  expect((await greffier.record(id)).filter(({ operation }) => operation === 'Alter')).toHaveLength(1)
  const [row] = await greffier.rows<{ tenant_id: string }>('SELECT tenant_id FROM documents WHERE id = $1', [id])
  expect(await greffier.points(row?.tenant_id ?? '', id)).toBe(0)
})
