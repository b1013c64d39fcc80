import { expect, test } from 'vitest'
import { JOBS } from '../../shared/contracts/jobs.ts'
import { places, type ServiceProcess, type ServiceProcesses, serviceProcesses } from '../support/service-processes.ts'
import { type SlowAnswer, slowUpload } from '../support/slow-upload.ts'
import { waitUntil } from '../support/wait.ts'
import { heldModel } from './held-model.ts'
import { sweptClean, untilCompletedOnce } from './outcomes.ts'
import { ownPostgres } from './own-postgres.ts'
import { type OverQueue, overPostgres, overRedis, type QueueEngine } from './queues.ts'
import { send, upload } from './requests.ts'
import { letter } from './texts.ts'

const TEST_MS = 240_000
const WAITING = 2
/** What one worker process has at a model that does not answer. Whoever takes over from it needs a place beside those that waited. */
const ENRICH_AT_ONCE = JOBS.enrich.concurrency
/** An upload is taken in as fast as ever while the queue is away: this is for the machine's sake. */
const ACCEPTED_MS_MAX = 5_000
/** A refusal that waits for the body would wait longer than this: the server gives a slow client five seconds. */
const REFUSED_MS_MAX = 4_000
/** Sentences of an upload that can be caught halfway. */
const MANY = 10_000

test('a queue that is emptied by force while jobs wait and run is rebuilt by the sweeper, and nothing takes effect twice', {
  timeout: TEST_MS,
}, async () => {
  const lanes = [async () => inTheMiddle(overPostgres), async () => inTheMiddle(overRedis)]
  await Promise.all(
    lanes.map(async (open) => {
      const { engine, services, ids, worker, answerAll } = await open()
      await engine.empty()
      const other = await services.start('workers')
      await takenOver(services, engine)
      answerAll()
      await untilCompletedOnce(services, ids, engine.name)
      await stopped([worker, other])
      expect(worker.stderr(), engine.name).toContain('another start, revision or an erasure took over')
      await untilCompletedOnce(services, ids, engine.name)
    }),
  )
})

test('while Redis is down documents are accepted and wait; over an empty Redis in its place they finish, with those that were under way, once each', {
  timeout: TEST_MS,
}, async () => {
  const { engine, services, ids, ingest, worker, answerAll } = await inTheMiddle(overRedis)
  await engine.kill()
  const late = await services.start('ingest')
  const waiting: string[] = []
  for (const through of [ingest, late, ingest]) {
    const startedAtMs = performance.now()
    waiting.push(await upload(services, through))
    expect(performance.now() - startedAtMs).toBeLessThan(ACCEPTED_MS_MAX)
  }
  await waitUntil(async () => (await send(services, worker, 'GET', '/readyz')).status === 503, 'the worker to say that it is not ready')
  // Who takes documents is ready to: a load balancer leaves it in.
  for (const through of [ingest, late]) expect((await send(services, through, 'GET', '/readyz')).status).toBe(200)
  for (const id of waiting) {
    const shown = await send(services, late, 'GET', `/v1/documents/${id}`)
    expect(await shown.json()).toMatchObject({ status: 'received' })
  }
  // These have never seen the Redis that died.
  const others = await Promise.all([services.start('workers'), services.start('workers')])
  await engine.replace()
  await takenOver(services, engine)
  answerAll()
  await untilCompletedOnce(services, [...ids, ...waiting], engine.name)
  for (const process of [ingest, late, worker, ...others])
    await waitUntil(async () => (await send(services, process, 'GET', '/readyz')).status === 200, 'every process to be ready again')
  await stopped([worker, ...others])
  await untilCompletedOnce(services, [...ids, ...waiting], engine.name)
})

test('while PostgreSQL is down an upload is refused with 503 and Retry-After before its body is asked for, and one that it interrupts leaves nothing; both work again without a restart', {
  timeout: TEST_MS,
}, async () => {
  const postgres = await ownPostgres()
  const services = await serviceProcesses({}, postgres)
  const [ingest, worker] = await Promise.all([services.start('ingest'), services.start('workers')])
  const before = await upload(services, ingest)
  await untilCompletedOnce(services, [before], 'before')
  const interrupted = slowUpload(services, ingest, letter(MANY))
  interrupted.sendHalf()
  await waitUntil(async () => (await places(services)).incoming.length === 1, 'an upload to be halfway')
  await postgres.stop()
  interrupted.sendRest()
  expect(await interrupted.answer).toMatchObject(REFUSAL)

  const asking = slowUpload(services, ingest, letter(MANY), { expect: '100-continue' })
  expect(await asking.answer).toMatchObject(REFUSAL)
  expect(asking.invited()).toBe(false)
  const slow = slowUpload(services, ingest, letter(MANY))
  slow.sendHalf()
  const startedAtMs = performance.now()
  expect(await slow.answer).toMatchObject(REFUSAL)
  expect(performance.now() - startedAtMs).toBeLessThan(REFUSED_MS_MAX)
  const text = letter()
  expect(await answerOf(send(services, ingest, 'POST', '/v1/documents?file_name=a.txt', text))).toMatchObject(REFUSAL)
  expect(await answerOf(send(services, worker, 'GET', '/readyz'))).toMatchObject(REFUSAL)

  await postgres.start()
  await waitUntil(async () => (await send(services, ingest, 'GET', '/readyz')).status === 200, 'ingest to be ready again')
  const again = slowUpload(services, ingest, letter(MANY), { expect: '100-continue' })
  await waitUntil(again.invited, 'the body to be asked for')
  again.sendHalf()
  again.sendRest()
  const { status, body } = await again.answer
  expect(status).toBe(202)
  const ids = [before, (JSON.parse(body) as { document_id: string }).document_id, await upload(services, ingest, text)]
  await untilCompletedOnce(services, ids, 'after')
  await sweptClean(services, ids)
  expect((await places(services)).documents).toEqual([...ids].sort())
})

/**
 * A worker that has as many documents as it takes at a model that does not answer, and more of them waiting in the queue. `answerAll` lets the model
 * answer what it was asked and all that follows.
 */
async function inTheMiddle<Engine extends QueueEngine>(over: (variables: Record<string, string>) => Promise<OverQueue<Engine>>) {
  const answering = Promise.withResolvers<void>()
  const { engine, services } = await over(await heldModel(() => answering.promise))
  const [ingest, worker] = await Promise.all([services.start('ingest'), services.start('workers')])
  const ids = await Promise.all(Array.from({ length: ENRICH_AT_ONCE + WAITING }, () => upload(services, ingest)))
  await waitUntil(async () => {
    const { waiting, active } = await engine.jobs()
    const asked = await services.rows(`SELECT FROM stages WHERE stage = 'enrich' AND status = 'running'`)
    return asked.length === ENRICH_AT_ONCE && active.length >= ENRICH_AT_ONCE && waiting.length >= WAITING
  }, `jobs to wait and to run: ${engine.name}`)
  return { engine, services, ids, ingest, worker, answerAll: answering.resolve }
}

/** Another start has begun beside one whose job was lost. */
async function takenOver({ rows }: ServiceProcesses, { name }: QueueEngine): Promise<void> {
  await waitUntil(async () => (await rows(`SELECT FROM stages WHERE stage = 'enrich' AND epoch > 1`)).length > 0, `a second start: ${name}`)
}

/** Whatever they still did is done. */
async function stopped(processes: readonly ServiceProcess[]): Promise<void> {
  for (const process of processes) process.kill('SIGTERM')
  for (const process of processes) expect(await process.exited).toEqual({ exitCode: 0, signal: null })
}

const REFUSAL = {
  status: 503,
  headers: { 'retry-after': '5', 'content-type': 'application/problem+json' },
  body: expect.stringContaining('"UNAVAILABLE"'),
}

async function answerOf(answered: Promise<Response>): Promise<SlowAnswer> {
  const response = await answered
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
}
