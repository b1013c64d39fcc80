import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Transaction } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startWorkerLoop, type WorkerLoop } from '../../../services/workers/loop.ts'
import type { StageHandler, StageHandlers, StageResult, StageRun } from '../../../services/workers/stage.ts'
import { AppError, errorCode } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { JOBS, STAGES, type Stage } from '../../../shared/contracts/jobs.ts'
import type { Database } from '../../../shared/database/connection.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'
import { addRevision, buryDocument } from '../../../shared/database/documents.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { openListener } from '../../../shared/database/listen.ts'
import { OUTBOX_CHANNEL } from '../../../shared/database/outbox.ts'
import type { Tables } from '../../../shared/database/schema.ts'
import { assertCurrent } from '../../../shared/database/stages.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { openPostgresQueues, openRedisQueues } from '../../../shared/queue/backend.ts'
import { startDispatcher } from '../../../shared/queue/dispatcher.ts'
import { openPublisher } from '../../../shared/queue/publish.ts'
import { NO_FAULTS } from '../../../shared/runtime/faults.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'
import { handQueue } from '../../support/hand-queue.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { testRedis } from '../../support/redis.ts'
import { retentionRules } from '../../support/retention.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

/** However often a stage failed, its next start is no further away. */
const BACKOFF_MS_MAX = 5 * 60_000

let bench: Workbench
let rules = 'the rules'

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a job takes its document through its stages, each with one completed event, and redelivering them all changes nothing', async () => {
  const { deliver, ran } = start()
  const key = await bench.upload()
  const pipeline = ['extract', 'enrich', 'index', 'done'] as const
  for (const stage of pipeline) await deliver(stage, key)
  const before = await snapshot(key)
  for (const stage of pipeline) {
    await deliver(stage, key)
    await Promise.all([deliver(stage, key), deliver(stage, key)])
  }
  expect(await snapshot(key)).toEqual(before)
  expect(ran).toEqual([...pipeline])
  expect(before.stages.map((row) => row.status)).toEqual(pipeline.map(() => 'completed'))
  expect((await record(key)).map((event) => [event.step, event.phase, event.result])).toEqual(
    pipeline.map((stage) => [stage, 'completed', 'ok']),
  )
})

test('of two deliveries at once the later start alone writes, and there is one event', async () => {
  const gates = [gate(), gate()]
  let starts = 0
  const { deliver } = start({
    extract: async () => {
      const mine = starts++
      await gates[mine]?.passed
      return { ...nothing(), write: (tx) => setLanguage(tx, key, mine === 0 ? 'aa' : 'bb') }
    },
  })
  const key = await bench.upload()
  const first = deliver('extract', key)
  await waitUntil(() => starts === 1, 'the first start')
  const second = deliver('extract', key)
  await waitUntil(() => starts === 2, 'the second start')
  gates[0]?.open()
  await first
  expect(await languageOf(key)).toBeNull()
  expect(await record(key)).toEqual([])
  gates[1]?.open()
  await second
  expect(await languageOf(key)).toBe('bb')
  expect(await record(key)).toHaveLength(1)
})

test('a stage that fails in its write leaves nothing of it: no row, no event, no next stage', async () => {
  const { deliver } = start({
    extract: async () => ({
      ...nothing(),
      write: async (tx) => {
        await setLanguage(tx, key, 'xx')
        throw new AppError('UNAVAILABLE')
      },
    }),
  })
  const key = await bench.upload()
  await deliver('extract', key)
  expect(await languageOf(key)).toBeNull()
  expect(await record(key)).toEqual([])
  expect((await snapshot(key)).stages).toMatchObject([{ stage: 'extract', status: 'pending', error_code: 'UNAVAILABLE' }])
})

test('what a handler returned, a document in clear, is not kept until the time of its stage is over', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let returned: WeakRef<StageResult> | undefined
  const { deliver } = start({
    extract: async () => {
      const result = nothing()
      returned = new WeakRef(result)
      return result
    },
  })
  await deliver('extract', await bench.upload())
  await waitUntil(async () => {
    // A WeakRef that was looked at lives until its turn of the event loop is over.
    await setImmediate()
    collect()
    return returned?.deref() === undefined
  }, 'the result to be collected')
})

test('a start whose time is over is told so before it writes to a store, although it stood still and heard no signal', async () => {
  const told: string[] = []
  const { deliver } = start(
    {
      extract: async (run) => {
        run.expectTime()
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
        try {
          run.expectTime()
        } catch (error) {
          told.push(errorCode(error))
        }
        return nothing()
      },
    },
    { extract: 100 },
  )
  await deliver('extract', await bench.upload())
  expect(told).toEqual(['STAGE_TIMEOUT'])
})

test('a start that waits for its turn in quarantine when the worker stops is left as it was, and no error', async () => {
  const blocking = gate()
  const { deliver, loop, lines } = start({
    extract: async (run) => {
      await Promise.race([blocking.passed, once(run.signal, 'abort')])
      return nothing()
    },
  })
  const keys = [await bench.upload(), await bench.upload()]
  for (const key of keys)
    await bench.query(`UPDATE greffier.stages SET status = 'running', epoch = 1, starts = 1 WHERE document_id = $1`, [key.document_id])
  const delivered = Promise.all(keys.map((key) => deliver('extract', key)))
  await waitUntil(
    async () => (await Promise.all(keys.map((key) => stageOf(key, 'extract')))).some((row) => row?.epoch === 2),
    'one to begin',
  )
  await loop.close(0)
  blocking.open()
  await delivered
  expect((await Promise.all(keys.map((key) => stageOf(key, 'extract')))).map((row) => row?.epoch).sort()).toEqual([1, 2])
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
})

describe('an error', () => {
  test.each(['enrich', 'extract'] as const)(
    'that passes is repeated with a growing pause, and in the end %s fails with its code',
    async (stage) => {
      const { deliver, ran } = start({ [stage]: () => Promise.reject(new AppError('MODEL_UNAVAILABLE')) })
      const key = await reach(stage)
      const pausesMs: number[] = []
      for (let attempt = 1; attempt <= JOBS[stage].attempts; attempt++) {
        await bench.query('DELETE FROM greffier.outbox WHERE document_id = $1', [key.document_id])
        await deliver(stage, key)
        if (attempt === JOBS[stage].attempts) break
        expect(await stageOf(key, stage)).toMatchObject({ status: 'pending', starts: attempt, error_code: 'MODEL_UNAVAILABLE' })
        pausesMs.push(await pauseMs(key))
      }
      pausesMs.forEach((pause, at) => {
        const full = Math.min(JOBS[stage].backoffMs * 2 ** at, BACKOFF_MS_MAX)
        expect(pause).toBeGreaterThan(full * 0.4)
        expect(pause).toBeLessThanOrEqual(full)
      })
      expect(await statusOf(key)).toEqual({ status: 'failed', error_code: 'MODEL_UNAVAILABLE' })
      expect(await outboxOf(key)).toEqual([])
      expect((await record(key)).map((event) => [event.phase, event.result, event.error_code])).toEqual([
        ['completed', 'failed', 'MODEL_UNAVAILABLE'],
      ])
      await deliver(stage, key)
      expect(ran.filter((one) => one === stage)).toHaveLength(JOBS[stage].attempts)
    },
  )

  test('of a server that says when to come back is repeated not before', async () => {
    const { deliver } = start({ extract: () => Promise.reject(new AppError('RATE_LIMITED', undefined, { retryAfterSeconds: 100 })) })
    const key = await bench.upload()
    await bench.query('DELETE FROM greffier.outbox WHERE document_id = $1', [key.document_id])
    await deliver('extract', key)
    expect(await pauseMs(key)).toBeGreaterThan(99_000)
  })

  test('that stays fails the document at once, with its code', async () => {
    const { deliver } = start({ extract: () => Promise.reject(new AppError('PDF_ENCRYPTED')) })
    const key = await bench.upload()
    await deliver('extract', key)
    expect(await statusOf(key)).toEqual({ status: 'failed', error_code: 'PDF_ENCRYPTED' })
    expect(await record(key)).toMatchObject([
      { step: 'extract', operation: 'Analyse', phase: 'completed', result: 'failed', error_code: 'PDF_ENCRYPTED' },
    ])
  })

  test('of the policy ends the document as refused, with a refused event, and is not repeated', async () => {
    const { deliver, ran } = start({ enrich: () => Promise.reject(new AppError('POLICY_REFUSED')) })
    const key = await reach('enrich')
    await deliver('enrich', key)
    await deliver('enrich', key)
    expect(await statusOf(key)).toEqual({ status: 'refused', error_code: 'POLICY_REFUSED' })
    expect(await record(key)).toMatchObject([{ step: 'enrich', phase: 'refused', error_code: 'POLICY_REFUSED' }])
    expect(ran).toEqual(['enrich'])
  })

  test('of the policy is remembered under the rules of the day on which the start began, so that the next day’s try it again', async () => {
    onTestFinished(() => {
      rules = 'the rules'
    })
    const { deliver } = start({
      enrich: () => {
        rules = 'the rules after midnight'
        return Promise.reject(new AppError('POLICY_REFUSED'))
      },
    })
    const key = await reach('enrich')
    await deliver('enrich', key)
    const rows = await bench.query('SELECT refused_under FROM greffier.stages WHERE document_id = $1 AND stage = $2', [
      key.document_id,
      'enrich',
    ])
    expect(rows).toEqual([{ refused_under: ['the rules'] }])
  })

  test('that is not ours is repeated as INTERNAL, and its message is written nowhere', async () => {
    const { deliver, lines } = start({ extract: () => Promise.reject(new Error('Anna Müller')) })
    const key = await bench.upload()
    await deliver('extract', key)
    expect(await stageOf(key, 'extract')).toMatchObject({ status: 'pending', error_code: 'INTERNAL' })
    expect(lines.some((line) => line.level === 'error' && line.fields.documentId === key.document_id)).toBe(true)
    expect(JSON.stringify(lines)).not.toContain('Müller')
    expect(JSON.stringify(await snapshot(key))).not.toContain('Müller')
  })

  test('that a handler throws before it returns a promise is like any other', async () => {
    const { deliver } = start({
      extract: () => {
        throw new AppError('NO_TEXT')
      },
    })
    const key = await bench.upload()
    await deliver('extract', key)
    expect(await statusOf(key)).toEqual({ status: 'failed', error_code: 'NO_TEXT' })
  })
})

test('a result that says `failed` keeps its findings and ends the document with that reason', async () => {
  const { deliver } = start({ extract: async () => ({ ...nothing(), write: (tx) => setLanguage(tx, key, 'de'), failed: 'NO_TEXT' }) })
  const key = await bench.upload()
  await deliver('extract', key)
  expect(await statusOf(key)).toEqual({ status: 'failed', error_code: 'NO_TEXT' })
  expect(await languageOf(key)).toBe('de')
  expect(await record(key)).toMatchObject([{ phase: 'completed', result: 'failed', error_code: 'NO_TEXT' }])
  expect((await snapshot(key)).stages).toHaveLength(1)
})

test('a stage that was started too often without an end fails as ATTEMPTS_EXHAUSTED without running', async () => {
  const { deliver, ran } = start()
  const key = await bench.upload()
  await bench.query(`UPDATE greffier.stages SET status = 'running', starts = $2, epoch = $2 WHERE document_id = $1`, [
    key.document_id,
    JOBS.extract.attempts,
  ])
  await deliver('extract', key)
  expect(ran).toEqual([])
  expect(await statusOf(key)).toEqual({ status: 'failed', error_code: 'ATTEMPTS_EXHAUSTED' })
})

test('a handler that does not heed its signal times out as STAGE_TIMEOUT, and what it writes later is refused', async () => {
  const late = gate()
  let run: StageRun | undefined
  const { deliver } = start(
    {
      extract: async (given) => {
        run = given
        await late.passed
        return { ...nothing(), write: (tx) => setLanguage(tx, key, 'xx') }
      },
    },
    { extract: 100 },
  )
  const key = await bench.upload()
  await deliver('extract', key)
  expect(await stageOf(key, 'extract')).toMatchObject({ status: 'pending', error_code: 'STAGE_TIMEOUT', starts: 1 })
  expect(run?.signal.aborted).toBe(true)
  late.open()
  // The handler's own transaction, as the index stage has one, meets the fence.
  await expect(bench.tenant((tx) => assertCurrent(tx, { ...key, stage: 'extract' }, run?.epoch ?? 0))).rejects.toMatchObject({
    code: 'STALE_EPOCH',
  })
  expect(await languageOf(key)).toBeNull()
  expect(await record(key)).toEqual([])
})

describe('while a stage runs', () => {
  test.each([
    ['an erasure', 'DOCUMENT_ERASED', (key: RevisionKey) => bench.tenant((tx) => buryDocument(tx, bench.tenantId, key.document_id))],
    [
      'a newer revision',
      'REVISION_SUPERSEDED',
      (key: RevisionKey) => bench.tenant((tx) => addRevision(tx, bench.tenantId, key.document_id, 'reprocess')),
    ],
  ] as const)('%s makes its result, and its failure, nobody’s business, and its stage ends as %s', async (_what, code, takeOver) => {
    for (const outcome of [async () => nothing(), () => Promise.reject(new AppError('PDF_ENCRYPTED'))]) {
      const going = gate()
      let running = false
      const { deliver } = start({
        extract: async () => {
          running = true
          await going.passed
          return outcome()
        },
      })
      const key = await bench.upload()
      const delivered = deliver('extract', key)
      await waitUntil(() => running, 'the stage to run')
      await takeOver(key)
      const status = await statusOf(key)
      going.open()
      await delivered
      expect(await statusOf(key)).toEqual(status)
      expect(await record(key)).toEqual([])
      expect(await stageOf(key, 'extract')).toMatchObject({ status: 'failed', error_code: code })
    }
  })
})

describe('a start is open', () => {
  test.each([
    ['completes', async () => nothing()],
    ['ends with a finding', async () => ({ ...nothing(), failed: 'NO_TEXT' as const })],
    ['has to look again', async () => ({ ...nothing(), againInMs: 1_000 })],
    ['fails and is repeated', () => Promise.reject(new AppError('UNAVAILABLE'))],
    ['waits for its provider', () => Promise.reject(new AppError('MODEL_BUSY'))],
    ['fails for good', () => Promise.reject(new AppError('PDF_ENCRYPTED'))],
    ['is refused', () => Promise.reject(new AppError('POLICY_REFUSED'))],
  ])('while its handler is at work, and no longer when it %s', async (_how, end) => {
    const going = gate()
    const { deliver, ran } = start({
      extract: async () => {
        await going.passed
        return end()
      },
    })
    const key = await bench.upload()
    const delivered = deliver('extract', key)
    await waitUntil(() => ran.length === 1, 'the stage to run')
    expect(await openOf(key)).toEqual([1])
    going.open()
    await delivered
    expect(await openOf(key)).toEqual([])
  })

  test('no longer when its starts are used up and it is never run', async () => {
    const { deliver } = start()
    const key = await bench.upload()
    await bench.query('UPDATE greffier.stages SET starts = $2 WHERE document_id = $1', [key.document_id, JOBS.extract.attempts])
    await deliver('extract', key)
    expect([await openOf(key), (await statusOf(key))?.error_code]).toEqual([[], 'ATTEMPTS_EXHAUSTED'])
  })

  test('after its time for as long as its handler does not heed the signal', async () => {
    const late = gate()
    const { deliver } = start(
      {
        extract: async () => {
          await late.passed
          return nothing()
        },
      },
      { extract: 100 },
    )
    const key = await bench.upload()
    await deliver('extract', key)
    expect(await stageOf(key, 'extract')).toMatchObject({ status: 'pending', error_code: 'STAGE_TIMEOUT' })
    expect(await openOf(key)).toEqual([1])
    late.open()
    await waitUntil(async () => (await openOf(key)).length === 0, 'it to say that it has ended')
  })

  test('beside the one that took over from it, until it ends itself', async () => {
    const gates = [gate(), gate()]
    const { deliver, ran } = start({
      extract: async () => {
        await gates[ran.length - 1]?.passed
        return nothing()
      },
    })
    const key = await bench.upload()
    const first = deliver('extract', key)
    await waitUntil(() => ran.length === 1, 'the first start')
    const second = deliver('extract', key)
    await waitUntil(() => ran.length === 2, 'the second start')
    gates[1]?.open()
    await second
    expect(await openOf(key)).toEqual([1])
    gates[0]?.open()
    await first
    expect(await openOf(key)).toEqual([])
  })

  test('although it has ended, when a store gave no answer to what it wrote', async () => {
    const { deliver } = start({
      extract: ({ leaveUnanswered }) => {
        leaveUnanswered()
        return Promise.reject(new AppError('UNAVAILABLE'))
      },
    })
    const key = await bench.upload()
    await deliver('extract', key)
    expect(await openOf(key)).toEqual([1])
  })

  test('no longer than the database cannot be told of its end', async () => {
    let away = false
    const going = gate()
    const transaction = () => ({
      execute: <Result>(work: (tx: Transaction<Tables>) => Promise<Result>) =>
        away ? Promise.reject(new AppError('UNAVAILABLE')) : bench.database.transaction().execute(work),
    })
    const database = { transaction, declare: bench.database.declare } as unknown as Database
    const { deliver, lines } = start(
      {
        extract: async () => {
          await going.passed
          return nothing()
        },
      },
      {},
      { database },
    )
    const key = await bench.upload()
    const delivered = deliver('extract', key)
    await waitUntil(async () => (await openOf(key)).length === 1, 'the stage to run')
    away = true
    going.open()
    await expect(delivered).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await waitUntil(() => lines.some(({ message }) => message === 'a late start could not say that it has ended'), 'it to try')
    expect(await openOf(key)).toEqual([1])
    away = false
    await waitUntil(async () => (await openOf(key)).length === 0, 'it to say that it has ended')
    expect(await stageOf(key, 'extract')).toMatchObject({ status: 'running', epoch: 1 })
  })
})

describe('closing', () => {
  test('lets active work finish', async () => {
    const going = gate()
    const { deliver, loop, ran } = start({
      extract: async () => {
        await going.passed
        return nothing()
      },
    })
    const key = await bench.upload()
    const delivered = deliver('extract', key)
    await waitUntil(() => ran.length === 1, 'the stage to run')
    const closing = loop.close(60_000)
    going.open()
    await Promise.all([closing, delivered])
    expect(await stageOf(key, 'extract')).toMatchObject({ status: 'completed', starts: 1 })
  })

  test('hands back what does not end in time, heeding its signal or not, and the start does not count', async () => {
    const { deliver, loop, ran } = start({
      extract: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
      enrich: () => new Promise(() => undefined),
    })
    const [heeding, deaf] = [await bench.upload(), await reach('enrich')]
    await bench.query('TRUNCATE greffier.outbox')
    const delivered = [deliver('extract', heeding), deliver('enrich', deaf)]
    await waitUntil(() => ran.length === 2, 'both stages to run')
    const closing = loop.close(50)
    await Promise.all(delivered)
    for (const [key, stage] of [
      [heeding, 'extract'],
      [deaf, 'enrich'],
    ] as const) {
      expect(await stageOf(key, stage)).toMatchObject({ status: 'pending', starts: 0, error_code: null })
      expect(await outboxOf(key)).toEqual([stage])
      // Not at once: the queue still holds the job that is being handed back, and would ignore it.
      expect(await pauseMs(key)).toBeGreaterThan(500)
    }
    // The deaf one is waited for no longer than a moment.
    await closing
  })

  test('waits for a handler that heeds its signal a little later, and says that it has ended', async () => {
    const ending = gate()
    const { deliver, loop, ran } = start({
      extract: async ({ signal }) => {
        await once(signal, 'abort')
        await ending.passed
        throw signal.reason
      },
    })
    const key = await bench.upload()
    const delivered = deliver('extract', key)
    await waitUntil(() => ran.length === 1, 'the stage to run')
    const closing = loop.close(0)
    await delivered
    ending.open()
    await closing
    expect(await openOf(key)).toEqual([])
  })

  test('hands back a job that was just about to begin when the time was over', async () => {
    const [held, stopped] = [gate(), gate()]
    const { deliver, loop, ran } = start(
      {
        extract: ({ signal }) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => {
              stopped.open()
              reject(signal.reason)
            }),
          ),
        enrich: () => new Promise(() => undefined),
      },
      {},
      {
        tenants: {
          ...bench.tenants,
          keys: async (tenantId) => {
            if (ran.length > 0) await held.passed
            return bench.tenants.keys(tenantId)
          },
        },
      },
    )
    const [first, late] = [await bench.upload(), await reach('enrich')]
    const delivered = [deliver('extract', first)]
    await waitUntil(() => ran.length === 1, 'the first stage to run')
    delivered.push(deliver('enrich', late))
    await waitUntil(async () => (await stageOf(late, 'enrich'))?.status === 'running', 'the late stage to begin')
    const closing = loop.close(0)
    await stopped.passed
    held.open()
    await Promise.all([...delivered, closing])
    expect(ran).toEqual(['extract'])
    expect(await stageOf(late, 'enrich')).toMatchObject({ status: 'pending', starts: 0 })
  })

  test('ends although the queue’s engine is gone', async () => {
    const redis = await testRedis()
    onTestFinished(() => redis.close())
    const backend = openRedisQueues(redis.url, () => undefined)
    onTestFinished(() => backend.close())
    const loop = startWorkerLoop({ ...services(), backend, handlers: handlersOf({}, []) })
    await waitUntil(async () => {
      try {
        await backend.ping()
        return true
      } catch {
        return false
      }
    }, 'the connection')
    await redis.close()
    await loop.close(100)
  })
})

test.each(['PostgreSQL', 'Redis'] as const)(
  'a shutdown under load on %s loses nothing: what was handed back is finished by the next process',
  async (engine) => {
    await bench.query(`TRUNCATE greffier.outbox; UPDATE greffier.stages SET status = 'completed'`)
    const redis = engine === 'Redis' ? await testRedis() : null
    const open = async () =>
      redis ? openRedisQueues(redis.url, () => undefined) : openPostgresQueues(bench.ownerUrl, bench.serviceUrl, () => undefined)
    const listener = await openListener(bench.serviceUrl, [OUTBOX_CHANNEL])
    const [one, two] = [await open(), await open()]
    const publisher = openPublisher(two)
    const dispatcher = startDispatcher({ database: bench.database, publisher, listener, log: recordingLog().log, passPoint: NO_FAULTS })
    onTestFinished(async () => {
      await dispatcher.close()
      await publisher.close()
      await listener.close()
      await one.close()
      await two.close()
      await redis?.close()
    })
    const ran: string[] = []
    const stuck: StageHandler = ({ signal, key }) => {
      ran.push(key.document_id)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const first = startWorkerLoop({ ...services(), backend: one, handlers: handlersOf({ extract: stuck }, []) })
    const keys = await Promise.all(Array.from({ length: 20 }, () => bench.upload()))
    await waitUntil(() => ran.length >= JOBS.extract.concurrency, 'the first process to be busy')
    await first.close(100)
    const second = startWorkerLoop({ ...services(), backend: two, handlers: handlersOf({}, []) })
    onTestFinished(() => second.close(1_000))
    const completed = `SELECT FROM greffier.documents d JOIN greffier.stages s ON s.document_id = d.id AND s.stage = 'done'
      WHERE s.status = 'completed' AND d.id = ANY($1)`
    const ids = keys.map((key) => key.document_id)
    await waitUntil(async () => (await bench.query(completed, [ids])).length === keys.length, 'every document to be done')
    const starts = await bench.query<{ starts: number }>('SELECT DISTINCT starts FROM greffier.stages WHERE document_id = ANY($1)', [ids])
    expect(starts).toEqual([{ starts: 1 }])
    for (const key of keys) expect((await record(key)).map((event) => event.step)).toEqual(['extract', 'enrich', 'index', 'done'])
  },
)

test('a payload that is no job is refused, and said so in the log', async () => {
  const { deliver, lines } = start()
  await expect(deliver('extract', { tenant_id: 'nobody', document_id: newId(), revision: 0 })).rejects.toThrow()
  expect(lines.map((line) => line.level)).toEqual(['error'])
})

interface Started {
  deliver: ReturnType<typeof handQueue>['deliver']
  loop: WorkerLoop
  /** The stages whose handler was called, in order. */
  ran: Stage[]
  lines: ReturnType<typeof recordingLog>['lines']
}

function start(
  handlers: Partial<StageHandlers> = {},
  timeoutsMs: Partial<Record<Stage, number>> = {},
  others: { tenants?: Tenants; database?: Database } = {},
): Started {
  const queue = handQueue()
  const ran: Stage[] = []
  const { log, lines } = recordingLog()
  const restore = STAGES.map((stage) => [JOBS[stage], JOBS[stage].timeoutMs] as const)
  for (const stage of STAGES) Object.assign(JOBS[stage], { timeoutMs: timeoutsMs[stage] ?? JOBS[stage].timeoutMs })
  onTestFinished(() => {
    for (const [job, timeoutMs] of restore) Object.assign(job, { timeoutMs })
  })
  const loop = startWorkerLoop({ ...services(), ...others, log, backend: queue.backend, handlers: handlersOf(handlers, ran) })
  return { deliver: queue.deliver, loop, ran, lines }
}

function services() {
  return {
    database: bench.database,
    tenants: bench.tenants,
    log: recordingLog().log,
    metrics: createMetrics(),
    passPoint: NO_FAULTS,
    refusedUnder: () => rules,
    retention: retentionRules(),
    onDue: () => undefined,
  }
}

/** Handlers that do nothing, where a test gives no other. */
function handlersOf(handlers: Partial<StageHandlers>, ran: Stage[]): StageHandlers {
  return Object.fromEntries(
    STAGES.map((stage): [Stage, StageHandler] => [
      stage,
      (run) => {
        ran.push(stage)
        return (handlers[stage] ?? (async () => nothing()))(run)
      },
    ]),
  ) as unknown as StageHandlers
}

function nothing(): StageResult {
  return { write: async () => undefined, event: { operation: 'Analyse' } }
}

function gate(): { open: () => void; passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: resolve, passed: promise }
}

/** A document whose pipeline has come as far as `stage`. */
async function reach(stage: Stage): Promise<RevisionKey> {
  const key = await bench.upload()
  await bench.query(`UPDATE greffier.stages SET stage = $2 WHERE document_id = $1`, [key.document_id, stage])
  return key
}

async function setLanguage(tx: Parameters<StageResult['write']>[0], key: RevisionKey, language: string): Promise<void> {
  await tx.updateTable('documents').set({ language }).where('id', '=', key.document_id).execute()
}

async function languageOf(key: RevisionKey): Promise<string | null> {
  const [row] = await bench.query<{ language: string | null }>('SELECT language FROM greffier.documents WHERE id = $1', [key.document_id])
  return row?.language ?? null
}

async function statusOf(key: RevisionKey) {
  const [row] = await bench.query<{ status: string; error_code: string | null }>(
    'SELECT status, error_code FROM greffier.documents WHERE id = $1',
    [key.document_id],
  )
  return row
}

async function stageOf(key: RevisionKey, stage: Stage) {
  return (await snapshot(key)).stages.find((row) => row.stage === stage && row.revision === key.revision)
}

/** The epochs of the starts of `extract` that have not said that their work has returned. */
async function openOf(key: RevisionKey): Promise<number[]> {
  const rows = await bench.query<{ open_epochs: number[] }>(
    'SELECT open_epochs FROM greffier.stages WHERE document_id = $1 AND stage = $2',
    [key.document_id, 'extract'],
  )
  return rows[0]?.open_epochs ?? []
}

async function snapshot(key: RevisionKey) {
  return {
    stages: await bench.query<{ stage: Stage; status: string; revision: number; epoch: number; starts: number; error_code: string | null }>(
      `SELECT stage, status, revision, epoch, starts, error_code FROM greffier.stages WHERE document_id = $1
       ORDER BY array_position(ARRAY['extract', 'enrich', 'index', 'done', 'erase'], stage)`,
      [key.document_id],
    ),
    outbox: await outboxOf(key),
    events: await record(key),
    document: await bench.query('SELECT * FROM greffier.documents WHERE id = $1', [key.document_id]),
  }
}

async function outboxOf(key: RevisionKey): Promise<string[]> {
  const rows = await bench.query<{ stage: string }>('SELECT stage FROM greffier.outbox WHERE document_id = $1 ORDER BY id', [
    key.document_id,
  ])
  return rows.map((row) => row.stage)
}

/** From now until the document's only outbox row is due, in milliseconds. */
async function pauseMs(key: RevisionKey): Promise<number> {
  const rows = await bench.query<{ ms: number }>(
    'SELECT extract(epoch FROM due_at - now())::float * 1000 AS ms FROM greffier.outbox WHERE document_id = $1',
    [key.document_id],
  )
  expect(rows).toHaveLength(1)
  return rows[0]?.ms ?? Number.NaN
}

function record(key: RevisionKey) {
  return bench.tenant((tx) => readRecord(tx, key.document_id))
}
