import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SubjectMatches } from '../../shared/contracts/subjects.ts'
import { RECORD_EVENTS_MAX } from '../../shared/database/events.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier({ DPO_CONTACT: 'dpo@example.org' })
})
afterAll(() => greffier.close())

const LETTER = `Sehr geehrte Damen und Herren,
bitte wenden Sie sich an Frau Krüger, E-Mail Anna.Krueger@Example.org, Telefon +49 30 901820.
Das Konto ist IBAN DE89 3704 0044 0532 0130 00. Für Rückfragen: otto.weber@example.net.`

async function upload(text: string, query: Record<string, string> = {}): Promise<string> {
  const { document_id } = await greffier.upload(text, { on_duplicate: 'new', ...query })
  await greffier.settled(document_id)
  return document_id
}

const find = async (given: object) => {
  const { documents } = await greffier.json<SubjectMatches>('/v1/subjects/find', given)
  return documents.map(({ document_id }) => document_id)
}

test('a person named inside a document or by its upload is found by each kind, however it is written', async () => {
  const id = await upload(LETTER, { metadata: JSON.stringify({ subject_id: 'K-4711', subject_name: 'Dr. Anna Krüger' }) })
  for (const given of [
    { email: 'anna.krueger@EXAMPLE.org' },
    { phone: '0049 (30) 901820' },
    { phone: '030 901820', country: 'DE' },
    { iban: 'de89370400440532013000' },
    { name: 'Krueger, Anna' },
    { subject_ref: 'K-4711' },
  ])
    expect([given, await find(given)]).toEqual([given, [id]])
  expect(await find({ email: 'somebody@example.org' })).toEqual([])
  const both = await greffier.json<SubjectMatches>('/v1/subjects/find', { email: 'otto.weber@example.net', name: 'Anna Krüger' })
  const kinds = both.documents[0]?.matches.map(({ by, found_in }) => `${by} ${found_in}`)
  expect([...new Set(kinds)].sort()).toEqual(['email text', 'name metadata'])
  await greffier.erase(id)
})

test('what cannot be an identifier is refused without being repeated', async () => {
  const response = await greffier.fetch('/v1/subjects/find', {
    method: 'POST',
    body: JSON.stringify({ phone: '030 901820' }),
    headers: { 'content-type': 'application/json' },
  })
  const answer = await response.text()
  expect([response.status, answer.includes('901820')]).toEqual([400, false])
})

test('a look-up is on record, and no identifier stands in any row', async () => {
  const id = await upload(LETTER)
  await find({ email: 'anna.krueger@example.org' })
  const events = (await greffier.record(id)).filter(({ step }) => step === 'subject_find')
  expect(events).toMatchObject([{ operation: 'Retrieve', hits: [{ doc_ref: id }] }])
  expect(events[0]?.request_ref).not.toBeNull()
  for (const table of ['subject_identifiers', 'document_subjects', 'events', 'documents', 'fields', 'pages']) {
    const rows = await greffier.rows<{ row: string }>(`SELECT t::text AS row FROM ${table} t`)
    const text = rows.map(({ row }) => row.toLowerCase()).join('\n')
    const hex = (value: string) => Buffer.from(value).toString('hex')
    for (const plain of ['anna.krueger@example.org', '+4930901820', 'de89370400440532013000'])
      expect([table, text.includes(plain), text.includes(hex(plain))]).toEqual([table, false, false])
  }
  await greffier.erase(id)
})

test('erasure removes a document from the index, and an identifier only with the last document that names it', async () => {
  const [first, second] = [await upload(LETTER), await upload(LETTER)]
  await greffier.erase(first)
  expect(await find({ email: 'anna.krueger@example.org' })).toEqual([second])
  await greffier.erase(second)
  expect(await find({ email: 'anna.krueger@example.org' })).toEqual([])
  expect(await greffier.rows('SELECT 1 FROM subject_identifiers')).toEqual([])
  expect(await greffier.rows('SELECT 1 FROM document_subjects')).toEqual([])
})

interface Request {
  request_id: string
  received_at: string
  due_at: string
  extended_at: string | null
  state: string
  answered_at: string | null
}

const ask = (identifiers: object, more: object = {}) =>
  greffier.json<Request>('/v1/subject-requests', { kind: 'access', identifiers, ...more })

async function packageOf(id: string, format = 'json'): Promise<Buffer> {
  return Buffer.from(await (await greffier.fetch(`/v1/subject-requests/${id}/package?format=${format}`)).arrayBuffer())
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test('an access package holds the passages of the person, masks other people, and is what the record says it is', async () => {
  const id = await upload(`${LETTER}\nanna.krueger@example.org und Herr Otto Weber, otto.weber@example.net, teilen sich ein Büro.`)
  const request = await ask({ email: 'anna.krueger@example.org' })
  const bytes = await packageOf(request.request_id)
  const text = bytes.toString('utf8')
  expect(text).toContain('Anna.Krueger@Example.org')
  expect(text).toContain('und Herr [NAME], [EMAIL], teilen sich ein Büro')
  expect(text).not.toContain('otto.weber')
  expect(text).not.toContain('901820')
  const sent = (await greffier.record(id)).filter(({ step }) => step === 'subject_access')
  expect(sent).toMatchObject([{ operation: 'Transmit', request_ref: request.request_id, output_hash: sha256(bytes) }])
  await greffier.erase(id)
})

test('an access package answers Art. 15 line by line, names the controller and whom to ask, and says where the index is weak', async () => {
  const id = await upload(LETTER)
  const { request_id } = await ask({ email: 'anna.krueger@example.org' })
  const whole = JSON.parse((await packageOf(request_id)).toString('utf8'))
  expect(whole).toMatchObject({
    request_ref: request_id,
    complete: true,
    controller: { name: expect.any(String), data_protection_contact: 'dpo@example.org' },
    rights: expect.arrayContaining([
      'rectification (Art. 16)',
      'erasure (Art. 17)',
      'restriction of processing (Art. 18)',
      'objection (Art. 21)',
    ]),
    complaint: expect.stringContaining('supervisory authority'),
    automated_decisions: expect.stringContaining('no decision'),
    erased_documents: expect.any(Array),
  })
  expect(whole.notices.join(' ')).toContain('running text alone')
  const [document] = whole.documents
  expect(document).toMatchObject({
    document_id: id,
    purpose: 'document_processing',
    data_classes: ['personal'],
    retention: { rule: null, criteria: expect.any(String) },
    hold: null,
    restricted: null,
    source: expect.any(String),
  })
  expect(document.recipients).toContainEqual(
    expect.objectContaining({ processor: 'builtin', calls: expect.any(Number), transfer_safeguard: 'not_needed', subprocessors: [] }),
  )
  expect(document.logic).toContainEqual(expect.objectContaining({ task: 'extract', language_model: false }))
  await greffier.erase(id)
})

test('what it says of purpose, basis and retention is the document’s own, whoever found it, held it or asked for it since', async () => {
  const id = await upload(LETTER, { purpose: 'personnel_administration' })
  await find({ email: 'anna.krueger@example.org' })
  await greffier.fetch(`/v1/documents/${id}/hold`, {
    method: 'PUT',
    body: JSON.stringify({ reason: '17-3-e' }),
    headers: { 'content-type': 'application/json' },
  })
  for (const _time of ['once', 'again']) {
    const { request_id } = await ask({ email: 'anna.krueger@example.org' })
    const whole = JSON.parse((await packageOf(request_id)).toString('utf8'))
    expect(whole.documents).toMatchObject([
      { activity: 'personnel', legal_basis: 'A6-1-b', retention: { rule: null }, hold: { reason: '17-3-e' } },
    ])
  }
  await greffier.fetch(`/v1/documents/${id}/hold`, { method: 'DELETE' })
  await greffier.erase(id)
})

test('however often a document was found since, its package names everyone who was sent something of it', async () => {
  const id = await upload(LETTER)
  await greffier.rows(
    `INSERT INTO events (id, tenant_id, document_ids, phase, body)
     SELECT gen_random_uuid(), tenant_id, document_ids, phase, (body::jsonb || jsonb_build_object('operation', 'Retrieve', 'step', 'search',
       'doc_ref', null, 'hits', jsonb_build_array(jsonb_build_object('doc_ref', $1::text, 'revision', 1, 'page', 1))))::text
     FROM events, generate_series(1, $2) WHERE document_ids @> ARRAY[$1::uuid] AND body LIKE '%"step":"upload"%'`,
    [id, RECORD_EVENTS_MAX],
  )
  const { request_id } = await ask({ email: 'anna.krueger@example.org' })
  const [document] = JSON.parse((await packageOf(request_id)).toString('utf8')).documents
  expect(document.recipients).toContainEqual(expect.objectContaining({ processor: 'builtin', calls: expect.any(Number) }))
  expect(document.logic).toContainEqual(expect.objectContaining({ task: 'extract' }))
  await greffier.erase(id)
}, 60_000)

test('a person whom a newer reading alone names has a package, and the record says of which revision', async () => {
  const id = await upload(LETTER)
  await greffier.rows(
    `INSERT INTO revisions (tenant_id, document_id, revision, cause) SELECT tenant_id, id, 2, 'reprocess' FROM documents WHERE id = $1`,
    [id],
  )
  await greffier.rows('UPDATE document_subjects SET revision = 2 WHERE document_id = $1', [id])
  await greffier.rows('UPDATE documents SET revision = 2 WHERE id = $1', [id])
  const { request_id } = await ask({ email: 'anna.krueger@example.org' })
  expect(JSON.parse((await packageOf(request_id)).toString('utf8')).documents).toMatchObject([{ document_id: id }])
  const sent = (await greffier.record(id)).filter(({ step }) => step === 'subject_access')
  expect(sent).toMatchObject([{ hits: [{ doc_ref: id, revision: 2 }] }])
  await greffier.erase(id)
})

test('the package as CSV holds the same values, and no cell that a spreadsheet would compute', async () => {
  const id = await upload('Kontakt: anna.krueger@example.org', { metadata: JSON.stringify({ subject_id: '=1+2' }) })
  const { request_id } = await ask({ subject_ref: '=1+2' })
  const bytes = await packageOf(request_id, 'csv')
  const lines = bytes.toString('utf8').split('\r\n')
  expect(lines[0]).toBe('\ufeffdocument_id,section,item,value')
  expect(lines).toContain(`${id},provided,subject_id,'=1+2`)
  expect(lines).toContain(`${id},purpose,,document_processing`)
  const sent = (await greffier.record(id)).filter(({ step }) => step === 'subject_access')
  expect(sent[0]?.output_hash).toBe(sha256(bytes))
  await greffier.erase(id)
})

test.each([
  ['a label', 'Mietvertrag\n\nMieter: Dr. Hildegard Nachtigall\nMiete: 900 EUR'],
  ['a form of address', 'Wir danken Frau Hildegard Nachtigall für den Besuch.'],
  ['a field', 'Invoice\n\nInvoice number: RE-1\nSeller: Mandragora Ltd\nBill to: Hildegard Nachtigall\nTotal: 10.00 EUR'],
])('a person whom only the inside of a document names is found by name through %s', async (_how, text) => {
  const id = await upload(text)
  expect(await find({ name: 'Nachtigall, Hildegard' })).toEqual([id])
  const { request_id } = await ask({ name: 'Hildegard Nachtigall' })
  const { documents } = JSON.parse((await packageOf(request_id)).toString('utf8'))
  expect(JSON.stringify(documents[0])).toContain('Hildegard Nachtigall')
  await greffier.erase(id)
})

test('a package includes what is held or restricted, and lists what was erased since an earlier one with the day', async () => {
  const letter = 'Bitte an adelgunde.zeisig@example.org.'
  const [kept, erased] = [await upload(letter), await upload(letter)]
  const put = (path: string, body: object) =>
    greffier.fetch(path, { method: 'PUT', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  await put(`/v1/documents/${kept}/hold`, { reason: '17-3-e' })
  await put(`/v1/documents/${kept}/restriction`, { ground: '18-1-a' })
  const identifiers = { email: 'adelgunde.zeisig@example.org' }
  await packageOf((await ask(identifiers)).request_id)
  await greffier.erase(erased)
  const { request_id } = await ask(identifiers)
  const whole = JSON.parse((await packageOf(request_id)).toString('utf8'))
  expect(whole.documents).toMatchObject([
    { document_id: kept, hold: { reason: '17-3-e', until: null }, restricted: { ground: '18-1-a', since: expect.any(String) } },
  ])
  expect(whole.documents[0].passages).not.toEqual([])
  const [row] = await greffier.rows<{ erased_at: Date }>('SELECT erased_at FROM documents WHERE id = $1', [erased])
  expect(whole.erased_documents).toEqual([{ document_id: erased, erased_at: row?.erased_at.toISOString() }])
  for (const part of ['hold', 'restriction']) await greffier.fetch(`/v1/documents/${kept}/${part}`, { method: 'DELETE' })
  await greffier.erase(kept)
})

test('a package shows the corrected value of a field, and what was read instead', async () => {
  const id = await upload('Invoice\n\nInvoice number: RE-1\nSeller: Mandragora Ltd\nBill to: Hildegard Nachtigal\nTotal: 10.00 EUR')
  await greffier.fetch(`/v1/documents/${id}/fields/buyer_name`, {
    method: 'PATCH',
    body: JSON.stringify({ value: 'Hildegard Nachtigall', reason: 'a letter is missing', revision: 1 }),
    headers: { 'content-type': 'application/json' },
  })
  const { request_id } = await ask({ name: 'Hildegard Nachtigall' })
  const { documents } = JSON.parse((await packageOf(request_id)).toString('utf8'))
  const field = documents[0].fields.find(({ name }: { name: string }) => name === 'buyer_name')
  expect(field).toMatchObject({ value: 'Hildegard Nachtigall', status: 'corrected', provenance: 'corrected by a person' })
  await greffier.erase(id)
})

test('a request is due a month after it arrived, is extended once with a reason, and ends when it is answered', async () => {
  const day = (iso: string) => iso.slice(0, 10)
  const arrived = await ask({ email: 'nobody@example.org' }, { received_at: '2026-01-31T12:00:00Z' })
  expect([day(arrived.received_at), day(arrived.due_at)]).toEqual(['2026-01-31', '2026-02-28'])
  const later = await ask({ email: 'nobody@example.org' }, { received_at: '2126-01-31T12:00:00Z' })
  expect(Date.parse(later.received_at)).toBeLessThanOrEqual(Date.now())

  const request = await ask({ email: 'nobody@example.org' })
  const path = `/v1/subject-requests/${request.request_id}`
  const extended = await greffier.json<Request>(`${path}/extend`, { reason: 'many files of Ms Krüger' })
  const months = new Date(request.received_at)
  months.setUTCDate(1)
  months.setUTCMonth(months.getUTCMonth() + 3)
  expect(day(extended.due_at).slice(0, 7)).toBe(day(months.toISOString()).slice(0, 7))
  expect(extended.extended_at).not.toBeNull()
  const again = await greffier.fetch(`${path}/extend`, {
    method: 'POST',
    body: JSON.stringify({ reason: 'still many' }),
    headers: { 'content-type': 'application/json' },
  })
  expect([again.status, ((await again.json()) as { code: string }).code]).toEqual([409, 'SUBJECT_REQUEST_NOT_EXTENDABLE'])
  const rows = await greffier.rows<{ row: string }>('SELECT t::text AS row FROM subject_requests t UNION ALL SELECT body FROM events')
  expect(rows.filter(({ row }) => row.includes('Krüger') || row.includes(Buffer.from('Krüger').toString('hex')))).toEqual([])

  const open = await greffier.json<{ requests: Request[] }>('/v1/subject-requests?state=open&limit=1')
  expect(open.requests).toMatchObject([{ request_id: request.request_id, state: 'open', answered_at: null }])
  const answered = await greffier.json<Request>(`${path}/answer`, {})
  expect(answered).toMatchObject({ state: 'answered', answered_at: expect.any(String) })
  expect(await greffier.json<Request>(`${path}/answer`, {})).toEqual(answered)
  const stillOpen = await greffier.json<{ requests: Request[] }>('/v1/subject-requests?state=open')
  expect(stillOpen.requests.map(({ request_id }) => request_id)).not.toContain(request.request_id)
})

test('requests are listed newest first, page by page', async () => {
  const ids = [(await ask({ email: 'a@example.org' })).request_id, (await ask({ email: 'b@example.org' })).request_id]
  type List = { requests: Request[]; next_cursor: string | null }
  const first = await greffier.json<List>('/v1/subject-requests?limit=1')
  const second = await greffier.json<List>(`/v1/subject-requests?limit=1&cursor=${first.next_cursor}`)
  expect([...first.requests, ...second.requests].map(({ request_id }) => request_id)).toEqual(ids.toReversed())
})

test('a request that is answered by doing something has a term and no package', async () => {
  const { request_id } = await ask({ email: 'nobody@example.org' }, { kind: 'rectification' })
  const response = await greffier.fetch(`/v1/subject-requests/${request_id}/package`)
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([409, 'SUBJECT_REQUEST_WITHOUT_PACKAGE'])
})
