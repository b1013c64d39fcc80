import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../services/cli/run-cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

const LETTER = 'Orchard letter.\nBerlin, 3 May 2026\nDear Ms Lindgren,\nthe orchard is pruned in March.\nKind regards\nthe keepers\n'

let greffier: Greffier
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

describe('the routes', () => {
  test('add a schema and its next version, return the same one as it was, show, list and retire', async () => {
    const first = await add('order', schemaOf('title'))
    expect(first.status).toBe(201)
    const created = await first.json()
    expect(created).toMatchObject({ name: 'order', version: 1, document_type: null, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
    const again = await add('order', schemaOf('title'))
    expect([again.status, await again.json()]).toEqual([200, created])
    const next = await add('order', schemaOf('document_date'), 'letter')
    expect([next.status, await next.json()]).toMatchObject([201, { version: 2, document_type: 'letter' }])
    expect(await greffier.json('/v1/schemas')).toMatchObject({ schemas: [{ name: 'order', version: 2 }] })
    expect(await greffier.json('/v1/schemas/order')).toMatchObject({ version: 2, deleted_at: null, schema: schemaOf('document_date') })
    expect(await greffier.json('/v1/schemas/order?version=1')).toMatchObject({ version: 1, schema: schemaOf('title') })
    expect((await remove('order')).status).toBe(204)
    expect((await greffier.fetch('/v1/schemas/order')).status).toBe(404)
    expect((await remove('order')).status).toBe(404)
    expect(await greffier.json('/v1/schemas/order?version=2')).toMatchObject({ deleted_at: expect.any(String) })
  })

  test('refuse what no document can be read by, and say where and why', async () => {
    const response = await add('broken', { type: 'object', properties: { a: { type: 'object', properties: { b: { type: 'sting' } } } } })
    expect(response.status).toBe(422)
    const problem = await response.json()
    expect(problem).toMatchObject({
      code: 'SCHEMA_INVALID',
      errors: [{ where: '/properties/a/properties/b', message: expect.any(String) }],
    })
    expect(await greffier.json('/v1/schemas')).toEqual({ schemas: [] })
  })

  test.each([
    ['a body that is larger than is read', 'x'.repeat(300_000), 413],
    ['a schema that is larger than is kept', 'x'.repeat(70_000), 413],
    ['text that is not well-formed', '\ud800', 422],
  ])('refuse %s', async (_, description, status) => {
    expect((await add('large', { ...schemaOf('title'), description })).status).toBe(status)
  })

  test('survive a schema that is nested as deeply as a body allows', async () => {
    const body = `{"name":"deep","schema":${'{"items":'.repeat(25_000)}{}${'}'.repeat(25_000)}}`
    const response = await greffier.fetch('/v1/schemas', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect([413, 422]).toContain(response.status)
    expect((await greffier.fetch('/healthz')).status).toBe(200)
  })

  test.each(['Order', 'order/1', 'Anna Müller', ''])('take no name such as %j', async (name) => {
    expect((await add(name, schemaOf('title'))).status).toBe(400)
  })

  test('show a schema to nobody else, and let only those write who may', async () => {
    await add('ours', schemaOf('title'))
    const other = await greffier.addTenant()
    const reader = await greffier.addTenant(['documents:read'])
    const as = (apiKey: string) => ({ headers: { authorization: `Bearer ${apiKey}` } })
    expect(await (await greffier.fetch('/v1/schemas', as(other.apiKey))).json()).toEqual({ schemas: [] })
    for (const method of ['GET', 'DELETE'])
      expect((await greffier.fetch('/v1/schemas/ours', { method, ...as(other.apiKey) })).status).toBe(404)
    expect((await greffier.fetch('/v1/schemas/ours', { method: 'DELETE', ...as(reader.apiKey) })).status).toBe(403)
    expect((await greffier.fetch('/v1/schemas', as(reader.apiKey))).status).toBe(200)
    const elsewhere = await greffier.fetch('/v1/documents?schema=ours', { method: 'POST', body: LETTER, ...as(other.apiKey) })
    expect([elsewhere.status, await elsewhere.json()]).toMatchObject([422, { code: 'SCHEMA_UNKNOWN' }])
    await remove('ours')
  })
})

describe('an upload', () => {
  test('that names a schema is read by it, and says so; also after it was retired', async () => {
    await add('mine', schemaOf('title'))
    const { document_id } = await greffier.upload(LETTER, { schema: 'mine' })
    const document = await greffier.settled(document_id)
    expect(document).toMatchObject({ status: 'completed', schema_name: 'mine', extraction: { schema: { name: 'mine', version: 1 } } })
    expect(Object.keys(document.fields)).toEqual(['title'])
    await remove('mine')
    expect(await greffier.json(`/v1/documents/${document_id}`)).toEqual(document)
  })

  test('that names none is read by the newest schema for its type, and by the one that ships where there is none', async () => {
    const shipped = await settledUpload(LETTER, { on_duplicate: 'new' })
    const { type } = shipped
    expect(shipped).toMatchObject({ schema_name: null, extraction: { schema: { name: type } } })
    expect(Object.keys(shipped.fields).length).toBeGreaterThan(1)
    await add('our-letters', schemaOf('title'), String(type))
    const own = await settledUpload(LETTER, { on_duplicate: 'new' })
    expect(own).toMatchObject({ schema_name: null, extraction: { schema: { name: 'our-letters', version: 1 } } })
    expect(Object.keys(own.fields)).toEqual(['title'])
    await remove('our-letters')
  })

  test('of the same document with another schema is a duplicate, which `version` reads again by the new one', async () => {
    await add('first', schemaOf('title'))
    await add('second', schemaOf('document_date'))
    const text = `${LETTER}Again.\n`
    const { document_id } = await greffier.upload(text, { schema: 'first' })
    await greffier.settled(document_id)
    expect(await greffier.upload(text, { schema: 'second' })).toMatchObject({ document_id, outcome: 'returned', revision: 1 })
    expect(await greffier.upload(text, { schema: 'second', on_duplicate: 'version' })).toMatchObject({ document_id, outcome: 'version' })
    expect(await greffier.settled(document_id)).toMatchObject({ schema_name: 'second', extraction: { schema: { name: 'second' } } })
  })

  test('that names what there is not is refused before anything is stored, in every form', async () => {
    const before = await state()
    const form = (...fields: [string, string | Blob][]) => {
      const data = new FormData()
      for (const [name, value] of fields) data.append(name, value)
      return { body: data }
    }
    const file: [string, Blob] = ['file', new Blob(['A letter that nobody takes.'])]
    for (const [path, init] of [
      ['?schema=nothing', { body: 'A letter that nobody takes.' }],
      ['?schema=nothing', { body: 'A letter that nobody takes.', headers: { 'idempotency-key': 'a-key' } }],
      ['', form(['schema', 'nothing'], file)],
      ['', form(file, ['schema', 'nothing'])],
    ] as const) {
      const response = await greffier.fetch(`/v1/documents${path}`, { method: 'POST', ...init })
      expect([response.status, await response.json()]).toMatchObject([422, { code: 'SCHEMA_UNKNOWN' }])
    }
    expect(await state()).toEqual(before)
  })

  test('that is repeated with its key gets the answer that it got, although its schema was retired since', async () => {
    await add('fleeting', schemaOf('title'))
    const repeat = () => greffier.upload('A letter that is sent twice.', { schema: 'fleeting' }, { 'idempotency-key': 'sent-twice' })
    const accepted = await repeat()
    await remove('fleeting')
    expect(await repeat()).toEqual(accepted)
  })
})

test('the command line adds, lists, shows and removes schemas, and uploads by one', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'schema.json')
  writeFileSync(file, JSON.stringify(schemaOf('title'), null, 2))
  writeFileSync(join(folder, 'broken.json'), '[')
  writeFileSync(join(folder, 'letter.txt'), `${LETTER}By the command line.\n`)
  const env = { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey }
  const cli = async (...args: string[]) => {
    const { code, stdout } = await runCli([...args, '--json'], { env, cwd: folder })
    return { code, value: JSON.parse(stdout) }
  }
  expect(await cli('schemas', 'add', file, '--name', 'typed')).toMatchObject({ code: 0, value: { name: 'typed', version: 1 } })
  expect(await cli('schemas', 'add', 'broken.json', '--name', 'typed')).toMatchObject({
    code: 65,
    value: { error: { code: 'SCHEMA_INVALID' } },
  })
  expect(await cli('schemas', 'add', 'missing.json', '--name', 'typed')).toMatchObject({ code: 66 })
  expect(await cli('schemas', 'list')).toMatchObject({
    value: { schemas: expect.arrayContaining([expect.objectContaining({ name: 'typed' })]) },
  })
  expect((await runCli(['schemas', 'show', 'typed'], { env })).stdout).toMatch(
    /typed, version 1, for uploads that name it\n\{\n {2}"properties": \{\n {4}"title"/,
  )
  const [ingested] = (await cli('ingest', 'letter.txt', '--schema', 'typed', '--wait')).value
  expect(Object.keys(ingested.fields)).toEqual(['title'])
  expect(await cli('schemas', 'remove', 'typed')).toMatchObject({ code: 0, value: { removed: true } })
  expect(await cli('schemas', 'show', 'typed')).toMatchObject({ code: 66, value: { error: { code: 'SCHEMA_NOT_FOUND' } } })
  expect(await cli('schemas', 'show', 'typed', '--version', '1')).toMatchObject({ code: 0, value: { schema: schemaOf('title') } })
  expect((await runCli(['ingest', 'letter.txt', '--schema', 'Not A Name'], { env, cwd: folder })).code).toBe(64)
})

test('the description of the API says that names of schemas are shown in the clear', async () => {
  const description = JSON.stringify(await greffier.json('/openapi.json'))
  expect(description).toContain('must hold no personal data')
})

function schemaOf(...fields: string[]): Record<string, unknown> {
  return { type: 'object', properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])) }
}

function add(name: string, schema: object, document_type: string | null = null): Promise<Response> {
  const body = JSON.stringify({ name, schema, document_type })
  return greffier.fetch('/v1/schemas', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
}

function remove(name: string): Promise<Response> {
  return greffier.fetch(`/v1/schemas/${name}`, { method: 'DELETE' })
}

async function settledUpload(text: string, query: Record<string, string>) {
  return greffier.settled((await greffier.upload(text, query)).document_id)
}

/** Everything that an upload may leave. */
async function state() {
  const [rows] = await greffier.rows<Record<string, string>>(
    `SELECT (SELECT count(*) FROM documents) AS documents, (SELECT count(*) FROM artifacts) AS artifacts, (SELECT count(*) FROM idempotency) AS keys`,
  )
  return { ...rows, ...(await greffier.blobs()) }
}
