import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chunkId } from '../../../shared/contracts/ids.ts'
import type { SearchStore } from '../../../shared/search/port.ts'
import { createQdrantSearch } from '../../../shared/search/qdrant.ts'
import { ofDocument, stored } from '../../../shared/search/qdrant-points.ts'
import { type QdrantDouble, startQdrantDouble } from '../../support/qdrant-double.ts'
import { ask, type Scope, scopeOf, unit, write } from './contract.ts'
import { type Catalogue, rebuild } from './rebuilding.ts'

const ERASED = Number.POSITIVE_INFINITY
const SWITCH = 'POST /collections/aliases'

let double: QdrantDouble
let store: SearchStore
let catalogue: Catalogue
beforeEach(async () => {
  double = await startQdrantDouble()
  store = storeOf('greffier')
  catalogue = new Map()
})
afterEach(() => double.close())

function storeOf(collection: string): SearchStore {
  return createQdrantSearch({ url: double.url, collection, settleMs: 1 })
}

async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${double.url}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  if (!response.ok) throw new Error(await response.text())
  return ((await response.json()) as { result: unknown }).result
}

async function collections(): Promise<string[]> {
  const { collections } = (await request('GET', '/collections')) as { collections: { name: string }[] }
  return collections.map(({ name }) => name).sort()
}

async function leadsTo(): Promise<string[]> {
  const { aliases } = (await request('GET', '/aliases')) as { aliases: { alias_name: string; collection_name: string }[] }
  return aliases.map(({ alias_name, collection_name }) => `${alias_name} -> ${collection_name}`)
}

/** What arrives at the old collection after the switch: requests that the server had resolved before. */
const late = {
  write: async ({ tenant_id, ...scope }: Scope, vector: readonly number[]): Promise<void> => {
    await request('PUT', `/collections/greffier-1/vectors/dense_${vector.length}?wait=true`, {
      dense: { size: vector.length, distance: 'Cosine' },
    })
    const point = { ...scope, id: chunkId(scope.document_id, scope.revision, 0), vector: unit(vector), tokens: new Map([[1, 1]]) }
    const points = [stored(point, { tenant_id, revision: scope.revision, write: randomUUID() })]
    await request('PUT', '/collections/greffier-1/points?wait=true', { points })
  },
  remove: async ({ document_id }: Scope): Promise<void> => {
    await request('POST', '/collections/greffier-1/points/delete?wait=true', { filter: { must: [ofDocument(document_id)] } })
  },
}

/** Does something once, at the first request that fits. */
function once(line: string | RegExp, act: () => Promise<unknown>): void {
  double.before = async (sent) => {
    if (typeof line === 'string' ? sent !== line : !line.test(sent)) return
    double.before = async () => undefined
    await act()
  }
}

const found = async (scope: Scope, token: number) =>
  (await store.query(ask(scope, { tokens: [token] }))).map(({ document_id, revision }) => `${document_id}/${revision}`)

test('after a rebuild there is one collection, the next one, and the alias leads to it', async () => {
  await write(store, [{ tokens: [1] }])
  expect([await collections(), await leadsTo()]).toEqual([['greffier-1'], ['greffier -> greffier-1']])
  expect(await rebuild(store)).toEqual({ state: 'rebuilt', points: 1 })
  expect([await collections(), await leadsTo()]).toEqual([['greffier-2'], ['greffier -> greffier-2']])
  await rebuild(storeOf('greffier'))
  expect([await collections(), await leadsTo()]).toEqual([['greffier-3'], ['greffier -> greffier-3']])
})

test('a document that is erased after it was copied does not come back', async () => {
  const { scope } = await write(store, [{ vector: [1, 0], tokens: [1] }, { tokens: [1] }])
  const other = await write(store, [{ tokens: [1] }])
  once(SWITCH, async () => {
    catalogue.set(scope.document_id, ERASED)
    await store.remove(scope)
    expect(await store.countDocument(scope)).toBe(0)
  })
  expect(await rebuild(store, catalogue)).toEqual({ state: 'rebuilt', points: 1 })
  expect([await store.countDocument(scope), await store.count(other.scope)]).toEqual([0, 1])
})

test('a document that is erased by a request which the server had resolved before the switch does not come back either', async () => {
  const { scope } = await write(store, [{ tokens: [1] }])
  await rebuild(store, catalogue, {
    onStep: ({ step }) => {
      if (step !== 'settling') return
      catalogue.set(scope.document_id, ERASED)
      once('GET /collections/greffier-2', () => late.remove(scope))
    },
  })
  expect(await store.countDocument(scope)).toBe(0)
})

test('a revision that is written while the points are copied is found afterwards, and the one before it is not', async () => {
  const { scope } = await write(store, [{ tokens: [1] }, { tokens: [1, 2] }])
  const newer = { ...scope, revision: 2 }
  once(SWITCH, async () => {
    await write(store, [{ vector: [0, 1], tokens: [1] }], newer)
    catalogue.set(scope.document_id, 2)
    await store.remove({ ...scope, beforeRevision: 2 })
  })
  await rebuild(store, catalogue)
  expect([await store.count(scope), await store.count(newer)]).toEqual([0, 1])
  expect(await found(scope, 1)).toEqual([`${scope.document_id}/2`])
  expect(await store.query(ask(scope, { vector: [0, 1] }))).toHaveLength(1)
})

test('what a writer changed in a revision and took out of it after it was copied is as the writer left it', async () => {
  const { scope, points } = await write(store, [{ tokens: [1] }, { tokens: [2] }, { tokens: [3] }])
  once(SWITCH, () => store.replace(scope, [{ ...(points[0] as (typeof points)[0]), tokens: new Map([[7, 1]]) }]))
  await rebuild(store, catalogue)
  expect(await store.count(scope)).toBe(1)
  expect([(await found(scope, 7)).length, (await found(scope, 1)).length, (await found(scope, 2)).length]).toEqual([1, 0, 0])
})

test('a point that reaches the old collection after the switch is carried over', async () => {
  await write(store, [{ tokens: [1] }])
  const scope = scopeOf(randomUUID())
  await rebuild(store, catalogue, {
    onStep: ({ step }) => {
      if (step === 'settling') once('GET /collections/greffier-2', () => late.write(scope, [1, 0, 0]))
    },
  })
  expect(await store.count(scope)).toBe(1)
  expect(await store.query(ask(scope, { vector: [1, 0, 0] }))).toHaveLength(1)
})

test('what is written after the switch is left alone: neither changed nor filled up with what was there before', async () => {
  const { scope, points } = await write(store, [{ tokens: [1] }, { tokens: [2] }, { tokens: [3] }])
  const [first] = points
  let written: Promise<void> | undefined
  await rebuild(store, catalogue, {
    onStep: ({ step }) => {
      if (step !== 'switched' || !first) return
      once('GET /collections/greffier-2', () => {
        written = store.replace(scope, [{ ...first, tokens: new Map([[7, 1]]) }])
        return written
      })
    },
  })
  await written
  expect(await store.count(scope)).toBe(1)
  expect([(await found(scope, 7)).length, (await found(scope, 1)).length]).toEqual([1, 0])
})

test('what a writer writes between the look at a point and its copy is left alone', async () => {
  const { scope, points } = await write(store, [{ tokens: [2] }])
  const [point] = points
  await rebuild(store, catalogue, {
    onStep: ({ step }) => {
      if (step !== 'settling' || !point) return
      once('GET /collections/greffier-2', async () => {
        await late.write(scope, [1, 0, 0])
        once('PUT /collections/greffier-2/points', () => store.replace(scope, [{ ...point, tokens: new Map([[7, 1]]) }]))
      })
    },
  })
  expect([(await found(scope, 7)).length, (await found(scope, 1)).length]).toEqual([1, 0])
})

test('a point that reaches the old collection at the last moment keeps it from being dropped, and the next rebuild carries it over', async () => {
  await write(store, [{ tokens: [1] }])
  const scope = scopeOf(randomUUID())
  const count = 'POST /collections/greffier-1/points/count'
  const onStep = ({ step }: { step: string }) => {
    // The first count is that of the last pass.
    if (step === 'settling') once(count, async () => once(count, () => late.write(scope, [1, 0, 0])))
  }
  await expect(rebuild(store, catalogue, { onStep })).rejects.toMatchObject({ code: 'INDEX_INCOMPLETE' })
  expect(await collections()).toEqual(['greffier-1', 'greffier-2'])
  await rebuild(store, catalogue)
  expect(await store.count(scope)).toBe(1)
})

test('a snapshot that is taken while a rebuild runs keeps the collection, whose bytes it holds, from being dropped, and blocks the next rebuild', async () => {
  await write(store, [{ tokens: [1] }])
  const onStep = ({ step }: { step: string }) => {
    if (step === 'settling') once('GET /aliases', () => request('POST', '/collections/greffier-1/snapshots'))
  }
  await expect(rebuild(store, catalogue, { onStep, snapshotsAreBackups: false })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(await collections()).toEqual(['greffier-1', 'greffier-2'])
  expect(await rebuild(store, catalogue, { snapshotsAreBackups: false })).toEqual({ state: 'blocked', snapshots: 1 })
  await rebuild(store, catalogue)
  expect(await collections()).toEqual(['greffier-3'])
})

test('a collection that the alias leads to again is not dropped', async () => {
  await write(store, [{ tokens: [1] }])
  const back = { create_alias: { alias_name: 'greffier', collection_name: 'greffier-1' } }
  const onStep = ({ step }: { step: string }) => {
    if (step === 'settling') once('GET /aliases', () => request('POST', '/collections/aliases', { actions: [back] }))
  }
  await expect(rebuild(store, catalogue, { onStep })).rejects.toMatchObject({ code: 'INDEX_INCOMPLETE' })
  expect(await collections()).toEqual(['greffier-1', 'greffier-2'])
})

test('a process that was about to create the first collection, and comes late, leaves the alias where it leads', async () => {
  const scope = scopeOf(randomUUID())
  once('PUT /collections/greffier-1', async () => {
    await write(store, [{ tokens: [1] }], scope)
    await rebuild(store)
  })
  expect(await storeOf('greffier').count(scope)).toBe(1)
  expect(await leadsTo()).toEqual(['greffier -> greffier-2'])
})

test('a rebuild that dies before or after any of its writes loses nothing, and the next one comes to its end', async () => {
  const steps: string[] = []
  const watch = async (line: string) => void steps.push(line)
  await write(store, [{ vector: [1, 0], tokens: [1] }])
  double.before = watch
  await rebuild(storeOf('greffier'), catalogue)
  expect(steps.filter((line) => line === SWITCH)).toHaveLength(1)
  const writes = [...steps.keys()].filter((at) => /^(PUT|DELETE|POST .*(aliases|delete)$)/.test(steps[at] ?? ''))
  for (const dies of new Set(writes.flatMap((at) => [at, at + 1]))) {
    await double.close()
    double = await startQdrantDouble()
    store = storeOf('greffier')
    catalogue = new Map()
    const stays = await write(store, [{ vector: [1, 0], tokens: [1] }, { tokens: [2] }])
    const goes = await write(store, [{ tokens: [1] }], scopeOf(stays.scope.tenant_id))
    const after = scopeOf(stays.scope.tenant_id)
    let sent = 0
    double.before = async () => {
      if (sent++ >= dies) throw new Error('killed')
    }
    await expect(rebuild(storeOf('greffier'), catalogue), `request ${dies}`).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    double.before = async () => undefined
    // The system goes on, as if nobody meant to try again.
    await write(store, [{ tokens: [1] }], after)
    catalogue.set(goes.scope.document_id, ERASED)
    await store.remove(goes.scope)
    expect(await store.count(stays.scope), `request ${dies}`).toBe(2)
    expect(await rebuild(storeOf('greffier'), catalogue), `request ${dies}`).toEqual({ state: 'rebuilt', points: 3 })
    expect([await store.count(stays.scope), await store.count(after), await store.countDocument(goes.scope)]).toEqual([2, 1, 0])
    expect([(await collections()).length, (await leadsTo()).length]).toEqual([1, 1])
  }
})

test('one that was stopped after its switch is brought to its end before the next begins, with what only the old collection got', async () => {
  await write(store, [{ tokens: [1] }])
  const scope = scopeOf(randomUUID())
  const stopping = new AbortController()
  const onStep = ({ step }: { step: string }) => {
    if (step === 'switched') stopping.abort(new Error('stopped'))
  }
  await expect(rebuild(store, catalogue, { onStep, signal: stopping.signal })).rejects.toThrow('stopped')
  expect([await collections(), await leadsTo()]).toEqual([['greffier-1', 'greffier-2'], ['greffier -> greffier-2']])
  await late.write(scope, [1, 0, 0])
  const heard: string[] = []
  await rebuild(store, catalogue, {
    onTakenUp: async () => void heard.push(`ended: ${await collections()}`),
    onBegin: async () => void heard.push(`begins: ${await collections()}`),
  })
  expect(heard).toEqual(['ended: greffier-2', 'begins: greffier-2'])
  expect([await store.count(scope), await collections()]).toEqual([1, ['greffier-3']])
})

test('what a rebuild that was stopped before its switch had copied is dropped, whatever it was', async () => {
  const { scope } = await write(store, [{ tokens: [1] }])
  once(SWITCH, () => Promise.reject(new Error('killed')))
  await expect(rebuild(store)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(await collections()).toEqual(['greffier-1', 'greffier-2'])
  catalogue.set(scope.document_id, ERASED)
  await store.remove(scope)
  expect(await rebuild(store, catalogue)).toEqual({ state: 'rebuilt', points: 0 })
  expect(await collections()).toEqual(['greffier-3'])
})

test('an empty collection that a late process left beside the one in use costs no point', async () => {
  const { scope } = await write(store, [{ tokens: [1] }, { tokens: [2] }])
  await rebuild(store)
  await request('PUT', '/collections/greffier-1', { vectors: {}, sparse_vectors: { tokens: { modifier: 'idf' } } })
  for (const field_name of ['document_id', 'revision'])
    await request('PUT', '/collections/greffier-1/index?wait=true', { field_name, field_schema: { type: 'keyword' } })
  await rebuild(store)
  expect([await store.count(scope), await collections()]).toEqual([2, ['greffier-3']])
})

test('points of superseded revisions and of erased documents that are still there are not carried over; of unknown ones they are', async () => {
  const { scope } = await write(store, [{ tokens: [1] }])
  await write(store, [{ tokens: [1] }], { ...scope, revision: 2 })
  const erased = await write(store, [{ tokens: [1] }])
  const unknown = await write(store, [{ tokens: [1] }])
  catalogue.set(scope.document_id, 2).set(erased.scope.document_id, ERASED)
  expect(await rebuild(store, catalogue)).toEqual({ state: 'rebuilt', points: 2 })
  expect([await store.countDocument(scope), await store.count(unknown.scope)]).toEqual([1, 1])
  // Nothing was taken out again, which would have left its bytes in the new collection.
  expect(double.requests).not.toContain('POST /collections/greffier-2/points/delete')
})

test('a document of more points than one request carries is copied whole', async () => {
  const { scope } = await write(
    store,
    Array.from({ length: 600 }, () => ({ tokens: [1] })),
  )
  expect(await rebuild(store)).toEqual({ state: 'rebuilt', points: 600 })
  expect(await store.count(scope)).toBe(600)
})

test('a vector of a new dimension that is added while points are copied is there afterwards', async () => {
  const { scope } = await write(store, [{ vector: [1, 0], tokens: [1] }])
  const wide = { ...scope, document_id: randomUUID() }
  once(SWITCH, () => write(store, [{ vector: [1, 0, 0], tokens: [1] }], wide))
  await rebuild(store)
  expect((await store.query(ask(scope, { vector: [1, 0, 0] }))).map(({ id }) => id)).toEqual([chunkId(wide.document_id, 1, 0)])
})

test('snapshots that nobody counts as backups block a rebuild, which then changes nothing', async () => {
  await write(store, [{ tokens: [1] }])
  await request('POST', '/collections/greffier/snapshots')
  const onBegin = () => Promise.reject(new Error('it began'))
  expect(await rebuild(store, catalogue, { snapshotsAreBackups: false, onBegin })).toEqual({ state: 'blocked', snapshots: 1 })
  expect(await collections()).toEqual(['greffier-1'])
  expect(await rebuild(store, catalogue, { snapshotsAreBackups: true })).toMatchObject({ state: 'rebuilt' })
})

test('a rebuild whose lock is lost before the switch does not switch', async () => {
  await write(store, [{ tokens: [1] }])
  const lock = new AbortController()
  // The last page before the switch.
  once('POST /collections/greffier-2/points/scroll', async () => lock.abort(new Error('lost')))
  await expect(rebuild(store, catalogue, { signal: lock.signal })).rejects.toThrow('lost')
  expect(await leadsTo()).toEqual(['greffier -> greffier-1'])
})

test('a rebuild whose lock is lost drops nothing', async () => {
  await write(store, [{ tokens: [1] }])
  const lock = new AbortController()
  once(SWITCH, async () => lock.abort(new Error('lost')))
  await expect(rebuild(store, catalogue, { signal: lock.signal })).rejects.toThrow('lost')
  expect(await collections()).toEqual(['greffier-1', 'greffier-2'])
})
