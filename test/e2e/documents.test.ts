import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { get, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { textPdf } from '../fixtures/pdf.ts'
import { type DocumentJson, type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const INVOICE = `Rechnung Nr. RE-2026-0042
Datum: 3. März 2026
Lieferant: Apfelbaum GmbH, Hauptstraße 1, 10115 Berlin
Nettobetrag: 100,00 EUR
Umsatzsteuer 19 %: 19,00 EUR
Rechnungsbetrag: 119,00 EUR`

let serial = 0
const uniqueText = () => `Handbook ${++serial}: the pump is greased every month.`

describe('a document', () => {
  test('shows status, stages with times, pages, fields, type and language', async () => {
    const { document_id } = await greffier.upload(INVOICE, { file_name: 'rechnung.txt', metadata: '{"order":"7"}' })
    const document = await greffier.settled(document_id)
    expect(document).toMatchObject({
      status: 'completed',
      error_code: null,
      type: 'invoice',
      language: 'de',
      file_name: 'rechnung.txt',
      metadata: { order: '7' },
      pages: [{ number: 1, method: 'plain', characters: INVOICE.length, reason: null }],
      bytes: Buffer.byteLength(INVOICE),
    })
    expect(document.stages.map(({ stage, status, starts }) => ({ stage, status, starts }))).toEqual(
      ['extract', 'enrich', 'index', 'done'].map((stage) => ({ stage, status: 'completed', starts: 1 })),
    )
    const times = document.stages.flatMap(({ started_at, finished_at }) => [started_at ?? '', finished_at ?? ''])
    expect(times).toEqual([...times].sort())
    expect(document.fields.invoice_number?.value).toBe('RE-2026-0042')
    expect(document.extraction).toMatchObject({
      schema: { name: 'invoice', version: 1 },
      data: { invoice_number: 'RE-2026-0042' },
      schema_valid: true,
      pages_read: 1,
    })
    for (const { evidence } of Object.values(document.fields)) {
      for (const { start, end, quote } of evidence) expect(INVOICE.slice(start, end)).toBe(quote)
    }
  })

  test('whose original was lost is not called erased', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    const objects = join(greffier.dataDir, 'blobs/objects')
    const [path] = readdirSync(objects, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(document_id))
    rmSync(join(objects, path ?? 'none'))
    for (const what of ['', '/content', '/text']) {
      const response = await greffier.fetch(`/v1/documents/${document_id}${what}`)
      expect([response.status, await response.json()]).toMatchObject([500, { code: 'ORIGINAL_MISSING' }])
    }
    await greffier.erase(document_id)
    expect((await greffier.fetch(`/v1/documents/${document_id}`)).status).toBe(410)
  })

  test('gives its exact bytes back, and every read of them is on record', async () => {
    const bytes = textPdf(['The exact bytes matter.'])
    const { document_id } = await greffier.upload(bytes, { file_name: 'a.pdf' })
    await greffier.settled(document_id)
    for (let reads = 1; reads <= 2; reads++) {
      const response = await greffier.fetch(`/v1/documents/${document_id}/content`)
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
      expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${document_id}.pdf"`)
      expect((await greffier.record(document_id)).filter((event) => event.step === 'content')).toHaveLength(reads)
    }
  })

  test('gives its text by page, numbered from 1, and the read is on record', async () => {
    const { document_id } = await greffier.upload(textPdf(['First page here.', 'Second page here.']), { file_name: 'a.pdf' })
    await greffier.settled(document_id)
    const { pages } = await greffier.json<{ pages: { number: number; text: string; characters: number }[] }>(
      `/v1/documents/${document_id}/text`,
    )
    expect(pages.map((page) => [page.number, page.text.trim()])).toEqual([
      [1, 'First page here.'],
      [2, 'Second page here.'],
    ])
    expect(pages.every((page) => page.characters === page.text.length)).toBe(true)
    expect((await greffier.record(document_id)).filter((event) => event.step === 'text')).toMatchObject([{ operation: 'Retrieve' }])
  })

  test('whose text is not there yet answers 409, not an empty page', async () => {
    const busy = await greffier.upload(textPdf(Array.from({ length: 300 }, (_, at) => `Page ${at}`)), { file_name: 'long.pdf' })
    const response = await greffier.fetch(`/v1/documents/${busy.document_id}/text`)
    expect([response.status, await response.json()]).toMatchObject([409, { code: 'DOCUMENT_NOT_READY' }])
    await greffier.settled(busy.document_id)
  })

  test('processed again becomes revision 2; nothing of revision 1 remains and search finds one set', async () => {
    const body = `${uniqueText()} The zebracrossing valve is blue.`
    const { document_id } = await greffier.upload(body)
    await greffier.settled(document_id)
    const response = await greffier.fetch(`/v1/documents/${document_id}/reprocess`, { method: 'POST' })
    expect([response.status, await response.json()]).toEqual([202, { document_id, revision: 2, status: 'received', outcome: 'version' }])
    expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed', revision: 2, pages: [{ number: 1 }] })
    for (const table of ['pages', 'chunks']) {
      expect(await greffier.rows(`SELECT revision FROM ${table} WHERE document_id = $1`, [document_id])).toEqual([{ revision: 2 }])
    }
    const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'zebracrossing valve' })
    expect(hits.filter((hit) => hit.document_id === document_id)).toMatchObject([{ revision: 2 }])
    const [row] = await greffier.rows<{ tenant_id: string }>('SELECT tenant_id FROM documents WHERE id = $1', [document_id])
    expect(await greffier.points(row?.tenant_id ?? '', document_id)).toBe(1)
  })

  test('stays readable and findable while it is processed again, and a read of it names the revision that was read', async () => {
    const { document_id } = await greffier.upload(`${uniqueText()} The quokkaphone rings twice.`)
    await greffier.settled(document_id)
    for (let round = 0; round < 5; round++) {
      await greffier.fetch(`/v1/documents/${document_id}/reprocess`, { method: 'POST' })
      const { revision } = await greffier.json<{ revision: number }>(`/v1/documents/${document_id}/text`)
      const reads = (await greffier.record(document_id)).filter((event) => event.step === 'text')
      expect(reads.at(-1)?.revision).toBe(revision)
      const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'quokkaphone' })
      expect(hits.filter((hit) => hit.document_id === document_id)).toHaveLength(1)
    }
    expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed', revision: 6 })
  })

  test('can be asked for with HEAD as with GET', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    const response = await greffier.fetch(`/v1/documents/${document_id}/content`, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, 'text/plain', ''])
  })
})

describe('the list', () => {
  test('gives every document once over all its pages, newest first, also while more arrive', async () => {
    const { apiKey } = await greffier.addTenant()
    const headers = { authorization: `Bearer ${apiKey}` }
    const uploaded: string[] = []
    for (let at = 0; at < 23; at++) uploaded.push((await greffier.upload(uniqueText(), {}, headers)).document_id)
    const seen: string[] = []
    let cursor: string | null = null
    for (let pages = 0; pages < 10; pages++) {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`
      const response = await greffier.fetch(`/v1/documents?limit=5${query}`, { headers })
      const page = (await response.json()) as { documents: DocumentJson[]; next_cursor: string | null }
      seen.push(...page.documents.map((document) => document.document_id))
      cursor = page.next_cursor
      if (cursor === null) break
      await greffier.upload(uniqueText(), {}, headers)
    }
    expect(seen).toEqual(uploaded.toReversed())
  })

  test.each(['limit=0', 'limit=101', 'limit=x', 'cursor=abc', 'page=2'])('refuses ?%s', async (query) => {
    const response = await greffier.fetch(`/v1/documents?${query}`)
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'INVALID_REQUEST' }])
  })

  test('shows no erased document and no name', async () => {
    const { document_id } = await greffier.upload(uniqueText(), { file_name: 'Jane Doe.txt', metadata: '{"who":"Jane Doe"}' })
    expect(await (await greffier.fetch('/v1/documents?limit=100')).text()).not.toContain('Jane Doe')
    await greffier.erase(document_id)
    expect(await (await greffier.fetch('/v1/documents?limit=100')).text()).not.toContain(document_id)
  })
})

describe('progress', () => {
  test('comes as server-sent events: the first at once, the last with the final status, then the end', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    const response = await follow(document_id)
    expect(response.headers['content-type']).toBe('text/event-stream')
    const events = progressOf(await text(response))
    expect(events.at(-1)).toMatchObject({ document_id, status: 'completed', percent: 100 })
    expect(events.filter((event) => event.status === 'completed')).toHaveLength(1)
    const percents = events.map((event) => event.percent)
    expect(percents).toEqual([...percents].sort((a, b) => a - b))
  })

  test('of a document that has ended is one event and the end', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    expect(progressOf(await text(await follow(document_id)))).toMatchObject([{ status: 'completed' }])
  })

  test('of a document that is erased meanwhile ends', async () => {
    const { document_id } = await greffier.upload(textPdf(Array.from({ length: 300 }, (_, at) => `Page ${at}`)), { file_name: 'x.pdf' })
    const response = await follow(document_id)
    const whole = text(response)
    await greffier.erase(document_id)
    expect(progressOf(await whole).length).toBeGreaterThan(0)
  })

  test('leaves nothing behind when its follower goes away, even before the first event', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    await followAndLeave(document_id)
    const before = timers()
    for (let at = 0; at < 60; at++) await followAndLeave(document_id)
    // A follower that was not let go holds two timers.
    await waitUntil(() => timers() < before + 40, 'the followers to be forgotten')
  })
})

describe('what describes the service', () => {
  test('/openapi.json is OpenAPI 3.1 and says what each route is for', async () => {
    const document = await greffier.json<{ openapi: string; paths: Record<string, Record<string, { summary?: string }>> }>('/openapi.json')
    expect(document.openapi).toMatch(/^3\.1\./)
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary }]) => ({ route: `${method.toUpperCase()} ${path}`, described: Boolean(summary) })),
    )
    expect(routes.filter(({ described }) => !described)).toEqual([])
  })

  test('/docs and all that it loads come from this server, and nothing is fetched from elsewhere', async () => {
    const page = await fetch(`${greffier.url}/docs`)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')])
    const html = await page.text()
    const assets = [...html.matchAll(/<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '')
    expect(assets.length).toBeGreaterThan(2)
    for (const asset of assets) {
      const url = new URL(asset, page.url)
      expect(url.origin).toBe(greffier.url)
      const response = await fetch(url)
      expect([asset, response.status]).toEqual([asset, 200])
      const content = await response.text()
      if (/\.(css|js)$/.test(url.pathname)) expect(outsideRequests(content)).toEqual([])
    }
    expect(page.headers.get('content-security-policy')).not.toMatch(/[a-z]+\.[a-z]+|https:/)
  })

  test('/healthz and /readyz answer without a key', async () => {
    for (const [path, status] of [
      ['/healthz', 'ok'],
      ['/readyz', 'ready'],
    ]) {
      const response = await fetch(`${greffier.url}${path}`)
      expect([response.status, await response.json()]).toEqual([200, { status }])
    }
  })

  test('/metrics has a histogram of every stage, and no identifier', async () => {
    const { document_id } = await greffier.upload(uniqueText())
    await greffier.settled(document_id)
    const response = await fetch(`${greffier.url}/metrics`)
    const metrics = await response.text()
    for (const stage of ['extract', 'enrich', 'index', 'done'])
      expect(metrics).toMatch(new RegExp(`greffier_stage_seconds_count\\{stage="${stage}",outcome="completed"\\} [1-9]`))
    expect(metrics).toMatch(/greffier_http_request_seconds_bucket\{.*route="\/v1\/documents\/:id"/)
    expect(metrics).not.toContain(document_id)
  })
})

test('stopping does not wait for a follower or for a client that has stopped sending', async () => {
  const other = await startGreffier()
  try {
    const [row] = await other.rows<{ id: string }>('SELECT id FROM tenants')
    const { document_id } = await other.upload(uniqueText())
    await other.settled(document_id)
    // Received for ever: no job will come for it.
    await other.rows(`UPDATE documents SET status = 'received' WHERE id = $1 AND tenant_id = $2`, [document_id, row?.id])
    const following = await follow(document_id, other)
    const ended = once(following, 'close')
    following.resume()
    const uploading = request(`${other.url}/v1/documents`, { method: 'POST', headers: { authorization: `Bearer ${other.apiKey}` } })
    const broken = once(uploading, 'error')
    uploading.write('never the end '.repeat(1_000))
    await waitUntil(async () => (await other.blobs()).incoming.length === 1, 'the upload to begin')
    await other.stop()
    await Promise.all([ended, broken])
  } finally {
    await other.close()
  }
})

function follow(documentId: string, of = greffier): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${of.url}/v1/documents/${documentId}/progress`, { headers: { authorization: `Bearer ${of.apiKey}` } }, resolve).on('error', reject)
  })
}

/** Sends the request and closes the connection at once. */
function followAndLeave(documentId: string): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = get(`${greffier.url}/v1/documents/${documentId}/progress`, {
      headers: { authorization: `Bearer ${greffier.apiKey}` },
      agent: false,
    })
    outgoing.on('error', () => undefined)
    outgoing.on('close', resolve)
    outgoing.on('finish', () => outgoing.destroy())
  })
}

function progressOf(stream: string): { document_id: string; status: string; percent: number }[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)))
}

/** Style sheets and scripts may name pages to read (licences, links); what they may not do is load one. */
function outsideRequests(content: string): string[] {
  return [...content.matchAll(/(?:url\(|@import\s+|importScripts\(|\bfetch\(|\.src\s*=\s*)["']?(?:https?:)?\/\/[^"')\s]+/g)].map(
    ([found]) => found,
  )
}
