import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

let serial = 0
const uniqueText = () => `Memo ${++serial}: the lift is repaired on Tuesday.`

describe('the same upload twice', () => {
  test('returns the first document, and it was processed once', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body, { file_name: 'a.txt' })
    await greffier.settled(first.document_id)
    const second = await greffier.upload(body, { file_name: 'b.txt' })
    expect(second).toEqual({ document_id: first.document_id, revision: 1, status: 'completed', outcome: 'returned' })
    const steps = (await greffier.record(first.document_id)).filter((event) => event.phase === 'completed' && event.operation !== 'Derive')
    for (const step of ['upload', 'extract', 'index', 'done']) expect(steps.filter((event) => event.step === step)).toHaveLength(1)
    expect(await greffier.rows('SELECT starts FROM stages WHERE document_id = $1', [first.document_id])).toEqual(
      Array.from({ length: 4 }, () => ({ starts: 1 })),
    )
    expect(await greffier.json(`/v1/documents/${first.document_id}`)).toMatchObject({ file_name: 'a.txt' })
  })

  test('fifty at once as versions are one document with fifty revisions, of which the last is served', async () => {
    const body = uniqueText()
    const answers = await Promise.all(Array.from({ length: 50 }, () => greffier.upload(body, { on_duplicate: 'version' })))
    const id = answers[0]?.document_id ?? ''
    expect(new Set(answers.map((answer) => `${answer.document_id} ${answer.revision}`)).size).toBe(50)
    await greffier.settled(id)
    expect(await greffier.json(`/v1/documents/${id}`)).toMatchObject({ status: 'completed', revision: 50 })
    expect(await greffier.json(`/v1/documents/${id}/text`)).toMatchObject({ revision: 50, pages: [{ text: body }] })
    expect(await greffier.rows('SELECT DISTINCT revision FROM chunks WHERE document_id = $1', [id])).toEqual([{ revision: 50 }])
  })
})

describe('on_duplicate', () => {
  test('version makes revision 2 of the same document', async () => {
    const body = uniqueText()
    const { document_id } = await greffier.upload(body)
    await greffier.settled(document_id)
    expect(await greffier.upload(body, { on_duplicate: 'version' })).toEqual({
      document_id,
      revision: 2,
      status: 'received',
      outcome: 'version',
    })
    await waitUntil(async () => (await greffier.settled(document_id)).revision === 2, 'revision 2')
    const uploads = (await greffier.record(document_id)).filter((event) => event.step === 'upload')
    expect(uploads.map((event) => event.revision)).toEqual([1, 2])
  })

  test('new makes another document, and leaves the first what later uploads are duplicates of', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body)
    const copy = await greffier.upload(body, { on_duplicate: 'new' })
    expect([copy.outcome, copy.document_id === first.document_id]).toEqual(['new', false])
    expect(await greffier.upload(body)).toMatchObject({ document_id: first.document_id, outcome: 'returned' })
  })
})

describe('what counts as a duplicate', () => {
  test.each([
    ['another purpose', { purpose: 'other' }],
    ['another sensitivity', { sensitivity: 'public' }],
    ['other classes', { data_classes: 'personal,special' }],
    ['fewer classes', { data_classes: 'none' }],
  ])('%s is none', async (_what, options) => {
    const body = uniqueText()
    const first = await greffier.upload(body)
    const second = await greffier.upload(body, options)
    expect([second.outcome, second.document_id === first.document_id]).toEqual(['created', false])
  })

  test('the order and repetition of classes, the file name and the metadata make no difference', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body, { data_classes: 'special,personal' })
    const second = await greffier.upload(body, { data_classes: 'personal,special,personal', file_name: 'x.txt', metadata: '{"a":"b"}' })
    expect(second).toMatchObject({ document_id: first.document_id, outcome: 'returned' })
  })

  test('another tenant with the same bytes has a document of its own', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body)
    const { apiKey } = await greffier.addTenant()
    const second = await greffier.upload(body, {}, { authorization: `Bearer ${apiKey}` })
    expect([second.outcome, second.document_id === first.document_id]).toEqual(['created', false])
  })

  test('the same upload after an erasure is a new document', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body)
    await greffier.erase(first.document_id)
    const second = await greffier.upload(body)
    expect([second.outcome, second.document_id === first.document_id]).toEqual(['created', false])
    expect(await greffier.settled(second.document_id)).toMatchObject({ status: 'completed' })
  })
})

describe('an Idempotency-Key', () => {
  const keyed = (key: string) => ({ 'idempotency-key': key })

  test('replayed gives the same answer, also where on_duplicate would have made something new', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body, { on_duplicate: 'new' }, keyed('order-1'))
    const before = await originals()
    expect(await greffier.upload(body, { on_duplicate: 'new' }, keyed('order-1'))).toEqual(first)
    expect(await originals()).toBe(before)
  })

  test.each([
    ['another body', () => uniqueText(), {}],
    ['other options', (body: string) => body, { purpose: 'other' }],
  ])('with %s is 409 and leaves nothing', async (what, change, options) => {
    const body = uniqueText()
    await greffier.upload(body, {}, keyed(what))
    const before = await originals()
    const response = await greffier.fetch(`/v1/documents?${new URLSearchParams(options)}`, {
      method: 'POST',
      body: change(body),
      headers: keyed(what),
    })
    expect([response.status, await response.json()]).toMatchObject([409, { code: 'IDEMPOTENCY_CONFLICT' }])
    expect(await originals()).toBe(before)
  })

  test('belongs to its tenant', async () => {
    const first = await greffier.upload(uniqueText(), {}, keyed('shared'))
    const { apiKey } = await greffier.addTenant()
    const second = await greffier.upload(uniqueText(), {}, { ...keyed('shared'), authorization: `Bearer ${apiKey}` })
    expect([second.outcome, second.document_id === first.document_id]).toEqual(['created', false])
  })

  test('is forgotten with its document', async () => {
    const body = uniqueText()
    const first = await greffier.upload(body, {}, keyed('order-3'))
    await greffier.erase(first.document_id)
    expect((await greffier.upload(body, {}, keyed('order-3'))).document_id).not.toBe(first.document_id)
  })

  test('is stored neither in plain nor as a bare hash', async () => {
    await greffier.upload(uniqueText(), {}, keyed('contract of Jane Doe'))
    const rows = await greffier.rows<{ key_hmac: Buffer }>('SELECT * FROM idempotency')
    expect(JSON.stringify(rows)).not.toContain('Jane Doe')
    const bare = await crypto.subtle.digest('SHA-256', Buffer.from('contract of Jane Doe'))
    expect(rows.some((row) => row.key_hmac.equals(Buffer.from(bare)))).toBe(false)
  })
})

async function originals(): Promise<number> {
  return (await greffier.blobs()).originals.length
}
