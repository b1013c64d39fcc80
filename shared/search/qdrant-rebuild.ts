import { setTimeout as sleep } from 'node:timers/promises'
import type { QdrantClient, Schemas } from '@qdrant/js-client-rest'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import type { RebuildOptions, RebuildResult } from './port.ts'
import { answering } from './qdrant-connection.ts'
import type { Generations } from './qdrant-generations.ts'
import { ofRevision, POINTS_PER_REQUEST_MAX } from './qdrant-points.ts'

/** Before the switch: what is written all the while is never carried over whole, and need not be. */
const PASSES_BEFORE_MAX = 3
/** After it nothing new comes; a further pass finds what a writer took out of the next generation at that moment. */
const PASSES_AFTER_MAX = 10
const COPIED: Schemas['Condition'] = { key: 'copied', match: { value: true } }

/** What a rebuild has to know of a point; its vectors are read only when it moves. */
const Known = z.object({ document_id: z.string(), revision: z.int(), write: z.string(), copied: z.boolean().default(false) })
const KNOWN = Object.keys(Known.shape)
type Known = z.infer<typeof Known> & { id: string }

/**
 * Builds the next generation of a collection and drops the one before, whose files hold what was deleted. Over all tenants: points move as they are.
 *
 * Until the alias is switched, only the rebuild writes to the next generation; afterwards every request goes there that the server had not yet resolved
 * (30 s at the most, which is waited for). So a point that is `copied` is as the generation before had it, and that one is right where they differ; a
 * point that is not was written since the switch, and is left alone. What is erased or superseded by the catalogue is removed at the end, whoever
 * brought it. A rebuild that died before the switch is begun again from nothing; after the switch, it is brought to its end.
 */
export function createRebuild(services: { client: QdrantClient; generations: Generations; settleMs: number }) {
  const { client, generations, settleMs } = services

  return async (options: RebuildOptions): Promise<RebuildResult> => {
    await generations.ensure()
    const snapshots = await countSnapshots(options)
    if (snapshots > 0) return { state: 'blocked', snapshots }
    const current = await currentNumber()
    const others = (await generations.list()).filter((number) => number !== current)
    const switchedFrom = others.filter((number) => number < current)
    if (switchedFrom.length > 0) {
      options.onStep({ step: 'taking_up' })
      for (const number of switchedFrom) await finish(options, { from: number, to: current })
      await options.onTakenUp()
    }
    await options.onBegin()
    // No number is used twice: what a rebuild that lost its lock may still send finds no collection. So the last one goes when there is a later one.
    const next = Math.max(current, ...others) + 1
    await generations.createLike(next, current)
    for (const number of others.filter((one) => one > current)) await generations.drop(number)
    for (let pass = 0, moved = 1; pass < PASSES_BEFORE_MAX && moved > 0; pass++)
      moved = (await carry(options, { from: current, to: next, live: false })).moved
    await removeUnwanted(options, { from: current, to: next })
    options.signal.throwIfAborted()
    await generations.switchTo(next)
    options.onStep({ step: 'switched' })
    await carry(options, { from: current, to: next, live: true })
    await finish(options, { from: current, to: next })
    return { state: 'rebuilt', points: await count(next) }
  }

  /** Those that nobody counts as backups. */
  async function countSnapshots({ snapshotsAreBackups }: RebuildOptions): Promise<number> {
    return snapshotsAreBackups ? 0 : await generations.countSnapshots()
  }

  async function currentNumber(): Promise<number> {
    const current = await generations.current()
    if (current === null) throw new AppError('UNAVAILABLE', 'the alias of the collection is gone')
    return current
  }

  /** All that remains after the switch. */
  async function finish(options: RebuildOptions, { from, to }: Pair): Promise<void> {
    options.onStep({ step: 'settling' })
    await settle(options)
    const seen = await carryAll(options, { from, to })
    const held = await count(from)
    if (seen !== held) throw new AppError('INDEX_INCOMPLETE', `${seen} of ${held} points were read; nothing was dropped`)
    await removeUnwanted(options, { from, to })
    options.signal.throwIfAborted()
    if ((await generations.current()) !== to) throw new AppError('INDEX_INCOMPLETE', 'the alias leads elsewhere; nothing was dropped')
    // The server keeps the snapshots of a collection that is dropped, and lists them no more.
    if ((await countSnapshots(options)) > 0) throw new AppError('UNAVAILABLE', 'a snapshot was taken meanwhile; nothing was dropped')
    await generations.drop(from)
    options.onStep({ step: 'dropped' })
    // The server unlinks the files after it has answered (its toc/collection_meta_ops.rs), and says nothing when it has.
    await settle(options)
  }

  async function settle({ signal }: RebuildOptions): Promise<void> {
    await sleep(settleMs, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
  }

  /** Passes until one finds nothing to carry over, which is also the proof that every point is there. Returns how many points that one read. */
  async function carryAll(options: RebuildOptions, pair: Pair): Promise<number> {
    for (let pass = 0; pass < PASSES_AFTER_MAX; pass++) {
      const { seen, moved } = await carry(options, { ...pair, live: true })
      if (moved === 0) return seen
    }
    throw new AppError('UNAVAILABLE', 'points are still written to the old collection; nothing was dropped')
  }

  /** One pass. `live`: the alias leads to the next generation, and writers may have been there. */
  async function carry(options: RebuildOptions, { from, to, live }: Pair & { live: boolean }): Promise<{ seen: number; moved: number }> {
    await generations.matchDense(to, from)
    const of = await count(from)
    const sums = { seen: 0, moved: 0 }
    for await (const page of pages(from, options.signal)) {
      const wanted = await options.wantedFrom(documentsOf(page))
      const there = new Map((await read(to, page)).map((point) => [point.id, point]))
      const moving = page.filter((point) => {
        const other = there.get(point.id)
        return isWanted(point, wanted) && (other === undefined || (other.copied && other.write !== point.write))
      })
      const absent = moving.filter(({ id }) => !there.has(id))
      // A writer who wrote the revision anew since the switch left out what is not there.
      const rewritten = live ? await revisionsWith(to, absent, { must_not: [COPIED] }) : new Set()
      const left = moving.filter((point) => there.has(point.id) || !rewritten.has(revisionOf(point)))
      await copy({ from, to }, left)
      sums.seen += page.length
      sums.moved += left.length
      options.onStep({ step: 'copied', points: sums.seen, of })
    }
    return sums
  }

  async function copy({ from, to }: Pair, points: readonly Known[]): Promise<void> {
    if (points.length === 0) return
    const ids = points.map(({ id }) => id)
    const records = await answering(() => client.retrieve(generations.nameOf(from), { ids, with_payload: true, with_vector: true }))
    if (records.length === 0) return
    const moved = records.map(({ id, vector, payload }) => ({ id, vector, payload: { ...payload, copied: true } }))
    // What a writer replaces between our look and this request stays as the writer has it.
    const body = { wait: true, points: moved as Schemas['PointStruct'][], update_filter: { must: [COPIED] } }
    await answering(() => client.upsert(generations.nameOf(to), body))
  }

  /**
   * Removes what is erased or superseded, and what a writer took out of a revision after it had been copied; looks whether it is gone. Nothing is
   * concluded from a revision of which the generation before has no point at all.
   */
  async function removeUnwanted(options: RebuildOptions, { from, to }: Pair): Promise<void> {
    for await (const page of pages(to, options.signal)) {
      const wanted = await options.wantedFrom(documentsOf(page))
      const unwanted = page.filter((point) => !isWanted(point, wanted))
      await remove(to, unwanted, [])
      const copied = page.filter((point) => point.copied && isWanted(point, wanted))
      const there = new Set((await read(from, copied)).map(({ id }) => id))
      const absent = copied.filter(({ id }) => !there.has(id))
      const rewritten = await revisionsWith(from, absent, {})
      await remove(
        to,
        absent.filter((point) => rewritten.has(revisionOf(point))),
        [COPIED],
      )
    }
  }

  async function remove(number: number, points: readonly Known[], conditions: Schemas['Condition'][]): Promise<void> {
    if (points.length === 0) return
    const filter = { must: [{ has_id: points.map(({ id }) => id) }, ...conditions] }
    await answering(() => client.delete(generations.nameOf(number), { wait: true, filter }))
    const left = await count(number, filter)
    if (left > 0) throw new AppError('ERASURE_INCOMPLETE', `${left} points remain; nothing was dropped`)
  }

  /** Of the revisions that these points belong to, those of which the generation holds something that fits. */
  async function revisionsWith(
    number: number,
    points: readonly Known[],
    filter: { must_not?: Schemas['Condition'][] },
  ): Promise<Set<string>> {
    const found = new Set<string>()
    for (const [key, { document_id, revision }] of new Map(points.map((point) => [revisionOf(point), point])))
      if ((await count(number, { must: ofRevision(document_id, revision), ...filter })) > 0) found.add(key)
    return found
  }

  async function* pages(number: number, signal: AbortSignal): AsyncGenerator<Known[]> {
    let offset: Schemas['ExtendedPointId'] | undefined
    do {
      signal.throwIfAborted()
      const request = { limit: POINTS_PER_REQUEST_MAX, with_payload: KNOWN, with_vector: false, ...(offset !== undefined && { offset }) }
      const { points, next_page_offset } = await answering(() => client.scroll(generations.nameOf(number), request))
      yield points.map(known)
      offset = next_page_offset === null || typeof next_page_offset === 'object' ? undefined : next_page_offset
    } while (offset !== undefined)
  }

  async function read(number: number, points: readonly Known[]): Promise<Known[]> {
    if (points.length === 0) return []
    const request = { ids: points.map(({ id }) => id), with_payload: KNOWN, with_vector: false }
    return (await answering(() => client.retrieve(generations.nameOf(number), request))).map(known)
  }

  async function count(number: number, filter?: Schemas['Filter']): Promise<number> {
    return (await answering(() => client.count(generations.nameOf(number), { exact: true, ...(filter && { filter }) }))).count
  }
}

interface Pair {
  from: number
  to: number
}

function known({ id, payload }: Pick<Schemas['Record'], 'id' | 'payload'>): Known {
  return { id: String(id), ...Known.parse(payload) }
}

function documentsOf(points: readonly Known[]): string[] {
  return [...new Set(points.map(({ document_id }) => document_id))]
}

function isWanted({ document_id, revision }: Known, wantedFrom: ReadonlyMap<string, number>): boolean {
  return revision >= (wantedFrom.get(document_id) ?? 0)
}

function revisionOf({ document_id, revision }: Known): string {
  return `${document_id}/${revision}`
}
