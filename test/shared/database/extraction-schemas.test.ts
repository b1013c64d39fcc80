import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { DocumentType } from '../../../shared/contracts/extraction.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { buryDocument } from '../../../shared/database/documents.ts'
import {
  addSchema,
  canonicalSchema,
  expectUsableSchema,
  findSchema,
  listSchemas,
  readSchema,
  recordedSchema,
  recordSchema,
  retireSchema,
  SCHEMA_VERSIONS_MAX,
  SCHEMAS_MAX,
} from '../../../shared/database/extraction-schemas.ts'
import { compileSchema } from '../../../shared/inference/extraction/schema.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
beforeEach(() => bench.query('DELETE FROM greffier.extraction_schemas'))

test('twenty different schemas of one name at once are twenty versions, and none is lost', async () => {
  const added = await Promise.all(Array.from({ length: 20 }, (_, at) => add('order', schemaWith(`field_${at}`))))
  expect(added.map(({ schema }) => schema.version).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
  const kept = await Promise.all(Array.from({ length: 20 }, (_, at) => bench.tenant((tx) => readSchema(tx, 'order', at + 1))))
  expect(new Set(kept.map(({ schema }) => JSON.stringify(schema))).size).toBe(20)
  for (const { schema } of added) expect(kept.find(({ version }) => version === schema.version)?.hash).toBe(schema.hash)
})

test('the same schema twenty times at once is one version, however it is written', async () => {
  const added = await Promise.all(
    Array.from({ length: 20 }, (_, at) => add('order', at % 2 === 0 ? { a: 1, b: { c: 2, d: 3 } } : { b: { d: 3, c: 2 }, a: 1 })),
  )
  expect(added.filter(({ created }) => created)).toHaveLength(1)
  expect(new Set(added.map(({ schema }) => schema.version))).toEqual(new Set([1]))
})

test('the schema of an older version, or for another type, is a version of its own', async () => {
  await add('order', schemaWith('one'))
  await add('order', schemaWith('two'))
  expect(await add('order', schemaWith('one'))).toMatchObject({ created: true, schema: { version: 3 } })
  expect(await add('order', schemaWith('one'), 'invoice')).toMatchObject({
    created: true,
    schema: { version: 4, document_type: 'invoice' },
  })
})

test('the hash is the one that an extraction by the schema names', () => {
  const json_schema = schemaWith('total')
  expect(canonicalSchema(json_schema).hash).toBe(compileSchema({ name: 'order', version: 1, type: null, json_schema }).hash)
})

test('text that is not well-formed and schemas that are too large are refused', () => {
  expect(() => canonicalSchema({ title: '\ud800' })).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID' }))
  expect(() => canonicalSchema({ title: 'x'.repeat(64 * 1024) })).toThrow(expect.objectContaining({ code: 'SCHEMA_TOO_LARGE' }))
})

test('a retired name is gone for uploads and lists, its versions can still be read, and the next one counts on', async () => {
  await add('order', schemaWith('one'))
  await add('order', schemaWith('two'))
  await bench.tenant((tx) => retireSchema(tx, 'order'))
  expect(await bench.tenant(listSchemas)).toEqual([])
  await expect(bench.tenant((tx) => readSchema(tx, 'order'))).rejects.toMatchObject({ code: 'SCHEMA_NOT_FOUND' })
  await expect(bench.tenant((tx) => retireSchema(tx, 'order'))).rejects.toMatchObject({ code: 'SCHEMA_NOT_FOUND' })
  await expect(bench.tenant((tx) => expectUsableSchema(tx, 'order'))).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' })
  expect(await bench.tenant((tx) => readSchema(tx, 'order', 1))).toMatchObject({
    deleted_at: expect.any(String),
    schema: schemaWith('one'),
  })
  expect(await add('order', schemaWith('two'))).toMatchObject({ created: true, schema: { version: 3 } })
  await bench.tenant((tx) => expectUsableSchema(tx, 'order'))
})

test('a document is read by what its upload named, also after that was retired; else by the newest that is for its type; else by none', async () => {
  const find = (wanted: Parameters<typeof findSchema>[1]) =>
    bench.tenant(async (tx) => {
      const found = await findSchema(tx, wanted)
      return found && [found.name, found.version, found.json_schema]
    })
  await add('named', schemaWith('named'))
  await add('bills', schemaWith('old'), 'invoice')
  await add('bills', schemaWith('new'), 'invoice')
  expect(await find({ name: 'named', document_type: 'invoice' })).toEqual(['named', 1, schemaWith('named')])
  expect(await find({ name: null, document_type: 'invoice' })).toEqual(['bills', 2, schemaWith('new')])
  expect(await find({ name: 'bills', version: 1, document_type: 'contract' })).toEqual(['bills', 1, schemaWith('old')])
  expect(await find({ document_type: 'contract' })).toBeNull()
  expect(await find({ document_type: null })).toBeNull()
  await add('invoices', schemaWith('newest'), 'invoice')
  expect(await find({ document_type: 'invoice' })).toEqual(['invoices', 1, schemaWith('newest')])
  await bench.tenant((tx) => retireSchema(tx, 'invoices'))
  expect(await find({ document_type: 'invoice' })).toEqual(['bills', 2, schemaWith('new')])
  // The newest version is for another type: the older ones are for nothing.
  await add('bills', schemaWith('new'), 'contract')
  expect(await find({ document_type: 'invoice' })).toBeNull()
  await bench.tenant((tx) => retireSchema(tx, 'named'))
  expect(await find({ name: 'named', document_type: 'invoice' })).toEqual(['named', 1, schemaWith('named')])
  expect(await find({ name: 'unheard-of', document_type: 'invoice' })).toBeNull()
})

test('an organisation keeps so many schemas and versions and no more, and another one its own', async () => {
  await fill('schema', SCHEMAS_MAX, 1)
  await expect(add('one-more', schemaWith('a'))).rejects.toMatchObject({ code: 'SCHEMA_LIMIT' })
  expect(await add('schema-1', schemaWith('a'))).toMatchObject({ created: true, schema: { version: 2 } })
  await bench.query('DELETE FROM greffier.extraction_schemas')
  await fill('schema', 1, SCHEMA_VERSIONS_MAX)
  await expect(add('schema-1', schemaWith('a'))).rejects.toMatchObject({ code: 'SCHEMA_LIMIT' })
  const other = await bench.tenants.create('other')
  const elsewhere = await withTenant(bench.database, other, (tx) =>
    addSchema(tx, other, { name: 'schema-1', document_type: null }, canonicalSchema(schemaWith('a'))),
  )
  expect(elsewhere.schema.version).toBe(1)
})

test('a revision names the schema that it was read by until its document is erased', async () => {
  const key = await bench.upload({ options: { schema: 'order' } })
  const schema = { name: 'order', version: 3, hash: 'hash' }
  await bench.tenant((tx) => recordSchema(tx, key, schema))
  expect(await bench.tenant((tx) => recordedSchema(tx, key))).toEqual(schema)
  await bench.tenant((tx) => buryDocument(tx, key.tenant_id, key.document_id))
  expect(await bench.tenant((tx) => recordedSchema(tx, key))).toBeNull()
  expect(await bench.query('SELECT schema_name FROM greffier.documents WHERE id = $1', [key.document_id])).toEqual([{ schema_name: null }])
})

function schemaWith(field: string): Record<string, unknown> {
  return { type: 'object', properties: { [field]: { type: 'string' } } }
}

function add(name: string, schema: Record<string, unknown>, type: DocumentType | null = null) {
  return bench.tenant((tx) => addSchema(tx, bench.tenantId, { name, document_type: type }, canonicalSchema(schema)))
}

async function fill(name: string, names: number, versions: number): Promise<void> {
  await bench.query(
    `INSERT INTO greffier.extraction_schemas (tenant_id, name, version, json_schema, hash)
     SELECT $1, $2 || '-' || n, v, '{}', 'hash' FROM generate_series(1, $3) n, generate_series(1, $4) v`,
    [bench.tenantId, name, names, versions],
  )
}
