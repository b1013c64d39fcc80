import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SCOPES, type Scope } from '../../shared/contracts/access.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

let greffier: Greffier
/** The first tenant's document, indexed; its words stand in no other. */
let documentId: string
beforeAll(async () => {
  greffier = await startGreffier()
  documentId = (await greffier.upload(SECRET, { file_name: 'secret.txt' })).document_id
  await greffier.settled(documentId)
})
afterAll(() => greffier.close())

const SECRET = 'The xylophone contract of Mandragora Ltd ends on 31 March 2027.'

/** Every route that wants a key, with the scope that it wants. */
const ROUTES: [method: string, path: string, scope: Scope, body?: object][] = [
  ['POST', '/v1/documents', 'documents:write'],
  ['GET', '/v1/documents', 'documents:read'],
  ['GET', '/v1/documents/:id', 'documents:read'],
  ['GET', '/v1/documents/:id/progress', 'documents:read'],
  ['GET', '/v1/documents/:id/content', 'documents:read'],
  ['GET', '/v1/documents/:id/text', 'documents:read'],
  ['POST', '/v1/documents/:id/reprocess', 'documents:write'],
  ['POST', '/v1/documents/:id/redrive', 'documents:write'],
  ['DELETE', '/v1/documents/:id', 'documents:erase'],
  ['GET', '/v1/schemas', 'documents:read'],
  ['GET', '/v1/schemas/:name', 'documents:read'],
  [
    'POST',
    '/v1/schemas',
    'documents:write',
    { name: 'mine', document_type: null, schema: { type: 'object', properties: { a: { type: 'string' } } } },
  ],
  ['DELETE', '/v1/schemas/:name', 'documents:write'],
  ['GET', '/v1/documents/:id/record', 'records:read'],
  ['GET', '/v1/records', 'records:read'],
  ['GET', '/v1/records/export?format=jsonl', 'records:read'],
  ['GET', '/v1/record-accesses/:id', 'rights:manage'],
  ['GET', '/v1/register', 'records:read'],
  ['GET', '/v1/holds', 'rights:manage'],
  ['PATCH', '/v1/documents/:id/fields/:name', 'rights:manage', { value: 'x', reason: 'wrong', revision: 1 }],
  ['POST', '/v1/documents/:id/fields/:name/review', 'rights:manage', { outcome: 'confirmed', revision: 1 }],
  ['GET', '/v1/documents/:id/fields/:name/history', 'rights:manage'],
  ['GET', '/v1/documents/:id/hold', 'rights:manage'],
  ['PUT', '/v1/documents/:id/hold', 'rights:manage', { reason: '17-3-e' }],
  ['DELETE', '/v1/documents/:id/hold', 'rights:manage'],
  ['GET', '/v1/documents/:id/restriction', 'records:read'],
  ['PUT', '/v1/documents/:id/restriction', 'rights:manage', { ground: '18-1-a' }],
  ['DELETE', '/v1/documents/:id/restriction', 'rights:manage'],
  ['POST', '/v1/erasures', 'documents:erase', { ground: '17-1-a', scope: { document_ids: [crypto.randomUUID()] } }],
  ['GET', '/v1/erasures', 'records:read'],
  ['GET', '/v1/erasures/:id', 'records:read'],
  ['GET', '/v1/erasures/:id/certificate', 'records:read'],
  ['POST', '/v1/erasures/:id/extend', 'documents:erase', { reason: 'many' }],
  ['GET', '/v1/retention/plan', 'records:read'],
  ['POST', '/v1/retention/confirm-clock', 'rights:manage', { now: new Date().toISOString() }],
  ['GET', '/v1/processors', 'records:read'],
  ['GET', '/v1/costs', 'records:read'],
  ['POST', '/v1/costs/estimate', 'records:read', { documents: [{ bytes: 1, media_type: 'text/plain' }] }],
  ['POST', '/v1/policy/replay', 'records:read', { policy: 'name: nothing\nversion: 1\nrules: []\n' }],
  ['GET', '/v1/exposure?processor=builtin&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z', 'records:read'],
  ['GET', '/v1/exposure/draft?processor=builtin&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z', 'records:read'],
  ['POST', '/v1/subjects/find', 'rights:manage', { email: 'nobody@example.org' }],
  ['POST', '/v1/subject-requests', 'rights:manage', { kind: 'access', identifiers: { email: 'nobody@example.org' } }],
  ['GET', '/v1/subject-requests', 'rights:manage'],
  ['GET', '/v1/subject-requests/:id', 'rights:manage'],
  ['POST', '/v1/subject-requests/:id/extend', 'rights:manage', { reason: 'many' }],
  ['POST', '/v1/subject-requests/:id/answer', 'rights:manage'],
  ['GET', '/v1/subject-requests/:id/package', 'rights:manage'],
  ['GET', '/v1/audit-bundle', 'records:read'],
  ['GET', '/v1/documents/:id/proofs', 'records:read'],
  ['GET', '/v1/ledger/checkpoint', 'records:read'],
  ['GET', '/v1/ledger/key', 'records:read'],
  ['POST', '/v1/ledger/rotate-key', 'keys:manage'],
  ['GET', '/v1/defaults', 'documents:read'],
  ['PUT', '/v1/defaults', 'keys:manage', { sensitivity: 'internal', data_classes: ['personal'] }],
  ['POST', '/v1/search', 'search', { query: 'xylophone contract' }],
  ['POST', '/v1/answers', 'search', { question: 'When does the xylophone contract end?' }],
  ['POST', '/v1/keys', 'keys:manage', { name: 'x', scopes: ['search'] }],
  ['GET', '/v1/keys', 'keys:manage'],
  ['DELETE', '/v1/keys/:id', 'keys:manage'],
]
const WITH_ID = ROUTES.filter(([, path]) => path.includes(':id'))

function ask(method: string, path: string, headers: Record<string, string>, body?: object, id = documentId): Promise<Response> {
  return fetch(`${greffier.url}${path.replace(':id', id).replace(':name', 'mine')}`, {
    method,
    headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
}

const bearer = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` })

describe('without a valid key', () => {
  test('the list of routes here is the whole list', async () => {
    const { paths } = await greffier.json<{ paths: Record<string, object> }>('/openapi.json')
    const served = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(ROUTES.map(([method, path]) => `${method} ${path.replace(/\?.*/, '').replace(/:(id|name)/g, '{$1}')}`).sort()).toEqual(
      served.sort(),
    )
  })

  test.each(ROUTES)('%s %s is 401 with WWW-Authenticate', async (method, path, _scope, body) => {
    const [scheme, id, secret = ''] = greffier.apiKey.split(/_(.{32})_/)
    const changed = secret.startsWith('A') ? `B${secret.slice(1)}` : `A${secret.slice(1)}`
    const headers: Record<string, string>[] = [
      {},
      { authorization: greffier.apiKey },
      { authorization: `Basic ${Buffer.from(greffier.apiKey).toString('base64')}` },
      bearer('x'),
      bearer(`${scheme}_${id}_${changed}`),
      bearer(`${scheme}_${'0'.repeat(32)}_${secret}`),
      bearer(`${greffier.apiKey}=`),
      bearer(`${greffier.apiKey}${greffier.apiKey}`),
      { authorization: `Bearer ${greffier.apiKey}, Bearer ${greffier.apiKey}` },
      bearer("greffier_' OR 1=1 --"),
    ]
    for (const header of headers) {
      const response = await ask(method, path, header, body)
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      expect(await response.json()).toMatchObject({ code: 'UNAUTHENTICATED' })
    }
  })

  test('a key in the address is no key', async () => {
    expect((await fetch(`${greffier.url}/v1/documents?access_token=${greffier.apiKey}`)).status).toBe(401)
  })
})

describe('a scope', () => {
  test.each(ROUTES)('%s %s is 403 with every scope but %s', async (method, path, scope, body) => {
    const others = SCOPES.filter((name) => name !== scope)
    const { api_key } = await greffier.json<{ api_key: string }>('/v1/keys', { name: 'all but one', scopes: others })
    const response = await ask(method, path, bearer(api_key), body)
    expect([response.status, await response.json()]).toMatchObject([403, { code: 'SCOPE_MISSING' }])
  })
})

describe('another tenant', () => {
  test.each(WITH_ID)('sees %s %s of an id that is not its own exactly as a missing one', async (method, path, _scope, body) => {
    const { apiKey } = await greffier.addTenant()
    const [ownKey] = await greffier.rows<{ id: string }>('SELECT id FROM api_keys ORDER BY created_at LIMIT 1')
    const id = path.startsWith('/v1/keys') ? (ownKey?.id ?? '') : documentId
    const seen = []
    for (const asked of [id, crypto.randomUUID()]) {
      const response = await ask(method, path, bearer(apiKey), body, asked)
      const problem = (await response.json()) as { request_id: string }
      seen.push({ status: response.status, ...problem, request_id: '' })
    }
    expect(seen[0]).toMatchObject({ status: 404 })
    expect(seen[0]).toEqual(seen[1])
    expect(await greffier.settled(documentId)).toMatchObject({ status: 'completed', revision: 1 })
    expect((await greffier.fetch('/v1/keys')).status).toBe(200)
  })

  test('never gets a text of the first by search or answer, also when it names the document', async () => {
    const { apiKey } = await greffier.addTenant()
    for (const document_ids of [undefined, [documentId]]) {
      const search = await ask('POST', '/v1/search', bearer(apiKey), { query: SECRET, document_ids })
      expect(await search.json()).toEqual({ hits: [] })
      const answer = await ask('POST', '/v1/answers', bearer(apiKey), { question: 'When does the xylophone contract end?', document_ids })
      expect(await answer.json()).toMatchObject({ abstained: true, citations: [] })
    }
    const record = JSON.stringify(await greffier.record(documentId))
    const [row] = await greffier.rows<{ tenant_id: string }>('SELECT tenant_id FROM documents WHERE id = $1', [documentId])
    expect([...new Set(record.match(/"controller_ref":"[^"]+"/g))]).toEqual([`"controller_ref":"${row?.tenant_id}"`])
  })

  test('with the same text finds its own document alone', async () => {
    const { apiKey } = await greffier.addTenant()
    const own = await greffier.upload(SECRET, {}, bearer(apiKey))
    const status = async () => {
      const answer = await ask('GET', `/v1/documents/${own.document_id}`, bearer(apiKey))
      return ((await answer.json()) as { status: string }).status
    }
    await waitUntil(async () => (await status()) === 'completed', 'the second tenant’s document to complete')
    const search = await ask('POST', '/v1/search', bearer(apiKey), { query: 'xylophone contract' })
    expect(((await search.json()) as { hits: object[] }).hits).toMatchObject([{ document_id: own.document_id }])
  })

  test('lists neither documents nor keys of the first', async () => {
    const { apiKey } = await greffier.addTenant()
    expect(await (await ask('GET', '/v1/documents', bearer(apiKey))).json()).toEqual({ documents: [], next_cursor: null })
    expect(await (await ask('GET', '/v1/keys', bearer(apiKey))).json()).toMatchObject({ keys: [{ name: 'test' }] })
  })
})

describe('keys', () => {
  test('are created, shown once, listed without their secret, revoked, and then refused', async () => {
    const response = await ask('POST', '/v1/keys', bearer(greffier.apiKey), { name: ' ERP ', scopes: ['documents:read'] })
    const created = (await response.json()) as { key_id: string; api_key: string }
    expect([response.status, created]).toMatchObject([201, { name: 'ERP', scopes: ['documents:read'] }])
    expect((await ask('GET', '/v1/documents', bearer(created.api_key))).status).toBe(200)
    const listed = await (await greffier.fetch('/v1/keys')).text()
    expect(listed).toContain(created.key_id)
    expect(listed).not.toContain(created.api_key.slice(-43))
    for (let times = 0; times < 2; times++) {
      expect((await ask('DELETE', '/v1/keys/:id', bearer(greffier.apiKey), undefined, created.key_id)).status).toBe(204)
    }
    const refused = await ask('GET', '/v1/documents', bearer(created.api_key))
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    const { keys } = await greffier.json<{ keys: { key_id: string; revoked_at: string | null }[] }>('/v1/keys')
    expect(keys.find((key) => key.key_id === created.key_id)?.revoked_at).toMatch(/^\d{4}-/)
  })

  test('carry 128 random bits or more, and no part of the secret is stored', async () => {
    const secret = greffier.apiKey.slice(-43)
    expect(Buffer.from(secret, 'base64url').length).toBeGreaterThanOrEqual(16)
    const rows = await greffier.rows<{ secret_hash: Buffer }>('SELECT * FROM api_keys')
    for (const row of rows) {
      expect(JSON.stringify(row)).not.toContain(secret)
      expect(row.secret_hash.toString('latin1')).not.toContain(secret)
      expect(row.secret_hash.includes(Buffer.from(secret, 'base64url'))).toBe(false)
    }
  })

  test.each([
    ['an unknown scope', { name: 'a', scopes: ['admin'] }],
    ['no scope', { name: 'a', scopes: [] }],
    ['no name', { scopes: ['search'] }],
    ['a blank name', { name: '  ', scopes: ['search'] }],
    ['a name with NUL', { name: 'a\u0000b', scopes: ['search'] }],
    ['a tenant of its choice', { name: 'a', scopes: ['search'], tenant_id: crypto.randomUUID() }],
  ])('with %s are refused', async (_what, body) => {
    const response = await ask('POST', '/v1/keys', bearer(greffier.apiKey), body)
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'INVALID_REQUEST' }])
  })
})

test('a key gives no scope that it does not have itself', async () => {
  const { apiKey } = await greffier.addTenant(['keys:manage', 'search'])
  const ask = (scopes: string[]) =>
    fetch(`${greffier.url}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'more', scopes }),
    })
  const refused = await ask(['search', 'documents:erase'])
  expect(refused.status).toBe(403)
  expect(await refused.json()).toMatchObject({ code: 'SCOPE_MISSING' })
  expect((await ask(['search'])).status).toBe(201)
})
