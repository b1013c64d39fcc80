import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Page, ReadField } from '../../../shared/contracts/extraction.ts'
import { chunkId } from '../../../shared/contracts/ids.ts'
import {
  deleteContent,
  type RevisionKey,
  readFields,
  readPages,
  replaceChunks,
  replaceFields,
  replacePages,
} from '../../../shared/database/content.ts'
import { addRevision } from '../../../shared/database/documents.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const MARKER = 'Xylophonistin'
const PAGES: Page[] = [
  { number: 1, method: 'plain', text: `Die ${MARKER} wohnt in Köln. 😀`, reason: null },
  { number: 2, method: 'no_text', text: '', reason: 'empty' },
]
const FIELDS: Record<string, ReadField> = {
  party_1: {
    value: MARKER,
    status: 'conflicting',
    evidence: [{ page: 1, start: 4, end: 4 + MARKER.length, quote: MARKER }],
    checks: ['disagrees'],
  },
}

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('pages and fields come back as they were written, and writing them again replaces them', async () => {
  const key = await written()
  await write(key)
  expect(await pages(key)).toEqual(PAGES)
  expect(await fields(key)).toEqual(FIELDS)
  expect(await bench.tenant(async (tx) => readPages(tx, key, await keysOf(key), [2]))).toEqual([PAGES[1]])
  expect(await rowsOf(key)).toBe(2 + 1 + 1)
})

test('no column of any table holds a readable word of a page, a field, a file name or the metadata', async () => {
  await written()
  const dump = await everything()
  for (const word of [MARKER, MARKER.toLowerCase(), 'Köln'])
    for (const encoded of [word, Buffer.from(word).toString('hex'), Buffer.from(word).toString('base64').slice(0, -2)])
      expect(dump.includes(encoded), encoded).toBe(false)
  // The dump does hold what is not sealed.
  expect(dump).toContain('party_1')
  expect(dump).toContain('no_text')
})

test.each(['pages', 'fields'] as const)('a row of %s that is moved to another document no longer opens', async (table) => {
  const [from, to] = [await written(), await bench.upload()]
  await bench.query(`UPDATE greffier.${table} SET document_id = $2 WHERE document_id = $1`, [from.document_id, to.document_id])
  await expect(table === 'pages' ? pages(to) : fields(to)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
})

test('a sealed value that is moved within its document, to another revision, page or field, no longer opens', async () => {
  const key = await written()
  const next = { ...key, revision: await bench.tenant((tx) => addRevision(tx, bench.tenantId, key.document_id, 'reprocess')) }
  await bench.query(`UPDATE greffier.pages SET revision = 2 WHERE document_id = $1`, [key.document_id])
  await expect(pages(next)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
  await bench.query(`UPDATE greffier.pages SET revision = 1, number = number + 1 WHERE document_id = $1 AND number = 2`, [key.document_id])
  await bench.query(`UPDATE greffier.fields SET name = 'party_2' WHERE document_id = $1`, [key.document_id])
  await expect(fields(key)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
  await expect(pages(key)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
})

test.each([`${MARKER} `, 'lines.0.Die Xylophonistin', '', '0.title'])(
  'a field under a name that is no path (%j) is not written',
  async (name) => {
    const key = await bench.upload()
    const field: ReadField = { value: 'x', status: 'unverified', evidence: [], checks: [] }
    await expect(bench.tenant(async (tx) => replaceFields(tx, key, await keysOf(key), { [name]: field }))).rejects.toThrow()
    expect(await rowsOf(key)).toBe(0)
  },
)

test('without the original there is no key, and nothing that the database holds opens', async () => {
  const key = await written()
  await bench.vault.destroy({ tenantId: key.tenant_id, documentId: key.document_id })
  await expect(pages(key)).rejects.toMatchObject({ code: 'ORIGINAL_MISSING' })
})

test('deleting content takes every revision, or those before one', async () => {
  const key = await written()
  const next = { ...key, revision: await bench.tenant((tx) => addRevision(tx, bench.tenantId, key.document_id, 'reprocess')) }
  await write(next)
  await bench.tenant((tx) => deleteContent(tx, key.document_id, 2))
  expect([await rowsOf(key), await rowsOf(next)]).toEqual([0, 4])
  await bench.tenant((tx) => deleteContent(tx, key.document_id))
  expect(await rowsOf(next)).toBe(0)
})

test('more rows than one statement takes are written and read in order', async () => {
  const key = await bench.upload()
  const many = Array.from({ length: 2_500 }, (_, at): Page => ({ number: at + 1, method: 'plain', text: `page ${at}`, reason: null }))
  await bench.tenant(async (tx) => replacePages(tx, key, await keysOf(key), many))
  expect(await pages(key)).toEqual(many)
})

async function written(): Promise<RevisionKey> {
  const key = await bench.upload({ text: MARKER, options: { file_name: `${MARKER}.txt`, metadata: { who: MARKER } } })
  await write(key)
  return key
}

async function write(key: RevisionKey): Promise<void> {
  const keys = await keysOf(key)
  const chunk = { id: chunkId(key.document_id, key.revision, 0), ordinal: 0, page: 1, start: 0, end: 5 }
  await bench.tenant(async (tx) => {
    await replacePages(tx, key, keys, PAGES)
    await replaceFields(tx, key, keys, FIELDS)
    await replaceChunks(tx, key, [chunk])
  })
}

async function keysOf(key: RevisionKey) {
  const { documents } = await bench.tenants.keys(key.tenant_id)
  return bench.vault.keys({ tenantKey: documents, tenantId: key.tenant_id, documentId: key.document_id })
}

async function pages(key: RevisionKey): Promise<Page[]> {
  const keys = await keysOf(key)
  return bench.tenant((tx) => readPages(tx, key, keys))
}

async function fields(key: RevisionKey): Promise<Record<string, ReadField>> {
  const keys = await keysOf(key)
  return bench.tenant((tx) => readFields(tx, key, keys))
}

async function rowsOf(key: RevisionKey): Promise<number> {
  const counts = await Promise.all(
    ['pages', 'fields', 'chunks'].map((table) =>
      bench.query(`SELECT FROM greffier.${table} WHERE document_id = $1 AND revision = $2`, [key.document_id, key.revision]),
    ),
  )
  return counts.reduce((sum, rows) => sum + rows.length, 0)
}

/** Every row of every table of every schema of ours, as text. */
async function everything(): Promise<string> {
  const tables = await bench.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  )
  const parts = await Promise.all(tables.map(({ name }) => bench.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`)))
  return parts
    .flat()
    .map((row) => row.row)
    .join('\n')
}
