import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErasureView } from '../../shared/contracts/erasure.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

let serial = 0
const QUESTION = 'Wann wurde der Wasserschaden gemeldet?'
const text = () => `Akte ${++serial}: der Wasserschaden im Keller wurde am 3. März 2026 gemeldet.`

async function document(query: Record<string, string> = {}): Promise<string> {
  const { document_id } = await greffier.upload(text(), query)
  await greffier.settled(document_id)
  return document_id
}

const send = (method: string, path: string, body?: object) =>
  greffier.fetch(path, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
const ask = (scope: object, more: object = {}) => greffier.json<ErasureView>('/v1/erasures', { ground: '17-1-b', scope, ...more })
const hold = (id: string, body: object = { reason: '17-3-e', text: 'Klage der Anna Beispiel' }) =>
  send('PUT', `/v1/documents/${id}/hold`, body)

async function done(erasureId: string): Promise<ErasureView> {
  await waitUntil(
    async () => (await greffier.json<ErasureView>(`/v1/erasures/${erasureId}`)).state === 'done',
    `the erasure ${erasureId} to be done`,
  )
  return greffier.json(`/v1/erasures/${erasureId}`)
}

describe('a request for erasure', () => {
  test('erases the documents that it names, is due a calendar month later, and each record names it', async () => {
    const ids = [await document(), await document()]
    const asked = await ask({ document_ids: ids }, { received_at: '2026-01-31T09:00:00.000Z' })
    expect(asked).toMatchObject({ ground: '17-1-b', received_at: '2026-01-31T09:00:00.000Z', due_at: '2026-02-28T09:00:00.000Z' })
    for (const id of ids) expect((await greffier.fetch(`/v1/documents/${id}`)).status).toBe(410)
    expect(await done(asked.erasure_id)).toMatchObject({ counts: { documents: 2, erasing: 0, erased: 2, refused: 0 }, refusals: [] })
    for (const id of ids)
      expect((await greffier.record(id)).at(-1)).toMatchObject({ operation: 'Erase', result: 'ok', request_ref: asked.erasure_id })
  })

  test('by filter takes what the filter means and nothing else', async () => {
    const [old, other] = [await document({ purpose: 'old_matters' }), await document({ purpose: 'new_matters' })]
    const asked = await ask({ filter: { purpose: 'old_matters', created_before: new Date(Date.now() + 60_000).toISOString() } })
    expect((await done(asked.erasure_id)).counts).toMatchObject({ documents: 1, erased: 1 })
    expect((await greffier.fetch(`/v1/documents/${old}`)).status).toBe(410)
    expect((await greffier.fetch(`/v1/documents/${other}`)).status).toBe(200)
  })

  test('by person takes every document that names the person, by identifiers that stand in no table, record or log', async () => {
    const named = await greffier.upload('Beschwerde von anna.beispiel@example.org wegen der Rechnung vom 3. März 2026.')
    const other = await document()
    await greffier.settled(named.document_id)
    const { subjects } = await greffier.json<{ subjects: { subject_id: string }[] }>('/v1/subjects/find', {
      email: 'anna.beispiel@example.org',
    })
    const asked = await ask({ identifiers: { email: 'Anna.Beispiel@Example.org' } })
    expect(asked.scope).toEqual({ subject_ids: [subjects[0]?.subject_id], identified_by: ['email'] })
    expect((await done(asked.erasure_id)).counts).toMatchObject({ documents: 1, erased: 1 })
    expect((await greffier.fetch(`/v1/documents/${named.document_id}`)).status).toBe(410)
    expect((await greffier.fetch(`/v1/documents/${other}`)).status).toBe(200)
    const rows = [...(await greffier.rows('SELECT * FROM erasure_requests')), ...(await greffier.rows('SELECT body FROM events'))]
    expect(JSON.stringify(rows).toLowerCase()).not.toContain('anna.beispiel')
    // Nothing is held of the person any more: that is an answer too, and has its certificate.
    const again = await done((await ask({ identifiers: { email: 'anna.beispiel@example.org' } })).erasure_id)
    expect([again.counts.documents, again.scope]).toEqual([0, { subject_ids: [], identified_by: ['email'] }])
  })

  test('by the random id that a person has here, and refused where no such person can be read from the identifiers', async () => {
    const named = await greffier.upload('Beschwerde von bernd.muster@example.org wegen der Rechnung vom 4. März 2026.')
    await greffier.settled(named.document_id)
    const { subjects } = await greffier.json<{ subjects: { subject_id: string }[] }>('/v1/subjects/find', {
      email: 'bernd.muster@example.org',
    })
    const asked = await ask({ subject_id: subjects[0]?.subject_id })
    expect((await done(asked.erasure_id)).counts).toMatchObject({ documents: 1, erased: 1 })
    const unreadable = await send('POST', '/v1/erasures', { ground: '17-1-a', scope: { identifiers: { email: 'no address' } } })
    expect([unreadable.status, await unreadable.text()]).toEqual([400, expect.not.stringContaining('no address')])
  })

  test('is refused whole where it names a document that does not exist, and for a filter that means everything', async () => {
    const id = await document()
    const missing = await send('POST', '/v1/erasures', { ground: '17-1-a', scope: { document_ids: [id, crypto.randomUUID()] } })
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'DOCUMENT_NOT_FOUND' }])
    expect((await send('POST', '/v1/erasures', { ground: '17-1-a', scope: { filter: {} } })).status).toBe(400)
    expect((await greffier.fetch(`/v1/documents/${id}`)).status).toBe(200)
  })

  test('is extended once, to three months after it came, and never after its term', async () => {
    const [running, late] = [crypto.randomUUID(), crypto.randomUUID()]
    const [tenant] = await greffier.rows<{ id: string }>('SELECT id FROM tenants ORDER BY created_at LIMIT 1')
    for (const [id, age] of [
      [running, '10 days'],
      [late, '40 days'],
    ])
      await greffier.rows(
        `INSERT INTO erasure_requests (id, tenant_id, scope, received_at, due_at)
         VALUES ($1, $2, $3, now() - $4::interval, now() - $4::interval + interval '1 month')`,
        [id, tenant?.id, JSON.stringify({ document_ids: [crypto.randomUUID()] }), age],
      )
    const extend = (id: string) => send('POST', `/v1/erasures/${id}/extend`, { reason: 'Vierzig Akten der Anna Beispiel' })
    const extended = (await (await extend(running)).json()) as ErasureView
    const expected = new Date(extended.received_at)
    expected.setUTCDate(1)
    expected.setUTCMonth(expected.getUTCMonth() + 3)
    expect(extended.due_at.slice(0, 7)).toBe(expected.toISOString().slice(0, 7))
    for (const id of [running, late]) expect(await (await extend(id)).json()).toMatchObject({ code: 'ERASURE_NOT_EXTENDABLE' })
    const events = await greffier.rows<{ body: string }>(`SELECT body FROM events WHERE body LIKE '%erasure_extended%'`)
    expect(events.map(({ body }) => JSON.parse(body).request_ref)).toEqual([running])
    expect(JSON.stringify(events)).not.toContain('Beispiel')
  })
})

describe('a hold', () => {
  test('refuses the erasure with its reason, restricts the document instead, and lets the others go', async () => {
    const [held, free] = [await document(), await document()]
    expect((await hold(held)).status).toBe(200)
    const asked = await done((await ask({ document_ids: [held, free] })).erasure_id)
    expect(asked.counts).toMatchObject({ erased: 1, refused: 1 })
    expect(asked.refusals).toEqual([{ document_id: held, reason: '17-3-e', hold_until: null }])
    expect(await (await greffier.fetch(`/v1/documents/${held}/restriction`)).json()).toMatchObject({ ground: 'hold' })
    const steps = (await greffier.record(held)).filter((event) => event.request_ref === asked.erasure_id)
    expect(steps.map(({ operation, phase, retention }) => [operation, phase, retention?.hold])).toEqual([
      ['Erase', 'refused', true],
      ['Restrict', 'completed', undefined],
    ])
    const [row] = await greffier.rows<{ erased_at: Date | null }>('SELECT erased_at FROM documents WHERE id = $1', [held])
    expect(row?.erased_at).toBeNull()
  })

  test('stands against a single erasure too, until it is lifted', async () => {
    const id = await document()
    await hold(id)
    const refused = await send('DELETE', `/v1/documents/${id}`)
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: 'DOCUMENT_HELD', reason: '17-3-e' }])
    expect((await greffier.fetch(`/v1/documents/${id}`)).status).toBe(423)
    expect((await send('DELETE', `/v1/documents/${id}/hold`)).status).toBe(204)
    await greffier.erase(id)
  })

  test('whose time is over stands against nothing', async () => {
    const id = await document()
    await hold(id, { reason: '17-3-b', until: new Date(Date.now() - 1_000).toISOString() })
    expect((await send('DELETE', `/v1/documents/${id}`)).status).toBe(202)
  })

  test('gives its words to whoever may manage rights, and to no record and no table in the clear', async () => {
    const id = await document()
    await hold(id)
    expect(await greffier.json(`/v1/documents/${id}/hold`)).toMatchObject({ text: 'Klage der Anna Beispiel' })
    const event = (await greffier.record(id)).find(({ step }) => step === 'hold')
    expect(event).toMatchObject({ operation: 'Restrict', justification_commit: expect.stringMatching(/^[0-9a-f]{64}$/) })
    const [row] = await greffier.rows<{ sealed_text: Buffer }>('SELECT sealed_text FROM holds WHERE document_id = $1', [id])
    expect(row?.sealed_text.includes('Beispiel')).toBe(false)
  })
})

describe('a restricted document', () => {
  test('is found by no list, read, search and answer, and by all of them again when the restriction is lifted', async () => {
    const { document_id: id } = await greffier.upload('Der Zwetschgenvertrag mit Mandragora endet am 31. März 2027.')
    await greffier.settled(id)
    const seen = async () => {
      const reads = []
      for (const path of ['', '/content', '/text', '/progress']) {
        const response = await greffier.fetch(`/v1/documents/${id}${path}`)
        await response.body?.cancel()
        reads.push(response.status)
      }
      const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'Zwetschgenvertrag Mandragora' })
      const answer = await greffier.json<{ citations: { document_id: string }[] }>('/v1/answers', {
        question: 'Wann endet der Zwetschgenvertrag?',
        document_ids: [id],
      })
      const { documents } = await greffier.json<{ documents: { document_id: string }[] }>('/v1/documents?limit=100')
      const has = (list: { document_id: string }[]) => list.some((one) => one.document_id === id)
      return { reads: [...new Set(reads)], hit: has(hits), cited: has(answer.citations), listed: has(documents) }
    }
    const open = { reads: [200], hit: true, cited: true, listed: true }
    expect(await seen()).toEqual(open)
    expect((await send('PUT', `/v1/documents/${id}/restriction`, { ground: '18-1-a' })).status).toBe(200)
    expect(await seen()).toEqual({ reads: [423], hit: false, cited: false, listed: false })
    expect((await send('POST', `/v1/documents/${id}/reprocess`)).status).toBe(423)
    expect((await greffier.record(id)).at(-1)).toMatchObject({ operation: 'Restrict', step: 'restriction' })
    expect((await send('DELETE', `/v1/documents/${id}/restriction`)).status).toBe(204)
    expect(await seen()).toEqual(open)
  })

  test('waits in the middle of its pipeline, without a model call, and goes on when the restriction is lifted', async () => {
    const id = await document()
    await greffier.rows(`UPDATE documents SET restricted_at = now(), restriction_ground = '18-1-d', status = 'received' WHERE id = $1`, [
      id,
    ])
    await greffier.rows(`DELETE FROM stages WHERE document_id = $1 AND stage IN ('index', 'done')`, [id])
    await greffier.rows(
      `UPDATE stages SET status = 'pending', queued_at = now() - interval '1 minute' WHERE document_id = $1 AND stage = 'enrich'`,
      [id],
    )
    const calls = async () => (await greffier.record(id)).filter((event) => event.model !== null).length
    const before = await calls()
    // A stage that is brought to the queue all the same: the sweeper leaves it alone.
    await greffier.rows(
      `INSERT INTO outbox (tenant_id, document_id, revision, stage) SELECT tenant_id, document_id, revision, 'enrich' FROM stages WHERE document_id = $1 AND stage = 'enrich'`,
      [id],
    )
    const other = await document()
    expect(await greffier.rows('SELECT FROM outbox WHERE document_id = $1', [id])).toEqual([])
    const states = await greffier.rows('SELECT stage, status FROM stages WHERE document_id = $1 ORDER BY stage', [id])
    expect(states).toEqual([
      { stage: 'enrich', status: 'pending' },
      { stage: 'extract', status: 'completed' },
    ])
    expect([await calls(), await greffier.settled(other)]).toMatchObject([before, { status: 'completed' }])
    expect((await send('DELETE', `/v1/documents/${id}/restriction`)).status).toBe(204)
    expect(await greffier.settled(id)).toMatchObject({ status: 'completed' })
    expect(await calls()).toBeGreaterThan(before)
  })

  test('is erased like any other', async () => {
    const id = await document()
    await send('PUT', `/v1/documents/${id}/restriction`, { ground: '18-1-b' })
    await greffier.erase(id)
    const answer = await greffier.json<{ citations: object[] }>('/v1/answers', { question: QUESTION, document_ids: [id] })
    expect(answer.citations).toEqual([])
  })
})
