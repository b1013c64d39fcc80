import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createQdrantSearch } from '../../../shared/search/qdrant.ts'
import { type QdrantDouble, startQdrantDouble } from '../../support/qdrant-double.ts'
import { ask, describeSearchStore, scopeOf, write } from './contract.ts'

let double: QdrantDouble
beforeAll(async () => {
  double = await startQdrantDouble()
})
afterAll(() => double.close())

describeSearchStore('qdrant on a protocol double', async () => createQdrantSearch({ url: double.url, settleMs: 20 }))

test('two processes that start on an empty server at once both get to work', async () => {
  const collection = `c-${randomUUID()}`
  const stores = Array.from({ length: 4 }, () => createQdrantSearch({ url: double.url, collection }))
  const tenant = scopeOf(randomUUID())
  const written = await Promise.all(stores.map((store) => write(store, [{ vector: [1, 0], tokens: [1] }], scopeOf(tenant.tenant_id))))
  for (const store of stores) expect(await store.query(ask(tenant, { vector: [1, 0] }))).toHaveLength(written.length)
})

test('a document of more points than one request carries is written whole', async () => {
  const store = createQdrantSearch({ url: double.url })
  const { scope } = await write(
    store,
    Array.from({ length: 600 }, () => ({ tokens: [1] })),
  )
  expect(await store.count(scope)).toBe(600)
})

test('a server that cannot be reached is UNAVAILABLE, and so is one that went away', async () => {
  const gone = await startQdrantDouble()
  const store = createQdrantSearch({ url: gone.url })
  await store.ping()
  await gone.close()
  await expect(store.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(store.query(ask(scopeOf(randomUUID()), { tokens: [1] }))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a request that the server rejects is INTERNAL: repeating it would not help', async () => {
  const store = createQdrantSearch({ url: double.url })
  const scope = scopeOf(randomUUID())
  const point = { id: 'not a uuid', document_id: scope.document_id, revision: 1, vector: null, tokens: new Map([[1, 1]]) }
  await expect(store.replace(scope, [point])).rejects.toMatchObject({
    code: 'INTERNAL',
    detail: 'the search server answered with status 400',
  })
})

test('the double refuses what Qdrant would not understand', async () => {
  const url = `${double.url}/collections/greffier/points/count`
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ filter: { must: [] }, exact: true, exakt: true }) })
  expect(response.status).toBe(400)
  expect(await response.text()).toContain('exakt')
})
