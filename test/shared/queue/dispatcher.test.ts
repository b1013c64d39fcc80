import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import type { Stage } from '../../../shared/contracts/jobs.ts'
import { withSystem } from '../../../shared/database/connection.ts'
import { openListener } from '../../../shared/database/listen.ts'
import { claimDue, enqueue, OUTBOX_CHANNEL, wakeDispatchers } from '../../../shared/database/outbox.ts'
import { openRedisQueues } from '../../../shared/queue/backend.ts'
import { dispatchOnce, startDispatcher } from '../../../shared/queue/dispatcher.ts'
import { openPublisher, type Publisher } from '../../../shared/queue/publish.ts'
import { NO_FAULTS } from '../../../shared/runtime/faults.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { testRedis } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

type Published = Parameters<Publisher['publish']>[0][number]

const BATCH = 100
const DEPTH_MAX = 500
/** An index walk takes 2 to 4 ms over 50,000 rows, and a scan of them took 80 to 240 ms. */
const CLAIM_MS_MAX = 20

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
beforeEach(async () => void (await bench.query('TRUNCATE greffier.outbox')))

test('every due row is published once and then gone', async () => {
  await fill(bench.tenantId, 250)
  const publisher = fakePublisher()
  expect(await drain(publisher)).toBe(250)
  expect(new Set(publisher.published.map((job) => job.document_id)).size).toBe(250)
  expect(await waiting()).toBe(0)
})

test('a tenant with a thousand rows delays another one’s first job by no more than the batch it is in', async () => {
  await fill(newId(), 1_000)
  const late = newId()
  await fill(late, 1)
  const publisher = fakePublisher()
  await dispatchOnce(bench.database, publisher)
  expect(publisher.published.length).toBeLessThanOrEqual(BATCH)
  expect(publisher.published.filter((job) => job.tenant_id === late)).toHaveLength(1)
})

test('tenants share a batch evenly, and each one’s jobs come in the order in which they became due', async () => {
  const tenants = [newId(), newId(), newId(), newId()]
  for (const tenant of tenants) await fill(tenant, 200)
  const publisher = fakePublisher()
  await dispatchOnce(bench.database, publisher)
  for (const tenant of tenants) {
    const mine = publisher.published.filter((job) => job.tenant_id === tenant)
    expect(mine).toHaveLength(BATCH / tenants.length)
    const first = await bench.query<{ id: string }>('SELECT min(id) AS id FROM greffier.outbox WHERE tenant_id = $1', [tenant])
    expect(mine.every((job) => Number((job as Published & { id: string }).id) < Number(first[0]?.id))).toBe(true)
  }
})

test('with more tenants than a batch has places everybody’s turn comes', async () => {
  for (let tenant = 0; tenant < 250; tenant++) await fill(newId(), 2)
  const publisher = fakePublisher()
  expect(await drain(publisher)).toBe(500)
})

test('a stage whose queue is full waits, and no other stage waits behind it', async () => {
  const tenant = newId()
  await fill(tenant, 300, 'extract')
  await fill(tenant, 5, 'enrich')
  const publisher = fakePublisher({ extract: DEPTH_MAX })
  expect(await drain(publisher)).toBe(5)
  expect(publisher.published.every((job) => job.stage === 'enrich')).toBe(true)
  expect(await waiting()).toBe(300)
})

test('nor does it when the tenants that wait for the full one are more than a batch has places', async () => {
  for (let tenant = 0; tenant < 300; tenant++) await fill(newId(), 1, 'extract')
  for (let tenant = 0; tenant < 5; tenant++) await fill(newId(), 1, 'enrich')
  const publisher = fakePublisher({ extract: DEPTH_MAX })
  expect(await dispatchOnce(bench.database, publisher)).toBe(5)
})

test('a queue is not filled past its depth by small batches either', async () => {
  const publisher = fakePublisher()
  for (let round = 0; round < 30; round++) {
    await fill(bench.tenantId, 50)
    await dispatchOnce(bench.database, publisher)
  }
  expect(publisher.published.length).toBeGreaterThanOrEqual(DEPTH_MAX)
  expect(publisher.published.length).toBeLessThanOrEqual(DEPTH_MAX + BATCH)
})

test('what is due in the future waits, however much of it there is', async () => {
  await fill(bench.tenantId, 500, 'extract', '1 hour')
  await fill(bench.tenantId, 1, 'extract')
  const publisher = fakePublisher()
  expect(await drain(publisher)).toBe(1)
  await bench.query(`UPDATE greffier.outbox SET due_at = now()`)
  expect(await drain(publisher)).toBe(500)
})

test('a dispatcher that dies between publishing and deleting repeats itself: the same jobs again, none lost', async () => {
  await fill(bench.tenantId, 3)
  const publisher = fakePublisher()
  const dying: Publisher = {
    ...publisher,
    publish: async (jobs) => {
      await publisher.publish(jobs)
      throw new Error('killed after the engine took the jobs')
    },
  }
  await expect(dispatchOnce(bench.database, dying)).rejects.toThrow('killed')
  expect(await waiting()).toBe(3)
  expect(await drain(publisher)).toBe(3)
  const ids = publisher.published.map((job) => job.document_id)
  expect([ids.length, new Set(ids).size]).toEqual([6, 3])
})

test('two dispatchers at once pass over each other’s rows and miss none', async () => {
  await fill(bench.tenantId, 400)
  const publisher = fakePublisher()
  await withSystem(bench.database, async (tx) => {
    const held = await claimDue(tx, BATCH)
    expect(held).toHaveLength(BATCH)
    expect(await drain(publisher)).toBe(300)
  })
  const published = new Set(publisher.published.map((job) => job.document_id))
  expect(published.size).toBe(300)
  await Promise.all([drain(publisher), drain(publisher)])
  expect(new Set(publisher.published.map((job) => job.document_id)).size).toBe(400)
})

test('claiming a batch does not grow with the rows that wait: 50,000 of them cost no scan', async () => {
  await bench.query(
    `INSERT INTO greffier.outbox (tenant_id, document_id, revision, stage)
     SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i % 10), 12, '0'))::uuid, gen_random_uuid(), 1, 'extract' FROM generate_series(1, 50000) i`,
  )
  const tookMs: number[] = []
  for (let round = 0; round < 9; round++) {
    const startedAtMs = performance.now()
    await withSystem(bench.database, async (tx) => void (await claimDue(tx, BATCH)))
    tookMs.push(performance.now() - startedAtMs)
  }
  // The best of several: other work on the machine only ever makes it slower.
  expect(Math.min(...tookMs)).toBeLessThan(CLAIM_MS_MAX)
})

test('while Redis is down the outbox keeps the jobs, and they are delivered when it is back', async () => {
  const servers = [await testRedis()]
  const url = servers[0]?.url ?? ''
  const backend = openRedisQueues(url, () => undefined)
  const publisher = openPublisher(backend)
  const listener = await openListener(bench.serviceUrl, [OUTBOX_CHANNEL])
  const { log, lines } = recordingLog()
  const dispatcher = startDispatcher({ database: bench.database, publisher, listener, log, passPoint: NO_FAULTS })
  const received: unknown[] = []
  const worker = backend.openWorker('extract', async (payload) => void received.push(payload))
  onTestFinished(async () => {
    await dispatcher.close()
    await worker.close()
    await publisher.close()
    await listener.close()
    await backend.close()
    for (const server of servers) await server.close()
  })
  await enqueueOne()
  await waitUntil(() => received.length === 1, 'the first job')

  await servers[0]?.close()
  await enqueueOne()
  await waitUntil(() => lines.length > 0, 'a failed attempt')
  expect(await waiting()).toBe(1)
  expect(JSON.stringify(lines)).not.toContain('127.0.0.1')

  servers.push(await testRedis({ port: new URL(url).port }))
  await waitUntil(() => received.length === 2, 'the second job')
  await waitUntil(async () => (await waiting()) === 0, 'the outbox to be empty')
})

test('a committed row wakes the dispatcher: it does not wait for its next look', async () => {
  const publisher = fakePublisher()
  const listener = await openListener(bench.serviceUrl, [OUTBOX_CHANNEL])
  const dispatcher = startDispatcher({ database: bench.database, publisher, listener, log: recordingLog().log, passPoint: NO_FAULTS })
  onTestFinished(async () => {
    await dispatcher.close()
    await listener.close()
  })
  const tookMs: number[] = []
  for (let round = 1; round <= 5; round++) {
    const startedAtMs = performance.now()
    await enqueueOne()
    await waitUntil(() => publisher.published.length === round, 'the job')
    tookMs.push(performance.now() - startedAtMs)
  }
  expect(Math.min(...tookMs)).toBeLessThan(300)
})

/** Counts what it was given as waiting, beside what it is told to. */
function fakePublisher(full: Partial<Record<Stage, number>> = {}): Publisher & { published: Published[] } {
  const published: Published[] = []
  return {
    published,
    publish: async (jobs) => void published.push(...jobs),
    waiting: async (stage) => (full[stage] ?? 0) + published.filter((job) => job.stage === stage).length,
    close: async () => undefined,
  }
}

/** Dispatches until nothing is, and takes what was published out of the fake's queue between two batches. */
async function drain(publisher: ReturnType<typeof fakePublisher>): Promise<number> {
  let total = 0
  for (let rounds = 0; rounds < 100; rounds++) {
    const shallow = { ...publisher, waiting: async (stage: Stage) => (await publisher.waiting(stage)) - countOf(publisher, stage) }
    const count = await dispatchOnce(bench.database, shallow)
    if (count === 0) return total
    total += count
  }
  throw new Error('the outbox does not become empty')
}

function countOf(publisher: ReturnType<typeof fakePublisher>, stage: Stage): number {
  return publisher.published.filter((job) => job.stage === stage).length
}

async function fill(tenantId: string, count: number, stage: Stage = 'extract', dueIn = '0 seconds'): Promise<void> {
  await bench.query(
    `INSERT INTO greffier.outbox (tenant_id, document_id, revision, stage, due_at)
     SELECT $1, gen_random_uuid(), 1, $2, now() + $4::interval FROM generate_series(1, $3)`,
    [tenantId, stage, count, dueIn],
  )
}

async function enqueueOne(): Promise<void> {
  await bench.tenant(async (tx) => {
    await enqueue(tx, 'extract', { tenant_id: bench.tenantId, document_id: newId(), revision: 1 }, 0)
    await wakeDispatchers(tx)
  })
}

async function waiting(): Promise<number> {
  return (await bench.query('SELECT FROM greffier.outbox')).length
}
