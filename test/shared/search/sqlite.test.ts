import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSqliteSearch } from '../../../shared/search/sqlite.ts'
import { ask, describeSearchStore, scopeOf, unit, write } from './contract.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greffier-search-'))
})
afterAll(() => rm(folder, { recursive: true }))

describeSearchStore('sqlite', async () => createSqliteSearch({ path: join(folder, 'contract.db') }))

test('the neighbours of 1,000 vectors come in the order that comparing all of them gives', async () => {
  const store = createSqliteSearch({ path: join(folder, 'order.db') })
  const random = pseudoRandom(1)
  const vectors = Array.from({ length: 1_000 }, () => Array.from({ length: 32 }, () => random() - 0.5))
  const { scope, points } = await write(
    store,
    vectors.map((vector) => ({ vector })),
  )
  for (const wanted of vectors.slice(0, 5).map((vector) => vector.map((value) => value + (random() - 0.5) / 2))) {
    const similarity = (vector: Float32Array | null) => unit(wanted).reduce((sum, value, index) => sum + value * (vector?.[index] ?? 0), 0)
    const nearest = [...points].sort((a, b) => similarity(b.vector) - similarity(a.vector)).slice(0, 50)
    const hits = await store.query({ ...ask(scope, { vector: wanted }), limit: 50 })
    expect(hits.map(({ id }) => id)).toEqual(nearest.map(({ id }) => id))
  }
  await store.close()
})

test('two stores on one file write at once and see what the other wrote', async () => {
  const path = join(folder, 'shared.db')
  const stores = [createSqliteSearch({ path }), createSqliteSearch({ path })]
  const { tenant_id } = scopeOf(randomUUID())
  const written = await Promise.all(
    Array.from({ length: 20 }, (_, index) => {
      const store = stores[index % 2]
      if (!store) throw new Error('no store')
      return write(store, [{ vector: [1, index], tokens: [1] }], scopeOf(tenant_id))
    }),
  )
  for (const store of stores) {
    for (const { scope } of written) expect(await store.count(scope)).toBe(1)
    await store.close()
  }
})

test('what was written is there after the store was closed and opened again', async () => {
  const path = join(folder, 'kept.db')
  const first = createSqliteSearch({ path })
  const { scope } = await write(first, [{ vector: [1, 0], tokens: [1] }])
  await first.close()
  const second = createSqliteSearch({ path })
  expect(await second.query(ask(scope, { vector: [1, 0], tokens: [1] }))).toHaveLength(1)
  await second.close()
})

test('a removed document leaves neither its vector nor its token hashes in the files', async () => {
  const path = join(folder, 'erased.db')
  const store = createSqliteSearch({ path })
  const hash = 0xdeadbeef
  const vector = unit([0.123, 0.456, 0.789, 0.321])
  const traces = [Buffer.from(vector.buffer), Buffer.from(hash.toString(36))]
  const { scope } = await write(store, [{ vector: [...vector], tokens: [hash] }])
  await write(store, [{ vector: [1, 0, 0, 0], tokens: [1] }])
  const held = async () => {
    const files = (await readdir(folder)).filter((name) => name.startsWith('erased.db'))
    const contents = Buffer.concat(await Promise.all(files.map((name) => readFile(join(folder, name)))))
    return traces.map((trace) => contents.includes(trace))
  }
  expect(await held()).toEqual([true, true])
  await store.remove(scope)
  expect(await held()).toEqual([false, false])
  await store.close()
})

test('a file that cannot be opened is UNAVAILABLE, and so is a store that was closed', async () => {
  const store = createSqliteSearch({ path: join(folder, 'no-such-folder', 'search.db') })
  await expect(store.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await store.close()
  await expect(store.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

/** Mulberry32: the same vectors in every run. */
function pseudoRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
