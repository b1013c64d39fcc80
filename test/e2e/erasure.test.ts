import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { textPdf } from '../fixtures/pdf.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const DOCUMENTS = 36
let serial = 0
const uniqueText = () => `Akte ${++serial}: der Wasserschaden im Keller wurde am 3. März 2026 gemeldet.`

async function remove(documentId: string): Promise<void> {
  const response = await greffier.fetch(`/v1/documents/${documentId}`, { method: 'DELETE' })
  expect([response.status, await response.json()]).toEqual([202, { document_id: documentId, status: 'erased' }])
}

/** Everything of a document that an erasure has to remove, as the owner of the stores sees it. */
async function traces(documentId: string) {
  const [row] = await greffier.rows<{
    tenant_id: string
    sealed_annex: Buffer | null
    content_commit: Buffer | null
    dedupe_hmac: Buffer | null
  }>('SELECT tenant_id, sealed_annex, content_commit, dedupe_hmac FROM documents WHERE id = $1', [documentId])
  const count = async (table: string) => (await greffier.rows(`SELECT 1 FROM ${table} WHERE document_id = $1`, [documentId])).length
  return {
    pages: await count('pages'),
    fields: await count('fields'),
    chunks: await count('chunks'),
    idempotency: await count('idempotency'),
    columns: [row?.sealed_annex, row?.content_commit, row?.dedupe_hmac].filter((column) => column !== null).length,
    points: await greffier.points(row?.tenant_id ?? '', documentId),
    originals: (await greffier.blobs()).originals.filter((place) => place.endsWith(documentId)).length,
  }
}

const NOTHING = { pages: 0, fields: 0, chunks: 0, idempotency: 0, columns: 0, points: 0, originals: 0 }

describe('an erased document', () => {
  test('is gone from every store, and its record says so', async () => {
    const { document_id } = await greffier.upload(uniqueText(), { file_name: 'a.txt' }, { 'idempotency-key': 'once' })
    await greffier.settled(document_id)
    const before = await traces(document_id)
    expect(Object.entries(before).filter(([store, count]) => count === 0 && store !== 'fields')).toEqual([])
    await greffier.erase(document_id)
    expect(await traces(document_id)).toEqual(NOTHING)
    const erased = (await greffier.record(document_id)).at(-1)
    expect(erased).toMatchObject({ operation: 'Erase', phase: 'completed', result: 'ok' })
    expect(erased?.stores.map(({ store, remaining }) => `${store} ${remaining}`).sort()).toEqual(['filesystem 0', 'postgres 0', 'sqlite 0'])
  })

  test('answers 410 on every read and every change but a second erasure, from the first moment', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    await remove(document_id)
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/content'],
      ['GET', '/text'],
      ['GET', '/progress'],
      ['POST', '/reprocess'],
    ]) {
      const response = await greffier.fetch(`/v1/documents/${document_id}${path}`, { method: method ?? '' })
      const problem = await response.json()
      expect([path, response.status, problem]).toMatchObject([path, 410, { code: 'DOCUMENT_ERASED', document_status: 'erased' }])
    }
    await remove(document_id)
    await remove(document_id)
    await waitUntil(async () => (await greffier.record(document_id)).at(-1)?.operation === 'Erase', 'the erasure')
    expect((await greffier.record(document_id)).filter((event) => event.operation === 'Erase')).toHaveLength(1)
  })

  test('is whole or gone for whoever reads it at that moment', async () => {
    const body = `${uniqueText()} ${'Wasser '.repeat(50_000)}`
    const { document_id } = await greffier.upload(body)
    await greffier.settled(document_id)
    const read = async (path: string) => {
      const response = await greffier.fetch(`/v1/documents/${document_id}${path}`)
      // A download that was under way may break off; what it may not do is end well and be something else.
      const content = await response.text().catch(() => body)
      return { path, status: response.status, whole: path !== '/content' || response.status !== 200 || content === body }
    }
    const reading = Array.from({ length: 40 }, (_, at) => read(['', '/content', '/text', '/progress'][at % 4] ?? ''))
    const [answers] = await Promise.all([Promise.all(reading), remove(document_id)])
    expect(answers.filter(({ status, whole }) => !whole || (status !== 200 && status !== 410))).toEqual([])
    await greffier.erase(document_id)
    expect(await traces(document_id)).toEqual(NOTHING)
  })

  test('is erased once when fifty ask at the same time', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    await Promise.all(Array.from({ length: 50 }, () => remove(document_id)))
    await greffier.erase(document_id)
    expect(await traces(document_id)).toEqual(NOTHING)
    expect((await greffier.record(document_id)).filter((event) => event.operation === 'Erase')).toHaveLength(1)
  })

  test('takes its failed and superseded revisions with it', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    for (let times = 0; times < 5; times++) await greffier.fetch(`/v1/documents/${document_id}/reprocess`, { method: 'POST' })
    await greffier.erase(document_id)
    expect(await traces(document_id)).toEqual(NOTHING)
  })
})

describe('an erasure in the middle of', () => {
  test('extract leaves nothing', async () => {
    const { document_id } = await greffier.upload(textPdf(Array.from({ length: 2_000 }, (_, at) => `Seite ${at}`)), {
      file_name: 'long.pdf',
    })
    await stageRuns(document_id, 'extract')
    await greffier.erase(document_id)
    expect(await traces(document_id)).toEqual(NOTHING)
  })

  test('index, with its points on the way to the search store, leaves nothing', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    // Holds every write to the search store, so that the stage cannot get past it before the erasure.
    const held = new DatabaseSync(join(greffier.dataDir, 'search.sqlite'), { timeout: 5_000 })
    held.exec('BEGIN IMMEDIATE')
    await stageRuns(document_id, 'index')
    await remove(document_id)
    held.exec('ROLLBACK')
    held.close()
    await greffier.erase(document_id)
    expect(await traces(document_id)).toEqual(NOTHING)
  })
})

test(`${DOCUMENTS} documents erased at as many moments of their way stay erased, and the others are complete`, async () => {
  const kept: string[] = []
  const erased: string[] = []
  await Promise.all(
    Array.from({ length: DOCUMENTS }, async (_, at) => {
      const { document_id } = await greffier.upload(uniqueText(), { file_name: 'a.txt' })
      if (at % 6 === 0) return kept.push(document_id)
      erased.push(document_id)
      // The moment is chosen by what the document has come to, not by a clock: never, then one stage further each time.
      const steps = ['', 'extract', 'enrich', 'index', 'done'].slice(0, at % 6)
      const reached = steps.at(-1)
      if (reached) await stageRuns(document_id, reached)
      return remove(document_id)
    }),
  )
  for (const id of erased)
    await waitUntil(async () => (await greffier.record(id)).some((event) => event.operation === 'Erase'), `${id} to be erased`)
  for (const id of kept) expect(await greffier.settled(id)).toMatchObject({ status: 'completed' })
  const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'Wasserschaden im Keller', limit: 50 })
  expect(hits.filter((hit) => erased.includes(hit.document_id))).toEqual([])
  // Stopping waits for every stage that is still at work: what it writes after this was never written.
  await greffier.stop()
  for (const id of erased) expect(await traces(id)).toEqual(NOTHING)
  for (const id of kept) expect(await traces(id)).toMatchObject({ pages: 1, chunks: 1, points: 1, originals: 1 })
})

async function stageRuns(documentId: string, stage: string): Promise<void> {
  await waitUntil(
    async () =>
      (await greffier.rows(`SELECT 1 FROM stages WHERE document_id = $1 AND stage = $2 AND status <> 'pending'`, [documentId, stage]))
        .length > 0,
    `${stage} of ${documentId} to begin`,
  )
}
