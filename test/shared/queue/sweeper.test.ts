import { Readable } from 'node:stream'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { FIRST_STAGE } from '../../../shared/contracts/jobs.ts'
import { registerArtifact } from '../../../shared/database/artifacts.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'
import { addRevision, buryDocument } from '../../../shared/database/documents.ts'
import { appendEvent, readRecord } from '../../../shared/database/events.ts'
import { openPostgresQueues, openRedisQueues, type QueueBackend } from '../../../shared/queue/backend.ts'
import { dispatchOnce } from '../../../shared/queue/dispatcher.ts'
import { openPublisher } from '../../../shared/queue/publish.ts'
import { sweepOnce } from '../../../shared/queue/sweeper.ts'
import { testRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const HOUR_MS = 3_600_000

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

describe('a stage', () => {
  test('that a queue lost is due again after a while, once, and not before', async () => {
    const key = await lost()
    await sweep()
    expect(await outbox(key)).toEqual([])
    await age(key)
    await Promise.all([sweep(), sweep(), sweep()])
    expect(await outbox(key)).toEqual([FIRST_STAGE])
    await sweep()
    expect(await outbox(key)).toEqual([FIRST_STAGE])
  })

  test('that was running when its worker died is due again as well', async () => {
    const key = await lost()
    await bench.query(`UPDATE greffier.stages SET status = 'running', epoch = 1, starts = 1 WHERE document_id = $1`, [key.document_id])
    await age(key)
    await sweep()
    expect(await outbox(key)).toEqual([FIRST_STAGE])
  })

  test('that has ended, belongs to an older revision or to an erased document stays as it is; the erasure itself does not', async () => {
    const [ended, failed, old, erased] = [await lost(), await lost(), await lost(), await lost()]
    await bench.query(`UPDATE greffier.stages SET status = 'completed' WHERE document_id = $1`, [ended.document_id])
    await bench.query(`UPDATE greffier.stages SET status = 'failed' WHERE document_id = $1`, [failed.document_id])
    await bench.tenant((tx) => addRevision(tx, bench.tenantId, old.document_id, 'reprocess'))
    await bench.tenant((tx) => buryDocument(tx, bench.tenantId, erased.document_id))
    for (const key of [ended, failed, old, erased]) await lose(key)
    for (const key of [ended, failed, old, erased]) await age(key)
    await sweep()
    expect(await outbox(ended)).toEqual([])
    expect(await outbox(failed)).toEqual([])
    expect(await outbox({ ...old, revision: 1 })).toEqual([])
    expect(await outbox({ ...old, revision: 2 })).toEqual([FIRST_STAGE])
    expect(await outbox(erased)).toEqual(['erase'])
  })

  test('that waits for its backoff is left waiting', async () => {
    const key = await bench.upload()
    await bench.query(`UPDATE greffier.outbox SET due_at = now() + interval '1 hour' WHERE document_id = $1`, [key.document_id])
    await age(key)
    await sweep()
    expect(await bench.query('SELECT FROM greffier.outbox WHERE document_id = $1 AND due_at <= now()', [key.document_id])).toEqual([])
  })
})

describe.each([
  ['PostgreSQL', openOnPostgres],
  ['Redis', openOnRedis],
] as const)('over a queue on %s', (_name, open) => {
  test('jobs that a queue lost by force are brought back and done, and those in a healthy queue are done once', async () => {
    // What the other tests left is nobody's business any more.
    await bench.query(`TRUNCATE greffier.outbox; UPDATE greffier.stages SET status = 'completed'`)
    const { backend, empty, count } = await open()
    const publisher = openPublisher(backend)
    onTestFinished(() => publisher.close())
    const keys = [await bench.upload(), await bench.upload(), await bench.upload()]
    await dispatchOnce(bench.database, publisher)
    expect(await count()).toBe(3)
    await empty()
    expect(await count()).toBe(0)

    for (const key of keys) await age(key)
    await sweep()
    expect(await dispatchOnce(bench.database, publisher)).toBe(3)
    // Again while the jobs wait: published again, and still there once.
    for (const key of keys) await age(key)
    await sweep()
    expect(await dispatchOnce(bench.database, publisher)).toBe(3)
    expect(await count()).toBe(3)

    const received: string[] = []
    const worker = backend.openWorker(FIRST_STAGE, async (payload) => {
      received.push((payload as { document_id: string }).document_id)
    })
    onTestFinished(() => worker.close())
    await waitUntil(async () => (await count()) === 0, 'the jobs to end')
    expect(received.sort()).toEqual(keys.map((key) => key.document_id).sort())
  })
})

describe('an upload that never became a document', () => {
  test('loses its bytes and its entry after its time, and a document keeps both', async () => {
    const kept = await bench.upload()
    const [orphan, young] = [await original(), await original()]
    await bench.query(`UPDATE greffier.artifacts SET registered_at = now() - interval '2 hours' WHERE document_id <> $1`, [young])
    await sweep()
    expect(await exists(orphan)).toBe(false)
    expect(await entries(orphan)).toBe(0)
    for (const document of [young, kept.document_id]) {
      expect(await exists(document)).toBe(true)
      expect(await entries(document)).toBe(1)
    }
  })

  test('that cannot be removed keeps no other from it, and the sweep says so at its end', async () => {
    const [stuck, other] = [await original(), await original()]
    await bench.query(`UPDATE greffier.artifacts SET registered_at = now() - interval '2 hours' WHERE document_id = ANY ($1)`, [
      [stuck, other],
    ])
    const destroy: typeof bench.vault.destroy = async (place) => {
      if (place.documentId === stuck) throw new AppError('STORAGE_FULL')
      await bench.vault.destroy(place)
    }
    const swept = sweepOnce(bench.database, { ...bench.vault, destroy }, bench.blobs, HOUR_MS)
    await expect(swept).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(await exists(stuck)).toBe(true)
    expect(await entries(stuck)).toBe(1)
    expect(await exists(other)).toBe(false)
    expect(await entries(other)).toBe(0)
  })

  test('whose bytes never arrived loses its entry all the same', async () => {
    const orphan = await registered()
    await bench.query(`UPDATE greffier.artifacts SET registered_at = now() - interval '2 hours' WHERE document_id = $1`, [orphan])
    await sweep()
    expect(await entries(orphan)).toBe(0)
  })
})

describe('a model call that nobody completed', () => {
  test('is closed as outcome_unknown exactly once by two sweepers at once, after its time and not before', async () => {
    const document = newId()
    const draft = { operation: 'Infer', step: 'enrich', phase: 'intent', doc_ref: document, revision: 1 } as const
    const intent = await bench.tenant((tx) => appendEvent(tx, bench.tenantId, draft))
    await sweep()
    expect((await record(document)).map((event) => event.phase)).toEqual(['intent'])
    await bench.query(`UPDATE greffier.open_intents SET created_at = now() - interval '1 hour' WHERE event_id = $1`, [intent])
    await Promise.all([sweep(), sweep(), sweep()])
    await sweep()
    expect((await record(document)).map((event) => event.phase)).toEqual(['intent', 'outcome_unknown'])
  })
})

function sweep(): Promise<void> {
  return sweepOnce(bench.database, bench.vault, bench.blobs, HOUR_MS)
}

/** A document whose first job was published and is nowhere any more. */
async function lost(): Promise<RevisionKey> {
  const key = await bench.upload()
  await lose(key)
  return key
}

async function lose(key: RevisionKey): Promise<void> {
  await bench.query('DELETE FROM greffier.outbox WHERE document_id = $1', [key.document_id])
}

/** As if nobody had looked at its stages for a minute. */
async function age(key: RevisionKey): Promise<void> {
  await bench.query(`UPDATE greffier.stages SET queued_at = queued_at - interval '1 minute' WHERE document_id = $1`, [key.document_id])
}

async function outbox(key: RevisionKey): Promise<string[]> {
  const rows = await bench.query<{ stage: string }>('SELECT stage FROM greffier.outbox WHERE document_id = $1 AND revision = $2', [
    key.document_id,
    key.revision,
  ])
  return rows.map((row) => row.stage)
}

async function registered(): Promise<string> {
  const document_id = newId()
  const locator = bench.vault.locator(bench.tenantId, document_id)
  await bench.tenant((tx) =>
    registerArtifact(tx, { tenant_id: bench.tenantId, document_id, kind: 'original', store: bench.blobs.name, locator }),
  )
  return document_id
}

async function original(): Promise<string> {
  const documentId = await registered()
  const { documents } = await bench.tenants.keys(bench.tenantId)
  await bench.vault.write({ tenantKey: documents, tenantId: bench.tenantId, documentId, source: Readable.from([Buffer.from('bytes')]) })
  return documentId
}

function exists(documentId: string): Promise<boolean> {
  return bench.vault.exists({ tenantId: bench.tenantId, documentId })
}

async function entries(documentId: string): Promise<number> {
  return (await bench.query('SELECT FROM greffier.artifacts WHERE document_id = $1', [documentId])).length
}

function record(documentId: string) {
  return bench.tenant((tx) => readRecord(tx, documentId))
}

interface Opened {
  backend: QueueBackend
  empty: () => Promise<void>
  count: () => Promise<number>
}

async function openOnPostgres(): Promise<Opened> {
  const backend = await openPostgresQueues(bench.ownerUrl, bench.serviceUrl, () => undefined)
  onTestFinished(() => backend.close())
  return {
    backend,
    empty: async () => void (await bench.query('DELETE FROM bullmq.job')),
    count: async () => (await bench.query('SELECT FROM bullmq.job')).length,
  }
}

async function openOnRedis(): Promise<Opened> {
  const redis = await testRedis()
  const backend = openRedisQueues(redis.url, () => undefined)
  const client = new Redis(redis.url)
  onTestFinished(async () => {
    await backend.close()
    client.disconnect()
    await redis.close()
  })
  return {
    backend,
    empty: async () => void (await client.flushall()),
    count: async () => (await client.keys('*')).filter((key) => /:[a-z]+-[0-9a-f-]{36}-\d+$/.test(key)).length,
  }
}
