import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { chunkId } from '../../../shared/contracts/ids.ts'
import type { Point, SearchQuery, SearchStore, TokenCounts } from '../../../shared/search/port.ts'
import { rebuild, stubbornly } from './rebuilding.ts'

/** What every search store guarantees. `open` gives a store; each test works under tenants of its own, so one store serves them all. */
export function describeSearchStore(name: string, open: () => Promise<SearchStore>): void {
  describe(`search store: ${name}`, () => {
    let store: SearchStore
    beforeAll(async () => {
      store = await open()
    })
    afterAll(() => store.close())

    test('it answers, and says its name', async () => {
      await store.ping()
      expect(store.name).toMatch(/^[a-z]+$/)
    })

    test('what was written is found by its vector and by its tokens, with document and revision', async () => {
      const { scope, points } = await write(store, [{ vector: [1, 0], tokens: [1, 2] }])
      const hit = { id: points[0]?.id, document_id: scope.document_id, revision: 1, score: expect.any(Number) }
      expect(await store.query(ask(scope, { vector: [1, 0] }))).toEqual([hit])
      expect(await store.query(ask(scope, { tokens: [2] }))).toEqual([hit])
    })

    test('writing a revision twice leaves one set', async () => {
      const { scope, points } = await write(store, [
        { vector: [1, 0], tokens: [1] },
        { vector: [0, 1], tokens: [2] },
      ])
      await store.replace(scope, points)
      expect(await store.count(scope)).toBe(2)
      expect(await store.query(ask(scope, { tokens: [1] }))).toHaveLength(1)
    })

    test('whose time is over writes nothing', async () => {
      const { scope, points } = await write(store, [{ vector: [1, 0], tokens: [1] }])
      const later = { ...scope, revision: 2 }
      const expectTime = () => {
        throw new AppError('STAGE_TIMEOUT')
      }
      const written = points.map((point) => ({ ...point, id: chunkId(scope.document_id, 2, 0), revision: 2 }))
      await expect(store.replace(later, written, expectTime)).rejects.toMatchObject({ code: 'STAGE_TIMEOUT' })
      expect([await store.count(scope), await store.count(later)]).toEqual([1, 0])
    })

    test('writing a revision anew removes the points that it no longer has, and what they were found by', async () => {
      const { scope, points } = await write(store, [{ tokens: [1] }, { tokens: [2] }, { vector: [0, 1], tokens: [3] }])
      await store.replace(scope, [{ ...at(points, 0), tokens: counts([7]) }])
      expect(await store.count(scope)).toBe(1)
      expect(ids(await store.query(ask(scope, { vector: [0, 1], tokens: [1, 2, 3] })))).toEqual([])
      expect(ids(await store.query(ask(scope, { tokens: [7] })))).toEqual([at(points, 0).id])
    })

    test('writing no points leaves none', async () => {
      const { scope } = await write(store, [{ tokens: [1] }])
      await store.replace(scope, [])
      expect(await store.count(scope)).toBe(0)
    })

    test("a search under another tenant's id finds nothing, though vector and tokens are the same", async () => {
      const { scope } = await write(store, [{ vector: [1, 0], tokens: [1] }])
      const other = await write(store, [{ vector: [1, 0], tokens: [1] }])
      const asOther = ask(other.scope, { vector: [1, 0], tokens: [1] })
      expect(ids(await store.query(asOther))).toEqual(other.points.map(({ id }) => id))
      expect(await store.query({ ...asOther, document_ids: [scope.document_id] })).toEqual([])
      expect(await store.count({ ...scope, tenant_id: other.scope.tenant_id })).toBe(0)
      await store.remove({ tenant_id: other.scope.tenant_id, document_id: scope.document_id })
      expect(await store.count(scope)).toBe(1)
    })

    test('removing a document leaves no point and no hit, and may be repeated', async () => {
      const { scope } = await write(store, [{ vector: [1, 0], tokens: [1] }])
      await write(store, [{ tokens: [1] }], { ...scope, revision: 2 })
      for (const _ of ['first', 'again']) {
        await store.remove(scope)
        expect(await store.countDocument(scope)).toBe(0)
        expect(await store.query(ask(scope, { vector: [1, 0], tokens: [1] }))).toEqual([])
      }
    })

    test('removing what came before a revision keeps that revision', async () => {
      const { scope } = await write(store, [{ tokens: [1] }])
      const newer = { ...scope, revision: 2 }
      await write(store, [{ tokens: [1] }], newer)
      expect(await store.countDocument(scope)).toBe(2)
      await store.remove({ ...scope, beforeRevision: 2 })
      expect([await store.count(scope), await store.count(newer)]).toEqual([0, 1])
      expect((await store.query(ask(scope, { tokens: [1] }))).map(({ revision }) => revision)).toEqual([2])
    })

    test('points without a vector are found by their tokens among points that have one', async () => {
      const { scope, points } = await write(store, [{ tokens: [5] }, { vector: [1, 0], tokens: [6] }])
      expect(ids(await store.query(ask(scope, { vector: [1, 0], tokens: [5] }))).sort()).toEqual(points.map(({ id }) => id).sort())
    })

    test('a point that matches by vector and by tokens is above one that matches by either', async () => {
      const { scope, points } = await write(store, [{ vector: [1, 0] }, { vector: [0.9, 0.43], tokens: [1, 9] }, { tokens: [1, 1, 1] }])
      const hits = await store.query(ask(scope, { vector: [1, 0], tokens: [1] }))
      expect(hits[0]?.id).toBe(at(points, 1).id)
      expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a))
    })

    test('a rare token counts for more than a common one, and more of it for more than less', async () => {
      const { scope, points } = await write(store, [
        { tokens: [1, 10] },
        { tokens: [1, 11] },
        { tokens: [1, 12] },
        { tokens: [2, 2, 13] },
        { tokens: [2, 14, 15] },
      ])
      expect(ids(await store.query(ask(scope, { tokens: [1, 2] }))).slice(0, 2)).toEqual([at(points, 3).id, at(points, 4).id])
    })

    test('a document filter leaves exactly the documents it names, however many others are nearer', async () => {
      const near = await write(
        store,
        Array.from({ length: 300 }, () => ({ vector: [1, 0], tokens: [1] })),
      )
      const far = await write(store, [{ vector: [0, 1], tokens: [1, 2, 3] }], { ...near.scope, document_id: randomUUID() })
      const query = ask(near.scope, { vector: [1, 0], tokens: [1] })
      expect((await store.query({ ...query, limit: 5 })).map(({ document_id }) => document_id)).not.toContain(far.scope.document_id)
      expect(ids(await store.query({ ...query, limit: 5, document_ids: [far.scope.document_id, randomUUID()] }))).toEqual([
        at(far.points, 0).id,
      ])
    })

    test('documents written at the same time do not disturb each other', async () => {
      const tenant_id = randomUUID()
      const written = await Promise.all(
        Array.from({ length: 8 }, () => write(store, [{ vector: [1, 0], tokens: [1] }, { tokens: [2] }], scopeOf(tenant_id))),
      )
      for (const { scope } of written) expect(await store.count(scope)).toBe(2)
      expect(await store.query({ ...ask(scopeOf(tenant_id), { tokens: [2] }), limit: 50 })).toHaveLength(8)
    })

    test('vectors of several dimensions live beside each other: each is searched by its own', async () => {
      const { scope, points } = await write(store, [{ vector: [1, 0], tokens: [1] }, { vector: [1, 0, 0], tokens: [1] }, { tokens: [1] }])
      expect(ids(await store.query(ask(scope, { vector: [0, 1] })))).toEqual([at(points, 0).id])
      expect(ids(await store.query(ask(scope, { vector: [0, 1, 0] })))).toEqual([at(points, 1).id])
      expect(await store.query(ask(scope, { vector: [0, 1, 0, 0, 0] }))).toEqual([])
      expect(await store.query(ask(scope, { vector: [1, 0], tokens: [1] }))).toHaveLength(3)
      await store.remove(scope)
      expect(await store.query(ask(scope, { vector: [0, 1, 0], tokens: [1] }))).toEqual([])
    })

    test('no more hits than asked for; a question without vector and tokens has none', async () => {
      const { scope } = await write(
        store,
        Array.from({ length: 12 }, () => ({ vector: [1, 0], tokens: [1] })),
      )
      expect(await store.query({ ...ask(scope, { vector: [1, 0], tokens: [1] }), limit: 3 })).toHaveLength(3)
      expect(await store.query(ask(scope, {}))).toEqual([])
    })

    test('a question of five hundred tokens, over the whole range of hashes, is answered', async () => {
      const { scope, points } = await write(store, [{ tokens: [0xffffffff, 0] }])
      const tokens = [0, 0xffffffff, ...Array.from({ length: 498 }, (_, index) => 1_000 + index * 7_919)]
      expect(ids(await store.query(ask(scope, { tokens })))).toEqual([at(points, 0).id])
    })

    test('a rebuild changes nothing of what is stored: it is counted and found as before, again and again', async () => {
      const { scope, points } = await write(store, [
        { vector: [1, 0], tokens: [1, 1, 2] },
        { vector: [0, 1, 0], tokens: [2] },
        { tokens: [3] },
      ])
      const removed = await write(store, [{ vector: [1, 0], tokens: [1] }], scopeOf(scope.tenant_id))
      await store.remove(removed.scope)
      const questions = [{ vector: [1, 0] }, { vector: [0, 1, 0] }, { tokens: [1, 2, 3] }, { vector: [1, 0], tokens: [3] }]
      const answers = () => Promise.all(questions.map((question) => store.query(ask(scope, question))))
      const before = await answers()
      for (const _ of ['first', 'again']) {
        expect(await rebuild(store)).toMatchObject({ state: 'rebuilt' })
        expect(await answers()).toEqual(before)
        expect([await store.count(scope), await store.countDocument(removed.scope)]).toEqual([points.length, 0])
      }
      await store.replace(scope, [{ ...at(points, 0), tokens: counts([9]) }])
      expect(ids(await store.query(ask(scope, { tokens: [1, 2, 3, 9] })))).toEqual([at(points, 0).id])
    })

    test('who searches, writes and removes while it is rebuilt is answered, and all is afterwards as they left it', async () => {
      const tenant_id = randomUUID()
      const standing = await write(store, [{ vector: [1, 0], tokens: [1] }, { tokens: [2] }], scopeOf(tenant_id))
      let rebuilt = false
      const rebuilding = rebuild(store).finally(() => {
        rebuilt = true
      })
      const kept: Scope[] = []
      const removed: Scope[] = []
      for (let round = 0; round < ROUNDS_MAX && !(rebuilt && round > 0); round++) {
        const [stays, goes] = [scopeOf(tenant_id), scopeOf(tenant_id)]
        for (const scope of [stays, goes])
          await stubbornly(() => write(store, [{ vector: [1, 0], tokens: [1] }, { tokens: [2] }], scope).then())
        await stubbornly(async () => {
          await store.remove(goes)
          if ((await store.countDocument(goes)) > 0) throw new AppError('INDEX_INCOMPLETE')
        })
        const asked = { ...ask(standing.scope, { vector: [1, 0], tokens: [1, 2] }), document_ids: [standing.scope.document_id] }
        expect(ids(await store.query(asked)).sort()).toEqual(standing.points.map(({ id }) => id).sort())
        kept.push(stays)
        removed.push(goes)
      }
      await rebuilding
      for (const scope of kept) expect(await store.count(scope)).toBe(2)
      const erased = new Map(removed.map(({ document_id }) => [document_id, Number.POSITIVE_INFINITY]))
      await rebuild(store, erased)
      for (const scope of removed) expect(await store.countDocument(scope)).toBe(0)
      for (const scope of kept) expect(await store.count(scope)).toBe(2)
    })
  })
}

const ROUNDS_MAX = 1_000

export interface Scope {
  tenant_id: string
  document_id: string
  revision: number
}

interface Draft {
  vector?: readonly number[]
  tokens?: readonly number[]
}

export function scopeOf(tenant_id: string): Scope {
  return { tenant_id, document_id: randomUUID(), revision: 1 }
}

export async function write(
  store: SearchStore,
  drafts: readonly Draft[],
  scope = scopeOf(randomUUID()),
): Promise<{ scope: Scope; points: Point[] }> {
  const points = drafts.map(({ vector, tokens }, ordinal) => ({
    id: chunkId(scope.document_id, scope.revision, ordinal),
    document_id: scope.document_id,
    revision: scope.revision,
    vector: vector ? unit(vector) : null,
    tokens: counts(tokens ?? []),
  }))
  await store.replace(scope, points)
  return { scope, points }
}

export function ask({ tenant_id }: { tenant_id: string }, { vector, tokens }: Draft): SearchQuery {
  return { tenant_id, vector: vector ? unit(vector) : null, tokens: counts(tokens ?? []), limit: 10 }
}

export function unit(vector: readonly number[]): Float32Array {
  const norm = Math.hypot(...vector)
  return Float32Array.from(vector, (value) => value / norm)
}

function counts(tokens: readonly number[]): TokenCounts {
  const counted = new Map<number, number>()
  for (const token of tokens) counted.set(token, (counted.get(token) ?? 0) + 1)
  return counted
}

function ids(hits: readonly { id: string }[]): string[] {
  return hits.map(({ id }) => id)
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index]
  if (value === undefined) throw new Error(`no element ${index}`)
  return value
}
