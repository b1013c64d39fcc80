import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SubjectMatches } from '../../shared/contracts/subjects.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
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

test('an access package holds the passages of the person, masks other people, and is what the record says it is', async () => {
  const id = await upload(`${LETTER}\nanna.krueger@example.org und otto.weber@example.net teilen sich ein Büro.`)
  const identifiers = { email: 'anna.krueger@example.org' }
  const request = await greffier.json<{ request_id: string; created_at: string; due_at: string }>('/v1/subject-requests', {
    kind: 'access',
    identifiers,
  })
  const days = (Date.parse(request.due_at) - Date.parse(request.created_at)) / 86_400_000
  expect(days).toBeGreaterThanOrEqual(28)
  expect(days).toBeLessThanOrEqual(31)
  const bytes = Buffer.from(await (await greffier.fetch(`/v1/subject-requests/${request.request_id}/package`)).arrayBuffer())
  const text = bytes.toString('utf8')
  expect(text).toContain('Anna.Krueger@Example.org')
  expect(text).toContain('und [EMAIL] teilen sich ein Büro')
  expect(text).not.toContain('otto.weber')
  expect(text).not.toContain('901820')
  const sent = (await greffier.record(id)).filter(({ step }) => step === 'subject_access')
  expect(sent).toMatchObject([
    { operation: 'Transmit', request_ref: request.request_id, output_hash: createHash('sha256').update(bytes).digest('hex') },
  ])
  const { documents } = JSON.parse(text)
  expect(documents).toMatchObject([{ document_id: id, purpose: 'document_processing' }])
  expect(documents[0].recipients).toContainEqual(expect.objectContaining({ processor: 'builtin', calls: expect.any(Number) }))
  expect(documents[0].logic).toContainEqual(expect.objectContaining({ task: 'extract', language_model: false }))
})
