import { createHash } from 'node:crypto'
import { PDFParse } from 'pdf-parse'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { statusOf } from '../../services/compliance/rights/certificate.ts'
import type { ErasureView } from '../../shared/contracts/erasure.ts'
import type { CertificateAnswer } from '../../shared/contracts/erasure-certificate.ts'
import { verifyKeyChain } from '../../shared/ledger/key-rotation.ts'
import { openNote } from '../../shared/ledger/note.ts'
import { verifierOf } from '../../shared/ledger/note-keys.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

let serial = 0
async function document(): Promise<string> {
  const { document_id } = await greffier.upload(`Akte ${++serial}: der Wasserschaden wurde am 3. März 2026 gemeldet.`)
  await greffier.settled(document_id)
  return document_id
}

async function erased(ids: string[]): Promise<string> {
  const { erasure_id } = await greffier.json<ErasureView>('/v1/erasures', { ground: '17-1-b', scope: { document_ids: ids } })
  await waitUntil(async () => (await greffier.json<ErasureView>(`/v1/erasures/${erasure_id}`)).state === 'done', 'the erasure')
  return erasure_id
}

const certificateOf = (id: string) => greffier.json<CertificateAnswer>(`/v1/erasures/${id}/certificate`)

/** A call to a provider, as the gateway records it. */
async function disclose(documentId: string, processor: string, until: string | null, mode = until === null ? null : 'days'): Promise<void> {
  const [row] = await greffier.rows<{ body: string; tenant_id: string }>(
    `SELECT body, tenant_id FROM events WHERE document_ids @> ARRAY[$1::uuid] AND phase = 'intent' LIMIT 1`,
    [documentId],
  )
  const body = {
    ...JSON.parse(row?.body ?? ''),
    event_id: crypto.randomUUID(),
    recipient: { processor, endpoint: 'https://provider.example', region: 'eu', register_hash: '' },
    provider_retention: mode === null ? null : { mode, until },
  }
  await greffier.rows(`INSERT INTO events (id, tenant_id, document_ids, phase, body) VALUES ($1, $2, ARRAY[$3::uuid], 'intent', $4)`, [
    body.event_id,
    row?.tenant_id,
    documentId,
    JSON.stringify(body),
  ])
}

test('a certificate is signed, says of each store how it was emptied, and its hash stands in the record once', async () => {
  const ids = [await document(), await document()].sort()
  const id = await erased(ids)
  const { certificate, note, hash, vkey, event_id } = await certificateOf(id)
  expect(JSON.parse(openNote(note, [verifierOf(vkey)]).text)).toEqual(certificate)
  expect(() => openNote(note.replace('"complete"', '"completE"'), [verifierOf(vkey)])).toThrow('SIGNATURE_WRONG')
  expect(certificate).toMatchObject({ erasure_id: id, status: { state: 'complete' }, documents: ids, residuals: [], notices: [] })
  expect(certificate.destroyed_keys).toEqual(ids.map((one) => `document/${one}`))
  expect(certificate.stores.map(({ store, count, probe, physical_at }) => [store, count, probe.remaining, physical_at !== null])).toEqual([
    ['filesystem', 2, 0, true],
    ['postgres', 2, 0, true],
    ['sqlite', 2, 0, true],
  ])
  expect(await certificateOf(id)).toMatchObject({ certificate, note, hash, vkey, event_id })
  const events = await greffier.rows<{ body: string }>(`SELECT body FROM events WHERE body LIKE '%"step":"certificate"%'`)
  const own = events.map(({ body }) => JSON.parse(body)).filter((event) => event.request_ref === id)
  expect(own.map((event) => [event.event_id, event.output_hash])).toEqual([[event_id, createHash('sha256').update(note).digest('hex')]])
})

test('a certificate is signed by the key of the log, names the one that it was when that is exchanged, and the new key leads to it', async () => {
  const id = await erased([await document()])
  const { note, vkey } = await certificateOf(id)
  const log = await greffier.json<{ origin: string; vkey: string }>('/v1/ledger/key')
  expect(vkey).toBe(log.vkey)
  const { vkey: pinned } = await greffier.json<{ vkey: string }>('/v1/ledger/rotate-key', {})
  const again = await certificateOf(id)
  expect([again.note, again.vkey]).toEqual([note, vkey])
  const keys = verifyKeyChain(pinned, again.rotations, log.origin).keys.map(({ verifier }) => verifier)
  expect(openNote(note, keys).signers).toHaveLength(1)
  expect((await certificateOf(await erased([await document()]))).vkey).toBe(pinned)
})

test('nobody has to ask for a certificate: it is in the record soon after the erasure', async () => {
  const id = await erased([await document()])
  await waitUntil(
    async () =>
      (await greffier.rows(`SELECT FROM events WHERE body LIKE '%"step":"certificate"%' AND body LIKE $1`, [`%${id}%`])).length === 1,
    'the certificate to be issued',
  )
  expect((await certificateOf(id)).certificate.erasure_id).toBe(id)
})

test('a certificate is a page that people read: the same for every asking, with what the note says', async () => {
  const ids = [await document(), await document()]
  const id = await erased(ids)
  const { hash } = await certificateOf(id)
  const fetched = async () => {
    const response = await greffier.fetch(`/v1/erasures/${id}/certificate?format=pdf`)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/pdf'])
    return new Uint8Array(await response.arrayBuffer())
  }
  const pdf = await fetched()
  expect(Buffer.compare(pdf, await fetched())).toBe(0)
  const parser = new PDFParse({ data: pdf })
  // Where a line is broken depends on the width of its letters.
  const text = (await parser.getText()).text.replaceAll(/\s+/g, '')
  await parser.destroy()
  for (const said of [
    'Certificate of erasure',
    'Complete: nothing remains',
    'Art. 17(1)(b): consent was withdrawn',
    'filesystem',
    hash,
    ...ids,
  ])
    expect(text).toContain(said.replaceAll(' ', ''))
})

test('an erasure by id has a certificate too, and none before it is done', async () => {
  const id = await document()
  const response = await greffier.fetch(`/v1/documents/${id}`, { method: 'DELETE' })
  const path = response.headers.get('location') ?? ''
  await waitUntil(async () => (await greffier.fetch(`${path}/certificate`)).status === 200, 'the erasure')
  await greffier.rows(`UPDATE erasure_requests SET state = 'erasing' WHERE id = $1`, [path.split('/').at(-1)])
  const early = await greffier.fetch(`${path}/certificate`)
  expect([early.status, await early.json()]).toMatchObject([409, { code: 'ERASURE_NOT_DONE' }])
  await greffier.rows(
    `UPDATE erasure_requests SET state = 'done' WHERE id = $1 AND NOT EXISTS (SELECT FROM erasure_items WHERE request_id = $1 AND state = 'erasing')`,
    [path.split('/').at(-1)],
  )
  await waitUntil(async () => (await greffier.fetch(`${path}/certificate`)).status === 200, 'the certificate')
  expect((await greffier.json<CertificateAnswer>(`${path}/certificate`)).certificate).toMatchObject({ ground: null, documents: [id] })
})

test('it is not complete while a provider or a hold keeps something, and names who is to be told', async () => {
  const [known, unknown, held] = [await document(), await document(), await document()]
  const until = new Date(Date.now() + 86_400_000).toISOString()
  await disclose(known, 'mistral', until)
  await disclose(unknown, 'nobody-knows', null)
  await greffier.fetch(`/v1/documents/${held}/hold`, {
    method: 'PUT',
    body: JSON.stringify({ reason: '17-3-b' }),
    headers: { 'content-type': 'application/json' },
  })
  const first = (await certificateOf(await erased([known]))).certificate
  expect(first).toMatchObject({ status: { state: 'residual_until', until }, residuals: [{ holder: 'provider', name: 'mistral', until }] })
  expect(first.notices).toMatchObject([{ processor: 'mistral', endpoint: 'https://provider.example', operations: 1 }])
  expect((await certificateOf(await erased([unknown]))).certificate.status).toEqual({ state: 'logical_only' })
  const refused = (await certificateOf(await erased([held]))).certificate
  expect(refused).toMatchObject({ status: { state: 'logical_only' }, documents: [], refusals: [{ document_id: held, reason: '17-3-b' }] })
})

test('a call of which nobody knows how long the provider keeps it is not hidden by one that has an end, and one of which nothing is kept leaves nothing', async () => {
  const [both, none] = [await document(), await document()]
  await disclose(both, 'mistral', new Date(Date.now() + 86_400_000).toISOString())
  await disclose(both, 'mistral', null, 'unknown')
  await disclose(none, 'mistral', null, 'none')
  const unknown = (await certificateOf(await erased([both]))).certificate
  expect(unknown).toMatchObject({ status: { state: 'logical_only' }, residuals: [{ holder: 'provider', name: 'mistral', until: null }] })
  const complete = (await certificateOf(await erased([none]))).certificate
  expect(complete).toMatchObject({ status: { state: 'complete' }, residuals: [], notices: [{ processor: 'mistral' }] })
})

test('what a hold kept remains when the hold has ended, until somebody erases it: then the certificate is issued again', async () => {
  const held = await document()
  const until = new Date(Date.now() + 86_400_000).toISOString()
  await greffier.fetch(`/v1/documents/${held}/hold`, {
    method: 'PUT',
    body: JSON.stringify({ reason: '17-3-e', until }),
    headers: { 'content-type': 'application/json' },
  })
  const id = await erased([held])
  const remains = { status: { state: 'logical_only' }, residuals: [{ holder: 'hold', name: held, until: null }] }
  expect((await certificateOf(id)).certificate).toMatchObject({ ...remains, refusals: [{ document_id: held, hold_until: until }] })
  await greffier.rows(`UPDATE holds SET until = now() - interval '1 second' WHERE document_id = $1`, [held])
  await greffier.rows(`UPDATE erasure_items SET hold_until = now() - interval '1 second' WHERE request_id = $1`, [id])
  await greffier.rows('UPDATE erasure_requests SET certificate_due_at = now() WHERE id = $1', [id])
  expect((await certificateOf(id)).certificate).toMatchObject(remains)
  await erased([held])
  // By itself, without being asked.
  await waitUntil(async () => (await certificateOf(id)).certificate.status.state === 'complete', 'it to be issued again')
  expect((await certificateOf(id)).certificate).toMatchObject({ documents: [held], residuals: [], refusals: [{ document_id: held }] })
})

test('what remains of a document that one request was refused and another erased is told by the certificates of both', async () => {
  const held = await document()
  const until = new Date(Date.now() + 86_400_000).toISOString()
  await disclose(held, 'mistral', until)
  await greffier.fetch(`/v1/documents/${held}/hold`, {
    method: 'PUT',
    body: JSON.stringify({ reason: '17-3-e' }),
    headers: { 'content-type': 'application/json' },
  })
  const refused = await erased([held])
  expect((await certificateOf(refused)).certificate.status).toEqual({ state: 'logical_only' })
  await greffier.fetch(`/v1/documents/${held}/hold`, { method: 'DELETE' })
  const remains = {
    status: { state: 'residual_until', until },
    residuals: [{ holder: 'provider', name: 'mistral', until }],
    documents: [held],
  }
  expect((await certificateOf(await erased([held]))).certificate).toMatchObject(remains)
  await waitUntil(async () => (await certificateOf(refused)).certificate.status.state !== 'logical_only', 'it to be issued again')
  expect((await certificateOf(refused)).certificate).toMatchObject(remains)
})

test('none is issued while the stores are emptied once more', async () => {
  const id = await document()
  const request = await erased([id])
  await certificateOf(request)
  const again = `UPDATE stages SET status = $2 WHERE document_id = $1 AND stage = 'erase'`
  await greffier.rows(again, [id, 'pending'])
  await greffier.rows('UPDATE erasure_requests SET certificate_due_at = now() WHERE id = $1', [request])
  expect((await greffier.fetch(`/v1/erasures/${request}/certificate`)).status).toBe(409)
  await greffier.rows(again, [id, 'completed'])
  await waitUntil(async () => (await greffier.fetch(`/v1/erasures/${request}/certificate`)).status === 200, 'the certificate')
})

test('backups keep it from being complete until they are gone, and then it is issued again', async () => {
  const own = await startGreffier({ BACKUP_RETENTION_DAYS: 30 })
  try {
    const { document_id } = await own.upload('Akte: der Keller stand unter Wasser.')
    await own.settled(document_id)
    const path = (await own.fetch(`/v1/documents/${document_id}`, { method: 'DELETE' })).headers.get('location')
    await waitUntil(async () => (await own.fetch(`${path}/certificate`)).status === 200, 'the certificate')
    const { certificate } = await own.json<CertificateAnswer>(`${path}/certificate`)
    expect(certificate).toMatchObject({ status: { state: 'residual_until' }, residuals: [{ holder: 'backup' }] })
    await own.rows(`UPDATE stages SET finished_at = finished_at - interval '31 days' WHERE document_id = $1`, [document_id])
    await own.rows(
      `UPDATE erasure_requests SET certificate = replace(certificate, $1, '2026-01-01T00:00:00.000Z'), certificate_due_at = now()`,
      [certificate.residuals[0]?.until],
    )
    // By itself, without being asked.
    await waitUntil(
      async () => (await own.rows('SELECT FROM erasure_requests WHERE certificate_due_at IS NULL')).length === 1,
      'it to be issued again',
    )
    expect((await own.json<CertificateAnswer>(`${path}/certificate`)).certificate).toMatchObject({
      status: { state: 'complete' },
      residuals: [],
    })
  } finally {
    await own.close()
  }
})

test('what remains without an end outweighs what has one', () => {
  const ending = { holder: 'backup', name: 'backups', until: '2026-12-01T00:00:00.000Z' } as const
  expect(statusOf([])).toEqual({ state: 'complete' })
  expect(statusOf([ending, { ...ending, until: '2027-01-01T00:00:00.000Z' }])).toMatchObject({ until: '2027-01-01T00:00:00.000Z' })
  expect(statusOf([ending, { holder: 'store', name: 'qdrant', until: null }])).toEqual({ state: 'logical_only' })
})
