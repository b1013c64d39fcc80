import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { textPdf } from '../fixtures/pdf.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { leavingClient } from '../support/leaving-client.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const MEGABYTE = 1024 * 1024
const BOUNDARY = '----boundary'
let serial = 0
/** A text that no other test uploads. */
const uniqueText = () => `Protokoll Nummer ${++serial}: die Sitzung begann um neun Uhr.`

describe('a raw body', () => {
  test('is accepted with 202, its id and the Location where it shows', async () => {
    const response = await greffier.fetch('/v1/documents?file_name=minutes.txt', { method: 'POST', body: uniqueText() })
    const accepted = (await response.json()) as { document_id: string }
    expect([response.status, response.headers.get('location')]).toEqual([202, `/v1/documents/${accepted.document_id}`])
    expect(accepted).toMatchObject({ revision: 1, status: 'received', outcome: 'created' })
    expect(await greffier.json(`/v1/documents/${accepted.document_id}`)).toMatchObject({ file_name: 'minutes.txt' })
  })

  test('keeps every option that it came with', async () => {
    const metadata = { Kunde: 'Łódź Sp. z o.o.', note: '—' }
    const options = {
      sensitivity: 'confidential',
      data_classes: 'personal, special',
      purpose: 'case.42',
      metadata: JSON.stringify(metadata),
    }
    const { document_id } = await greffier.upload(uniqueText(), options)
    expect(await greffier.json(`/v1/documents/${document_id}`)).toMatchObject({
      sensitivity: 'confidential',
      data_classes: ['personal', 'special'],
      purpose: 'case.42',
      metadata,
      file_name: null,
    })
  })

  test('of type application/json is a document like any other', async () => {
    const body = JSON.stringify({ memo: uniqueText() })
    const { document_id } = await greffier.upload(body, {}, { 'content-type': 'application/json' })
    const content = await greffier.fetch(`/v1/documents/${document_id}/content`)
    expect([content.headers.get('content-type'), await content.text()]).toEqual(['text/plain', body])
  })

  test('without any content type is sniffed', async () => {
    const { response } = await send({ headers: {}, body: (outgoing) => outgoing.end(textPdf([uniqueText()])) })
    const { document_id } = JSON.parse(await text(response))
    expect(await greffier.json(`/v1/documents/${document_id}`)).toMatchObject({ media_type: 'application/pdf' })
  })

  test.each([
    ['an unknown sensitivity', 'sensitivity=secret', 'sensitivity'],
    ['an unknown class', 'data_classes=personal,medical', 'data_classes'],
    ['a purpose with spaces', 'purpose=Case%2042', 'purpose'],
    ['metadata that is not JSON', 'metadata=%7Bname', 'metadata'],
    ['metadata that is no object of strings', `metadata=${encodeURIComponent('{"a":{"b":1}}')}`, 'metadata'],
    ['an unknown on_duplicate', 'on_duplicate=overwrite', 'on_duplicate'],
    ['an unknown parameter', 'colour=red', 'colour'],
    ['a file name that is too long', `file_name=${'a'.repeat(256)}`, 'file_name'],
    ['the same parameter twice', 'purpose=a&purpose=b', 'purpose'],
  ])('with %s is refused by name and nothing of it remains', async (_what, query, named) => {
    await leavesNothing(async () => {
      const problem = await refused(await greffier.fetch(`/v1/documents?${query}`, { method: 'POST', body: uniqueText() }))
      expect(problem).toMatchObject({ status: 400, code: 'INVALID_REQUEST' })
      expect(problem.detail).toContain(named)
    })
  })
})

describe('a form', () => {
  test.each(['before', 'after', 'around'] as const)('takes its options from fields %s the file', async (where) => {
    const form = new FormData()
    const file = () => form.append('file', new Blob([uniqueText()], { type: 'text/markdown' }), 'notes.md')
    if (where === 'after') file()
    form.append('purpose', 'minutes')
    if (where === 'around') file()
    form.append('metadata', '{"room":"2.14"}')
    if (where === 'before') file()
    const { document_id } = await greffier.upload(form, { sensitivity: 'public' })
    expect(await greffier.json(`/v1/documents/${document_id}`)).toMatchObject({
      purpose: 'minutes',
      metadata: { room: '2.14' },
      sensitivity: 'public',
      media_type: 'text/markdown',
      file_name: 'notes.md',
    })
  })

  test.each(['Übergrößenträger – Straße.txt', '請求書.txt', 'счёт №7.txt', "it's a 'name'; x.txt"])(
    'keeps the file name %s',
    async (name) => {
      const form = new FormData()
      form.append('file', new Blob([uniqueText()]), name)
      const { document_id } = await greffier.upload(form)
      const raw = await greffier.upload(uniqueText(), { file_name: name })
      expect(await greffier.json(`/v1/documents/${document_id}`)).toMatchObject({ file_name: name })
      expect(await greffier.json(`/v1/documents/${raw.document_id}`)).toMatchObject({ file_name: name })
    },
  )

  test.each([
    ['without a file', () => [field('purpose', 'a')], 'no file'],
    ['with two files', () => [file(uniqueText()), file(uniqueText())], 'one file'],
    ['with two files and a field between them', () => [file(uniqueText()), field('purpose', 'a'), file(uniqueText())], 'one file'],
    ['with an unknown field after the file', () => [file(uniqueText()), field('colour', 'red')], 'colour'],
    ['with an unknown field before the file', () => [field('colour', 'red'), file(uniqueText())], 'colour'],
    ['with a bad sensitivity after the file', () => [file(uniqueText()), field('sensitivity', 'secret')], 'sensitivity'],
    ['with metadata that is not JSON', () => [file(uniqueText()), field('metadata', '{')], 'metadata'],
    ['with metadata that is too large', () => [file(uniqueText()), field('metadata', `{"a":"${'x'.repeat(100_000)}"}`)], 'metadata'],
    ['with a field twice', () => [field('purpose', 'a'), file(uniqueText()), field('purpose', 'b')], 'purpose'],
    ['with too many fields', () => [file(uniqueText()), ...Array.from({ length: 50 }, (_, at) => field(`f${at}`, 'x'))], ''],
    ['with a field named __proto__', () => [file(uniqueText()), field('__proto__', 'x')], ''],
    ['with a field named constructor', () => [file(uniqueText()), field('constructor', 'x')], ''],
  ])('%s is INVALID_REQUEST and nothing of it remains', async (_what, parts, named) => {
    await leavesNothing(async () => {
      const { response } = await sendForm((outgoing) => outgoing.end(`${parts().join('')}--${BOUNDARY}--\r\n`))
      const problem = JSON.parse(await text(response))
      expect(problem).toMatchObject({ status: 400, code: 'INVALID_REQUEST' })
      expect(problem.detail ?? '').toContain(named)
    })
  })

  test.each([
    ['without a boundary', 'multipart/form-data', `${file('x')}--${BOUNDARY}--\r\n`],
    ['that ends before its closing boundary', `multipart/form-data; boundary=${BOUNDARY}`, file(`${'long '.repeat(10_000)}`).slice(0, -20)],
    ['that is empty', `multipart/form-data; boundary=${BOUNDARY}`, ''],
    ['that is no form at all', `multipart/form-data; boundary=${BOUNDARY}`, 'hello'],
  ])('%s is a client error and nothing of it remains', async (_what, contentType, body) => {
    await leavesNothing(async () => {
      const { response } = await send({ headers: { 'content-type': contentType }, body: (outgoing) => outgoing.end(body) })
      expect(JSON.parse(await text(response))).toMatchObject({ status: 400, code: expect.stringMatching(/INVALID_REQUEST|UPLOAD_ABORTED/) })
    })
  })
})

describe('the type', () => {
  test.each([
    ['a PDF named .pdf', 'a.pdf', 'application/octet-stream', 'application/pdf'],
    ['a PDF without a name', undefined, 'application/octet-stream', 'application/pdf'],
    ['Markdown by its name', 'a.md', 'application/octet-stream', 'text/markdown'],
    ['HTML by its first bytes', undefined, 'application/octet-stream', 'text/html'],
    ['HTML by its name', 'a.htm', 'text/plain', 'text/html'],
  ])('of %s is decided by magic bytes and extension together', async (what, name, contentType, mediaType) => {
    const body = what.startsWith('a PDF') ? textPdf([uniqueText()]) : `<!doctype html><p>${uniqueText()}`
    const { document_id } = await greffier.upload(body, name ? { file_name: name } : {}, { 'content-type': contentType })
    expect(await greffier.json(`/v1/documents/${document_id}`)).toMatchObject({ media_type: mediaType })
  })

  test.each([
    ['a PDF named .txt', () => textPdf(['x']), 'a.txt', 'TYPE_MISMATCH'],
    ['a text named .pdf', () => 'hello', 'a.pdf', 'TYPE_MISMATCH'],
    ['a text named .docx', () => 'hello', 'a.docx', 'TYPE_MISMATCH'],
    ['an image', () => Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'a.png', 'UNSUPPORTED_TYPE'],
    ['a program named .txt', () => Buffer.from('7f454c460201010000000000', 'hex'), 'a.txt', 'TYPE_MISMATCH'],
    ['unknown bytes', () => Buffer.from('0001020304', 'hex'), undefined, 'UNSUPPORTED_TYPE'],
  ])('%s is refused with 415 and nothing remains', async (_what, body, name, code) => {
    await leavesNothing(async () => {
      const query = name ? `?file_name=${name}` : ''
      const response = await greffier.fetch(`/v1/documents${query}`, {
        method: 'POST',
        body: body(),
        headers: { 'content-type': 'application/octet-stream' },
      })
      expect(await refused(response)).toMatchObject({ status: 415, code })
    })
  })

  test('that is refused by the first bytes of a large document leaves none of the others unread: the client could not read why', async () => {
    const client = await leavingClient(greffier.url)
    const head = `POST /v1/documents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${greffier.apiKey}\r\nContent-Length: ${MEGABYTE}\r\n\r\n`
    await client.send(`${head}${'\u0000'.repeat(MEGABYTE)}`)
    await client.leave('closes')
  })

  test('a document of zero bytes is 422, raw or in a form, and nothing remains', async () => {
    await leavesNothing(async () => {
      expect(await refused(await greffier.fetch('/v1/documents', { method: 'POST', body: '' }))).toMatchObject({ code: 'EMPTY_DOCUMENT' })
      const form = new FormData()
      form.append('file', new Blob([]), 'empty.txt')
      const response = await greffier.fetch('/v1/documents', { method: 'POST', body: form })
      expect(await refused(response)).toMatchObject({ status: 422, code: 'EMPTY_DOCUMENT' })
    })
  })
})

describe('the size limit', () => {
  test.each([
    ['a raw body with Content-Length', { 'content-length': String(60 * MEGABYTE) }, '', ''],
    ['a chunked raw body', {}, '', ''],
    ['a form', { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }, file('').slice(0, -2), `\r\n--${BOUNDARY}--\r\n`],
  ])('ends %s while it streams; the client reads 413 and nothing remains', async (_what, headers, before, after) => {
    await leavesNothing(async () => {
      const { response } = await send({
        headers: { 'content-type': 'text/plain', ...headers },
        body: async (outgoing) => {
          if (before) outgoing.write(before)
          await writeAll(outgoing, 60)
          outgoing.end(after)
        },
      })
      expect(JSON.parse(await text(response))).toMatchObject({ status: 413, code: 'DOCUMENT_TOO_LARGE' })
      expect([response.statusCode, response.headers['content-type']]).toEqual([413, 'application/problem+json'])
    })
  })

  test('lets a document of exactly the limit through, and one byte more not', async () => {
    const small = await startGreffier({ UPLOAD_BYTES_MAX: 10_000 })
    try {
      const statuses = []
      for (const bytes of [10_000, 10_001]) {
        const response = await small.fetch('/v1/documents', { method: 'POST', body: 'a'.repeat(bytes) })
        await response.body?.cancel()
        statuses.push(response.status)
      }
      expect(statuses).toEqual([202, 413])
    } finally {
      await small.close()
    }
  })
})

describe('at once', () => {
  test('ten slow uploads, piece by piece in turns, are all accepted and all whole', async () => {
    const uploads = Array.from({ length: 10 }, (_, at) => {
      const content = `${uniqueText()} ${String(at).repeat(200_000)}`
      const isForm = at % 2 === 0
      const body = isForm ? `${file(content)}--${BOUNDARY}--\r\n` : content
      const outgoing = open(isForm ? form() : { 'content-type': 'text/plain' })
      return { content, body, outgoing, answered: once(outgoing, 'response') as Promise<[IncomingMessage]> }
    })
    for (let start = 0; start < 210_000; start += 30_000) {
      for (const { body, outgoing } of uploads) await flushed(outgoing, body.slice(start, start + 30_000))
    }
    for (const { outgoing } of uploads) outgoing.end()
    for (const { content, answered } of uploads) {
      const [response] = await answered
      const { document_id } = JSON.parse(await text(response))
      const stored = await greffier.fetch(`/v1/documents/${document_id}/content`)
      expect([response.statusCode, await stored.text()]).toEqual([202, content])
    }
  })
})

/** What a refused upload may not leave: a row, an artifact, an outbox entry, an original, a temporary file. */
async function leavesNothing(work: () => Promise<void>): Promise<void> {
  const before = await remains()
  await work()
  await waitUntil(async () => JSON.stringify(await remains()) === JSON.stringify(before), `nothing to remain but ${JSON.stringify(before)}`)
}

async function remains() {
  const count = async (table: string, where = 'true') =>
    Number((await greffier.rows<{ n: string }>(`SELECT count(*) AS n FROM ${table} WHERE ${where}`))[0]?.n)
  const { originals, incoming } = await greffier.blobs()
  return {
    documents: await count('documents'),
    revisions: await count('revisions'),
    artifacts: await count('artifacts', `kind = 'original'`),
    uploads: await count('events', `body LIKE '%"step":"upload"%'`),
    idempotency: await count('idempotency'),
    originals: originals.length,
    incoming: incoming.length,
  }
}

async function refused(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return (await response.json()) as { status: number; code: string; detail?: string }
}

function open(headers: Record<string, string>): ClientRequest {
  const outgoing = request(`${greffier.url}/v1/documents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${greffier.apiKey}`, ...headers },
  })
  outgoing.on('error', () => undefined)
  return outgoing
}

/** Sends a body piece by piece and resolves with the answer, which may come before the body is through. */
async function send(options: {
  headers: Record<string, string>
  body: (outgoing: ClientRequest) => unknown
}): Promise<{ response: IncomingMessage }> {
  const outgoing = open(options.headers)
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  const written = options.body(outgoing)
  const [response] = await answered
  await written
  return { response }
}

const form = () => ({ 'content-type': `multipart/form-data; boundary=${BOUNDARY}` })
const sendForm = (body: (outgoing: ClientRequest) => unknown) => send({ headers: form(), body })

async function writeAll(outgoing: ClientRequest, megabytes: number): Promise<void> {
  const piece = Buffer.alloc(MEGABYTE, 'a')
  for (let at = 0; at < megabytes && !outgoing.destroyed; at++) await flushed(outgoing, piece)
}

/** Resolves when the bytes have left this process, or never will. */
function flushed(outgoing: ClientRequest, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve) => outgoing.write(bytes, () => resolve()))
}

function field(name: string, value: string): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
}

function file(content: string): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n${content}\r\n`
}
