import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { startScript } from '../support/process.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const json = { 'content-type': 'application/json' }
const post = (body: string, headers: Record<string, string> = json): RequestInit => ({ method: 'POST', body, headers })
const ERASED = '018f0000-0000-7000-8000-000000000000'

describe('every error is a problem of RFC 9457 that tells nothing of the inside', () => {
  test.each<[what: string, path: string, init: RequestInit, status: number, code: string]>([
    ['malformed JSON', '/v1/search', post('{"query":'), 400, 'INVALID_REQUEST'],
    ['an empty JSON body', '/v1/search', post(''), 400, 'INVALID_REQUEST'],
    ['JSON that is not an object', '/v1/search', post('"text"'), 400, 'INVALID_REQUEST'],
    ['JSON with a prototype in it', '/v1/search', post('{"query":"a","__proto__":{"x":1}}'), 400, 'INVALID_REQUEST'],
    ['an unknown member', '/v1/search', post('{"query":"a","colour":"red"}'), 400, 'INVALID_REQUEST'],
    ['a query that is too long', '/v1/search', post(JSON.stringify({ query: 'a'.repeat(2_001) })), 400, 'INVALID_REQUEST'],
    ['a limit out of bounds', '/v1/search', post('{"query":"a","limit":51}'), 400, 'INVALID_REQUEST'],
    ['a question of white space', '/v1/answers', post('{"question":"  "}'), 400, 'INVALID_REQUEST'],
    ['a document id that is none', '/v1/answers', post('{"question":"a","document_ids":["1"]}'), 400, 'INVALID_REQUEST'],
    [
      'another content type',
      '/v1/search',
      post('query=a', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'UNSUPPORTED_TYPE',
    ],
    ['plain text', '/v1/search', post('{"query":"a"}', { 'content-type': 'text/plain' }), 400, 'INVALID_REQUEST'],
    ['JSON that is too large', '/v1/search', post(JSON.stringify({ query: 'a'.repeat(2_000_000) })), 413, 'DOCUMENT_TOO_LARGE'],
    ['an id that is no UUID', '/v1/documents/42', {}, 400, 'INVALID_REQUEST'],
    ['an id with SQL in it', `/v1/documents/${encodeURIComponent("'; DROP TABLE documents; --")}`, {}, 400, 'INVALID_REQUEST'],
    ['a missing document', `/v1/documents/${ERASED}`, {}, 404, 'DOCUMENT_NOT_FOUND'],
    ['a missing key', `/v1/keys/${ERASED}`, { method: 'DELETE' }, 404, 'NOT_FOUND'],
    ['an unknown route', '/v1/unknown', {}, 404, 'NOT_FOUND'],
    ['a path that climbs', '/docs/static/..%2f..%2f..%2fpackage.json', {}, 404, 'NOT_FOUND'],
    ['a path that is not UTF-8', '/v1/documents/%C0', {}, 400, 'INVALID_REQUEST'],
    ['a path that is too long', `/v1/documents/${'a'.repeat(5_000)}`, {}, 400, 'INVALID_REQUEST'],
    ['a wrong method', '/v1/documents', { method: 'PUT', body: 'x' }, 405, 'METHOD_NOT_ALLOWED'],
    ['a wrong method on one document', `/v1/documents/${ERASED}`, { method: 'POST' }, 405, 'METHOD_NOT_ALLOWED'],
    ['a wrong method on a probe', '/healthz', { method: 'DELETE' }, 405, 'METHOD_NOT_ALLOWED'],
    ['an empty Idempotency-Key', '/v1/documents', post('x', { 'idempotency-key': '' }), 400, 'INVALID_REQUEST'],
    ['an Idempotency-Key that is too long', '/v1/documents', post('x', { 'idempotency-key': 'k'.repeat(256) }), 400, 'INVALID_REQUEST'],
  ])('%s', async (_what, path, init, status, code) => {
    const response = await greffier.fetch(path, init)
    const body = await response.text()
    const problem = JSON.parse(body)
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
    expect(problem).toMatchObject({ status, code, type: `urn:greffier:error:${code.toLowerCase().replaceAll('_', '-')}` })
    expect(problem.title.length).toBeGreaterThan(5)
    expect(problem).not.toHaveProperty('stack')
    expect(body).not.toMatch(/node_modules|\.ts\b|\n\s+at |select |insert |greffier_app|FST_/i)
  })

  test('a wrong method is told which ones there are', async () => {
    const response = await greffier.fetch('/v1/documents', { method: 'PATCH' })
    expect(response.headers.get('allow')).toBe('GET, HEAD, POST')
  })

  test.each([
    ['not HTTP', 'HELO mail.example\r\n\r\n'],
    ['headers that are too large', `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
    ['two lengths', 'POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ])('%s', async (_what, bytes) => {
    const { port, hostname } = new URL(greffier.url)
    const socket = connect(Number(port), hostname)
    socket.write(bytes)
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 400 [\s\S]*content-type: application\/problem\+json/i)
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'INVALID_REQUEST' })
  })

  test('what a client sent is not in the answer', async () => {
    const word = 'Mandragora'
    const requests: [string, RequestInit][] = [
      ['/v1/search', post(JSON.stringify({ query: 'a', [word]: 1, limit: word }))],
      ['/v1/search', post(`{"query":${word}`)],
      [`/v1/documents?metadata=${encodeURIComponent(`{"a":${word}`)}`, post('x')],
      [`/v1/documents?sensitivity=${word}`, post('x')],
      [`/v1/documents/${word}`, {}],
      [`/v1/${word}`, {}],
    ]
    for (const [path, init] of requests) {
      const answer = await (await greffier.fetch(path, init)).text()
      // The name of a member that nobody knows is said; its value is not.
      expect(answer.replace(`Unrecognized key: \\"${word}\\"`, '').replaceAll(`\\"${word}\\"`, '')).not.toContain(word)
    }
  })

  test('after all of these the service still serves', async () => {
    const { document_id } = await greffier.upload('A short note.')
    expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed' })
  })
})

test('no word of a document, its name, its metadata or a question is in the log, whatever level', async () => {
  const system = startScript('services/cli/main.ts', ['serve', '--json'], { DATA_DIR: temporaryFolder(), PORT: '0', LOG_LEVEL: 'debug' })
  const { url, api_key } = JSON.parse(await system.line(/api_key/)) as { url: string; api_key: string }
  const headers = { authorization: `Bearer ${api_key}` }
  const call = async (path: string, init: RequestInit = {}): Promise<{ document_id: string; status: string }> => {
    const response = await fetch(`${url}${path}`, { ...init, headers: { ...headers, ...(init.headers as Record<string, string>) } })
    return JSON.parse(await response.text())
  }
  const names = `file_name=Wombatname.txt&metadata=${encodeURIComponent('{"customer":"Wombatmeta"}')}`
  const { document_id } = await call(
    `/v1/documents?${names}`,
    post('The Wombattext clause ends on 3 May 2027.', { 'idempotency-key': 'Wombatkey' }),
  )
  const broken = await call(`/v1/documents?${names.replace('.txt', '.pdf')}`, post('%PDF-1.7 Wombattext broken'))
  for (const id of [document_id, broken.document_id])
    await waitUntil(async () => ['completed', 'failed'].includes((await call(`/v1/documents/${id}`)).status), `${id} to end`)
  await call('/v1/search', post('{"query":"Wombatquery clause"}'))
  await call('/v1/answers', post('{"question":"When does the Wombattext clause end, Wombatquestion?"}'))
  await call('/v1/search', post('{"query":"Wombatbroken'))
  await call('/v1/documents?sensitivity=Wombatvalue', post('x'))
  await call('/v1/documents/Wombatid')
  await call(`/v1/documents/${document_id}/reprocess`, { method: 'POST' })
  await call(`/v1/documents/${document_id}`, { method: 'DELETE' })
  system.kill('SIGTERM')
  await system.exited
  const log = system.stderr()
  expect(log).toContain('"route":"/v1/documents/:id"')
  expect(log).toContain('stage failed for good')
  expect(log).not.toMatch(/wombat/i)
  expect(log).not.toContain(api_key.slice(-43))
})
