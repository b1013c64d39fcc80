import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDone } from '../../../services/workers/done/stage.ts'
import { createEnrich, type OwnSchemas, SHIPPED_ONLY } from '../../../services/workers/enrich/stage.ts'
import { createErase, figuresOf } from '../../../services/workers/erase/stage.ts'
import type { Extractor } from '../../../services/workers/extract/extractor.ts'
import { createExtract } from '../../../services/workers/extract/stage.ts'
import { createIndex } from '../../../services/workers/index/stage.ts'
import { startWorkerLoop } from '../../../services/workers/loop.ts'
import { createTextRoom } from '../../../services/workers/text-room.ts'
import type { DataClass } from '../../../shared/contracts/document.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { chunkId } from '../../../shared/contracts/ids.ts'
import type { Stage } from '../../../shared/contracts/jobs.ts'
import { registerArtifact } from '../../../shared/database/artifacts.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { countContent, type RevisionKey, readFields, readPages } from '../../../shared/database/content.ts'
import { addRevision, buryDocument } from '../../../shared/database/documents.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { openTombstones } from '../../../shared/database/tombstones.ts'
import { createEmbedder } from '../../../shared/inference/embedder.ts'
import { compileSchema } from '../../../shared/inference/extraction/schema.ts'
import { NO_FAULTS } from '../../../shared/runtime/faults.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'
import type { SearchStore } from '../../../shared/search/port.ts'
import { createSqliteSearch } from '../../../shared/search/sqlite.ts'
import { type HandQueue, handQueue } from '../../support/hand-queue.ts'
import { fakeProvider, testGateway } from '../../support/providers.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { retentionRules } from '../../support/retention.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const MARKER = 'Xylophonistin'
const TEXT = `Sehr geehrte ${MARKER},\n\n${'hiermit kündige ich den Vertrag. '.repeat(80)}\fSeite zwei.`
const PIPELINE = ['extract', 'enrich', 'index', 'done'] as const

/** Where a stage can be held: in the middle of its work outside PostgreSQL. */
type Point = 'extractor' | 'model' | 'embedder' | 'before points' | 'after points' | 'before removal'

let bench: Workbench
let search: SearchStore
let queue: HandQueue
/** Called at each point that a stage passes. */
let passing: (point: Point) => Promise<void>
/** What the model reads; the first word as the title unless a test says otherwise. */
let reading: ReturnType<typeof fakeProvider>['extract'] | undefined
/** What the model says that the document holds. */
let classes: DataClass[]
/** How often a start has made another one due. */
let due = 0

beforeAll(async () => {
  bench = await openWorkbench()
  search = createSqliteSearch({ path: join(bench.folder, 'search.sqlite') })
  queue = startPipeline()
})
afterAll(async () => {
  await search.close()
  await bench.close()
})
beforeEach(() => {
  passing = async () => undefined
  reading = undefined
  classes = []
})

test('redelivering each stage’s job leaves the same rows, the same points and one completed event per stage', async () => {
  const key = await bench.upload({ text: TEXT })
  const after: Record<string, unknown> = {}
  for (const stage of PIPELINE) {
    await queue.deliver(stage, key)
    after[stage] = await everything(key)
    await queue.deliver(stage, key)
    await Promise.all([queue.deliver(stage, key), queue.deliver(stage, key)])
    expect(await everything(key)).toEqual(after[stage])
  }
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  expect(await everything(key)).toEqual(after.done)

  const { chunks, points, events } = await everything(key)
  expect(chunks.length).toBeGreaterThan(2)
  expect(points).toBe(chunks.length)
  expect(chunks.map((chunk) => chunk.id)).toEqual(chunks.map((_, ordinal) => chunkId(key.document_id, 1, ordinal)))
  expect(events).toEqual([
    'extract completed',
    'enrich intent',
    'enrich completed',
    'enrich intent',
    'enrich completed',
    'enrich completed',
    'index intent',
    'index completed',
    'index completed',
    'done completed',
  ])
  expect(await statusOf(key)).toBe('completed')
})

test('a stage that died after its work and before its commit is done again to the same effect', async () => {
  const key = await bench.upload({ text: TEXT })
  for (const stage of PIPELINE) {
    await queue.deliver(stage, key)
    const { chunks, points, pages, fields } = await everything(key)
    await bench.query(`UPDATE greffier.stages SET status = 'running' WHERE document_id = $1 AND stage = $2`, [key.document_id, stage])
    await queue.deliver(stage, key)
    const again = await everything(key)
    expect([again.chunks, again.points, again.pages.length, again.fields.length]).toEqual([chunks, points, pages.length, fields.length])
  }
  expect(await readBack(key)).toMatchObject({ pages: [{ number: 1 }, { number: 2, text: 'Seite zwei.' }], title: 'Sehr' })
})

describe('the schema by which a document is read', () => {
  const own = compileSchema({
    name: 'mine',
    version: 3,
    type: null,
    json_schema: { type: 'object', properties: { salutation: { type: 'string' } }, required: ['salutation'] },
  })
  const reads = (path: string, value: string): ReturnType<typeof fakeProvider>['extract'] => {
    const facts = { endpoint: 'in-process', modelReturned: 'm', tokensIn: 1, tokensCached: 0, tokensOut: 1, requestId: null }
    return async () => ({ value: { claims: [{ path, value, quote: value, page: 1 }], pagesRead: 2 }, facts })
  }

  test('is the organisation’s own where it has one, which is recorded with the fields; a name that it does not have is left out', async () => {
    const recorded: unknown[] = []
    const ownSchemas: OwnSchemas = {
      find: async (_, document, type) => (document.tenant_id === bench.tenantId && type === 'letter' ? own : null),
      record: async (_, key, schema) => void recorded.push([key.document_id, schema?.name, schema?.version]),
    }
    for (const [path, expected] of [
      ['salutation', { salutation: { value: 'Sehr geehrte', status: 'verified' } }],
      ['title', {}],
    ] as const) {
      reading = reads(path, 'Sehr geehrte')
      const pipeline = startPipeline(search, ownSchemas)
      const key = await bench.upload({ text: TEXT })
      for (const stage of ['extract', 'enrich'] as const) await pipeline.deliver(stage, key)
      expect((await readBack(key)).fields).toMatchObject(expected)
      expect(Object.keys((await readBack(key)).fields)).toEqual(Object.keys(expected))
      expect(recorded).toEqual([[key.document_id, 'mine', 3]])
      recorded.pop()
      expect(await bench.query('SELECT pages_read FROM greffier.revisions WHERE document_id = $1', [key.document_id])).toEqual([
        { pages_read: 2 },
      ])
      const extracted = (await record(key)).find((event) => event.model?.task === 'extract')
      expect(extracted?.model?.schema_hash).toBe(own.hash)
    }
  })

  test('and what was read by it are written together or not at all', async () => {
    const failing: OwnSchemas = {
      ...SHIPPED_ONLY,
      record: async () => {
        throw new Error('the write failed')
      },
    }
    const pipeline = startPipeline(search, failing)
    const key = await bench.upload({ text: TEXT })
    for (const stage of ['extract', 'enrich'] as const) await pipeline.deliver(stage, key)
    expect((await everything(key)).fields).toEqual([])
    expect(await bench.query('SELECT type FROM greffier.documents WHERE id = $1', [key.document_id])).toEqual([{ type: null }])
    expect(await bench.query('SELECT pages_read FROM greffier.revisions WHERE document_id = $1', [key.document_id])).toEqual([
      { pages_read: null },
    ])
  })
})

test('what is kept of a document holds no readable word of it: no row, no file, no byte of the search store', async () => {
  const key = await bench.upload({ text: TEXT, options: { file_name: `${MARKER}.txt` } })
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  const kept = [await databaseText(), ...filesOf(bench.folder).map((path) => readFileSync(path).toString('latin1'))].join('\n')
  expect(kept).toContain(key.document_id)
  for (const word of [MARKER, MARKER.toLowerCase(), Buffer.from(MARKER).toString('hex'), 'hiermit', 'geehrte'])
    expect(kept.includes(word), word).toBe(false)
})

test('a document without text keeps its pages with their reasons, and ends as NO_TEXT', async () => {
  const key = await bench.upload({ text: '\f' })
  await queue.deliver('extract', key)
  expect(await statusOf(key)).toBe('failed')
  const pages = await bench.query('SELECT number, method, reason FROM greffier.pages WHERE document_id = $1 ORDER BY number', [
    key.document_id,
  ])
  expect(pages).toEqual([1, 2].map((number) => ({ number, method: 'no_text', reason: 'empty' })))
  expect((await record(key)).map((event) => [event.result, event.error_code])).toEqual([['failed', 'NO_TEXT']])
})

test('a document that no provider may see ends as refused, with the gateway’s refusal of each provider before it', async () => {
  const key = await bench.upload({ text: TEXT, options: { data_classes: ['special'] } })
  for (const stage of ['extract', 'enrich'] as const) await queue.deliver(stage, key)
  expect(await statusOf(key)).toBe('refused')
  expect((await record(key)).slice(1).map((event) => [event.step, event.phase, event.policy?.outcome])).toEqual([
    ['enrich', 'refused', 'refused'],
    ['enrich', 'refused', 'refused'],
    ['enrich', 'refused', undefined],
  ])
})

test('a class that a model finds holds for what is live of the document, also when the revision in which it was found is refused', async () => {
  const key = await bench.upload({ text: TEXT })
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  const next = { ...key, revision: await bench.tenant((tx) => addRevision(tx, bench.tenantId, key.document_id, 'reprocess')) }
  classes = ['special']
  await queue.deliver('extract', next)
  await queue.deliver('enrich', next)
  const rows = await bench.query('SELECT status, live_revision, sensitivity, data_classes FROM greffier.documents WHERE id = $1', [
    key.document_id,
  ])
  expect(rows).toEqual([
    { status: 'refused', live_revision: 1, sensitivity: 'confidential', data_classes: expect.arrayContaining(['special']) },
  ])
})

test('a document that the embedder may not see is found by its tokens alone, and its record says so', async () => {
  const key = await bench.upload({ text: TEXT, tenantId: await boundOutside() })
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  expect(await statusOf(key)).toBe('completed')
  const stored = (await record(key)).find((event) => event.step === 'index' && event.stores.length > 0)
  expect(stored?.stores).toMatchObject([{ store: 'sqlite', kind: 'points_without_vectors' }])
  expect(await search.count(key)).toBeGreaterThan(2)
})

test('a new revision replaces what the old one left, everywhere, once it is done', async () => {
  const key = await bench.upload({ text: TEXT })
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  const before = await search.count(key)
  const next = { ...key, revision: await bench.tenant((tx) => addRevision(tx, bench.tenantId, key.document_id, 'reprocess')) }
  for (const stage of PIPELINE.slice(0, 3)) await queue.deliver(stage, next)
  expect(await search.countDocument(key)).toBe(2 * before)
  await queue.deliver('done', next)
  expect([await search.count(key), await search.count(next)]).toEqual([0, before])
  const [old, live] = [await everything(key), await everything(next)]
  expect([old.pages.length, old.fields.length, old.chunks.length]).toEqual([0, 0, 0])
  expect([live.pages.length, live.fields.length, live.chunks.length]).toEqual([2, 1, before])
  expect(await statusOf(key)).toBe('completed')
})

describe('an erasure', () => {
  test.each<[Stage, Point]>([
    ['extract', 'extractor'],
    ['enrich', 'model'],
    ['index', 'embedder'],
    ['index', 'before points'],
    ['index', 'after points'],
    ['done', 'before removal'],
  ])('while %s is at work (%s) leaves nothing of the document in any store, whatever that stage still does', async (stage, point) => {
    const first = await bench.upload({ text: TEXT })
    // There is something to remove when an earlier revision was indexed.
    for (const earlier of PIPELINE.slice(0, 3)) await queue.deliver(earlier, first)
    const key = { ...first, revision: await bench.tenant((tx) => addRevision(tx, bench.tenantId, first.document_id, 'reprocess')) }
    for (const earlier of PIPELINE.slice(0, PIPELINE.indexOf(stage as 'extract'))) await queue.deliver(earlier, key)
    const [reached, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    passing = async (passed) => {
      if (passed !== point) return
      reached.resolve()
      await going.promise
    }
    const working = queue.deliver(stage, key)
    await reached.promise
    await bury(key)
    passing = async () => undefined
    await queue.deliver('erase', key)
    expect(await left(key)).toMatchObject({ rows: 0, original: false })

    going.resolve()
    await working
    // Whoever has not begun to write when the tombstone comes does not begin.
    if (point !== 'before points') expect(await left(key)).toMatchObject({ rows: 0, points: 0 })
    // The stage was running at the tombstone, so the erasure is due once more, at once when that stage has said that it has ended.
    expect(await eraseStage(key)).toBe('pending')
    await queue.deliver('erase', key)
    expect(await eraseStage(key)).toBe('completed')
    expect(await left(key)).toEqual({ rows: 0, points: 0, original: false })
    expect(await statusOf(key)).toBe('erased')
  })

  test('comes back for a start that lost its stage and is still at work, having timed out or been taken for dead', async () => {
    for (const lost of ['timed out', 'taken over']) {
      const key = await bench.upload({ text: TEXT })
      for (const earlier of ['extract', 'enrich'] as const) await queue.deliver(earlier, key)
      const [reached, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      passing = async (passed) => {
        if (passed !== 'before points') return
        reached.resolve()
        await going.promise
      }
      const time = new AbortController()
      const spy = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(time.signal)
      const working = queue.deliver('index', key)
      await reached.promise
      spy.mockRestore()
      passing = async () => undefined
      if (lost === 'timed out') {
        time.abort()
        await working
      } else await queue.deliver('index', key)
      await bury(key)
      await queue.deliver('erase', key)
      expect(await eraseStage(key), lost).toBe('pending')
      const before = due
      going.resolve()
      await working
      // The erasure is due again when the late start has said that it has ended, which may be some time after its points are there.
      await waitUntil(() => due > before, 'the late start to give way')
      expect((await left(key)).points).toBeGreaterThan(0)
      await queue.deliver('erase', key)
      expect(await eraseStage(key), lost).toBe('completed')
      expect(await left(key)).toEqual({ rows: 0, points: 0, original: false })
    }
  })

  test('waits for no stage that failed and was repeated, or that a newer revision left pending, when each of its starts has ended', async () => {
    const first = await bench.upload({ text: TEXT })
    const failing = startPipeline(search, { ...SHIPPED_ONLY, find: () => Promise.reject(new AppError('MODEL_UNAVAILABLE')) })
    const lossy = startPipeline({ ...search, count: async () => 0 })
    await queue.deliver('extract', first)
    await failing.deliver('enrich', first)
    await queue.deliver('enrich', first)
    await lossy.deliver('index', first)
    const key = { ...first, revision: await bench.tenant((tx) => addRevision(tx, bench.tenantId, first.document_id, 'reprocess')) }
    for (const stage of PIPELINE) await queue.deliver(stage, key)
    const left = await bench.query(
      `SELECT stage, status, epoch FROM greffier.stages WHERE document_id = $1 AND revision = 1 AND stage <> 'extract' ORDER BY stage`,
      [key.document_id],
    )
    expect(left).toEqual([
      { stage: 'enrich', status: 'completed', epoch: 2 },
      { stage: 'index', status: 'pending', epoch: 1 },
    ])
    await bury(key)
    await queue.deliver('erase', key)
    expect(await eraseStage(key)).toBe('completed')
  })

  test('waits for the time of a start whose write the search store did not answer: that may be carried out although the start has ended', async () => {
    const key = await bench.upload({ text: TEXT })
    const silent = startPipeline({ ...search, replace: () => Promise.reject(new AppError('UNAVAILABLE')) })
    for (const stage of ['extract', 'enrich'] as const) await queue.deliver(stage, key)
    await silent.deliver('index', key)
    for (const stage of ['index', 'done'] as const) await queue.deliver(stage, key)
    expect(await statusOf(key)).toBe('completed')
    await bury(key)
    await queue.deliver('erase', key)
    expect(await eraseStage(key)).toBe('pending')
    await letTimePass(key)
    await queue.deliver('erase', key)
    expect(await eraseStage(key)).toBe('completed')
  })

  test('is not done by a pass that a start with time left may have written behind', async () => {
    const key = await bench.upload({ text: TEXT })
    await bench.query(
      `UPDATE greffier.stages SET status = 'running', epoch = 1, open_epochs = '{1}', started_at = now() WHERE document_id = $1`,
      [key.document_id],
    )
    await bury(key)
    // Its time runs out while the stores are being emptied.
    const slow = startPipeline({ ...search, remove: () => letTimePass(key) })
    await slow.deliver('erase', key)
    expect(await eraseStage(key)).toBe('pending')
    await queue.deliver('erase', key)
    expect(await eraseStage(key)).toBe('completed')
  })

  test('of a finished document is one pass, once, however often it is delivered', async () => {
    const key = await bench.upload({ text: TEXT, options: { file_name: `${MARKER}.txt` } })
    for (const stage of PIPELINE) await queue.deliver(stage, key)
    await bury(key)
    await queue.deliver('erase', key)
    await Promise.all([queue.deliver('erase', key), queue.deliver('erase', key)])
    for (const stage of PIPELINE) await queue.deliver(stage, key)
    expect(await left(key)).toEqual({ rows: 0, points: 0, original: false })
    const erasures = (await record(key)).filter((event) => event.operation === 'Erase')
    expect(erasures).toHaveLength(1)
    expect(erasures[0]?.stores.map((store) => [store.store, store.remaining])).toEqual(
      expect.arrayContaining([
        ['filesystem', 0],
        ['sqlite', 0],
        ['postgres', 0],
      ]),
    )
    const [row] = await bench.query('SELECT sealed_annex, content_commit, dedupe_hmac FROM greffier.documents WHERE id = $1', [
      key.document_id,
    ])
    expect(row).toEqual({ sealed_annex: null, content_commit: null, dedupe_hmac: null })
  })

  test('that finds something left in a store does not say that it is done', async () => {
    const key = await bench.upload({ text: TEXT })
    for (const stage of PIPELINE) await queue.deliver(stage, key)
    await bury(key)
    const stubborn = startPipeline({ ...search, remove: async () => undefined })
    await stubborn.deliver('erase', key)
    expect(await eraseStage(key)).toBe('pending')
    expect((await record(key)).filter((event) => event.operation === 'Erase')).toEqual([])
  })
})

test('an erasure does not complete while a store that held something of the document is not configured', async () => {
  const key = await bench.upload({ text: TEXT })
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  await bury(key)
  const elsewhere = startPipeline({ ...search, name: 'another' })
  await elsewhere.deliver('erase', key)
  const [row] = await bench.query(`SELECT status, error_code FROM greffier.stages WHERE document_id = $1 AND stage = 'erase'`, [
    key.document_id,
  ])
  expect(row).toEqual({ status: 'pending', error_code: 'ERASURE_INCOMPLETE' })
  await queue.deliver('erase', key)
  expect(await left(key)).toEqual({ rows: 0, points: 0, original: false })
})

test('an erasure does not complete while nobody has looked into a place that held something of the document', async () => {
  const key = await bench.upload({ text: TEXT })
  for (const stage of PIPELINE) await queue.deliver(stage, key)
  const { tenant_id, document_id } = key
  const overlooked = { tenant_id, document_id, kind: 'points', store: bench.blobs.name, locator: 'elsewhere' } as const
  await bench.tenant((tx) => registerArtifact(tx, overlooked))
  await bury(key)
  await queue.deliver('erase', key)
  expect(await eraseStage(key)).toBe('pending')
  expect((await record(key)).filter((event) => event.operation === 'Erase')).toEqual([])
})

test('the figures of an erasure are those of the probe of each place, whatever they are', () => {
  const probed = [
    { store: 'sqlite', kind: 'points', remaining: 7 },
    { store: 'filesystem', kind: 'original', remaining: 1 },
  ]
  const [points, original] = probed
  expect(figuresOf([{ store: 'filesystem', kind: 'original' }], probed)).toEqual([original])
  const both = [
    { store: 'filesystem', kind: 'original' },
    { store: 'sqlite', kind: 'points' },
  ] as const
  expect(figuresOf(both, probed)).toEqual([original, points])
  expect(() => figuresOf(both, probed.slice(0, 1))).toThrow('nobody looked for original in the store filesystem')
})

test('the probe of the database finds whatever an erasure would have left there, the annex as well', async () => {
  const key = await bench.upload({ text: TEXT })
  const count = () => bench.tenant((tx) => countContent(tx, key.document_id))
  expect(await count()).toBe(1)
  await queue.deliver('extract', key)
  expect(await count()).toBeGreaterThan(2)
  await bury(key)
  await bench.query(`UPDATE greffier.documents SET sealed_annex = '\\x00' WHERE id = $1`, [key.document_id])
  await queue.deliver('erase', key)
  expect([await eraseStage(key), await count()]).toEqual(['pending', 3])
})

test('a search store that holds less than was written keeps the document from being called indexed', async () => {
  const key = await bench.upload({ text: TEXT })
  const lossy = startPipeline({ ...search, replace: (scope, points) => search.replace(scope, points.slice(1)) })
  for (const stage of ['extract', 'enrich', 'index'] as const) await lossy.deliver(stage, key)
  const [row] = await bench.query(`SELECT status, error_code FROM greffier.stages WHERE document_id = $1 AND stage = 'index'`, [
    key.document_id,
  ])
  expect(row).toEqual({ status: 'pending', error_code: 'INDEX_INCOMPLETE' })
  const [document] = await bench.query('SELECT live_revision FROM greffier.documents WHERE id = $1', [key.document_id])
  expect(document).toEqual({ live_revision: null })
})

/** The real stages over a queue that is worked by hand; extraction and the model are ours. */
function startPipeline(store: SearchStore = search, ownSchemas: OwnSchemas = SHIPPED_ONLY): HandQueue {
  const { database, vault, tenants } = bench
  const held: SearchStore = {
    ...store,
    replace: async (scope, points, expectTime) => {
      // A request that is under way is not called back.
      expectTime?.()
      await passing('before points')
      await store.replace(scope, points)
      await passing('after points')
    },
    remove: async (document) => {
      if (document.beforeRevision !== undefined) await passing('before removal')
      await store.remove(document)
    },
  }
  const model = (processor: 'inside' | 'outside') => {
    const fake = fakeProvider(processor)
    return fakeProvider(processor, {
      classify: async (pages, signal) => {
        const { value, facts } = await fake.classify(pages, signal)
        return { value: { ...value, data_classes: classes }, facts }
      },
      extract: async (pages, request, signal) => {
        await passing('model')
        return (reading ?? fake.extract)(pages, request, signal)
      },
      embed: async (texts, signal) => {
        await passing('embedder')
        return fake.embed(texts, signal)
      },
    })
  }
  const gateway = testGateway(database, [model('inside'), model('outside')])
  const services = {
    database,
    vault,
    blobs: bench.blobs,
    tenants,
    gateway,
    embedder: createEmbedder(gateway, tenants),
    search: held,
    extractor: byHand,
    passPoint: NO_FAULTS,
    room: createTextRoom(1_000_000),
    ownSchemas,
    tombstones: openTombstones(join(bench.folder, 'tombstones.jsonl')),
  }
  const made = handQueue()
  startWorkerLoop({
    database,
    tenants,
    backend: made.backend,
    log: recordingLog().log,
    metrics: createMetrics(),
    passPoint: NO_FAULTS,
    refusedUnder: () => 'the rules',
    retention: retentionRules(),
    onDue: () => {
      due++
    },
    handlers: {
      extract: createExtract(services),
      enrich: createEnrich(services),
      index: createIndex(services),
      done: createDone(services),
      erase: createErase(services),
    },
  })
  return made
}

/** A form feed parts pages. */
const byHand: Extractor = {
  extract: async (source) => {
    const content = await readText(source)
    await passing('extractor')
    return content.split('\f').map((page, at): Page => {
      if (page === '') return { number: at + 1, method: 'no_text', text: '', reason: 'empty' }
      return { number: at + 1, method: 'plain', text: page, reason: null }
    })
  },
  close: async () => undefined,
}

async function boundOutside(): Promise<string> {
  const tenantId = await bench.tenants.create('bound outside')
  await bench.tenants.bindEmbedder(tenantId, 'outside/outside-embed')
  return tenantId
}

function bury(key: RevisionKey): Promise<void> {
  return bench.tenant((tx) => buryDocument(tx, key.tenant_id, key.document_id))
}

/** Everything that one revision has become, sealed bytes included. */
async function everything(key: RevisionKey) {
  const rows = <Row extends object>(table: string, order: string) =>
    bench.query<Row>(`SELECT * FROM greffier.${table} WHERE document_id = $1 AND revision = $2 ORDER BY ${order}`, [
      key.document_id,
      key.revision,
    ])
  return {
    pages: await rows('pages', 'number'),
    fields: await rows('fields', 'name'),
    chunks: await rows<{ id: string }>('chunks', 'ordinal'),
    stages: await rows('stages', 'stage'),
    outbox: (await rows<{ stage: string }>('outbox', 'id')).map((row) => row.stage),
    document: await bench.query('SELECT * FROM greffier.documents WHERE id = $1', [key.document_id]),
    events: (await record(key)).map((event) => `${event.step} ${event.phase}`),
    points: await search.count(key),
  }
}

async function readBack(key: RevisionKey) {
  const { documents } = await bench.tenants.keys(key.tenant_id)
  const keys = await bench.vault.keys({ tenantKey: documents, tenantId: key.tenant_id, documentId: key.document_id })
  const fields = await bench.tenant((tx) => readFields(tx, key, keys))
  return { pages: await bench.tenant((tx) => readPages(tx, key, keys)), fields, title: fields.title?.value }
}

/** What is left of a document outside its row and its record. */
async function left(key: RevisionKey): Promise<{ rows: number; points: number; original: boolean }> {
  let rows = 0
  for (const table of ['pages', 'fields', 'chunks', 'idempotency'])
    rows += (await bench.query(`SELECT FROM greffier.${table} WHERE document_id = $1`, [key.document_id])).length
  return {
    rows,
    points: await search.countDocument(key),
    original: await bench.vault.exists({ tenantId: key.tenant_id, documentId: key.document_id }),
  }
}

/** As if the last start of each stage had been an hour ago. */
async function letTimePass(key: RevisionKey): Promise<void> {
  await bench.query(`UPDATE greffier.stages SET started_at = started_at - interval '1 hour' WHERE document_id = $1`, [key.document_id])
}

async function eraseStage(key: RevisionKey): Promise<string | undefined> {
  const [row] = await bench.query<{ status: string }>(`SELECT status FROM greffier.stages WHERE document_id = $1 AND stage = 'erase'`, [
    key.document_id,
  ])
  return row?.status
}

async function statusOf(key: RevisionKey): Promise<string | undefined> {
  const [row] = await bench.query<{ status: string }>('SELECT status FROM greffier.documents WHERE id = $1', [key.document_id])
  return row?.status
}

async function record(key: RevisionKey) {
  return withTenant(bench.database, key.tenant_id, (tx) => readRecord(tx, key.document_id))
}

async function databaseText(): Promise<string> {
  const tables = await bench.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'greffier'::regnamespace AND relkind = 'r'`,
  )
  const parts = await Promise.all(tables.map(({ name }) => bench.query<{ row: string }>(`SELECT t::text AS row FROM greffier.${name} t`)))
  return parts.flatMap((rows) => rows.map((row) => row.row)).join('\n')
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
