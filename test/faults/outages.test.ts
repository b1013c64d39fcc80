import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { startByteRelay } from '../support/byte-relay.ts'
import { startModelDouble } from '../support/model-double.ts'
import { providerConfig, registerWith } from '../support/provider-config.ts'
import { places, type ServiceProcess, type ServiceProcesses, serviceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { completedOnce, send, sweptClean, uniqueText, upload } from './outcomes.ts'
import { ownPostgres } from './own-postgres.ts'
import { type OverQueue, overPostgres, overRedis, type QueueEngine } from './queues.ts'

const TEST_MS = 240_000
const DOCUMENTS = 8
const WAITING_MIN = 2
/** Starts of enrich at once in one worker process. */
const ENRICH_AT_ONCE = 4
/** An upload is taken in as fast as ever while the queue is away: this is for the machine's sake. */
const ACCEPTED_MS_MAX = 5_000
/** A refusal that waits for the body would wait longer than this: the server gives a slow client five seconds. */
const REFUSED_MS_MAX = 4_000

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
      await completedOnce(services, ids, engine.name)
      await stopped([worker, other])
      expect(worker.stderr(), engine.name).toContain('another start, revision or an erasure took over')
      await completedOnce(services, ids, engine.name)
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
  expect((await send(services, ingest, 'GET', '/healthz')).status).toBe(200)
  for (const id of waiting) {
    const shown = await send(services, late, 'GET', `/v1/documents/${id}`)
    expect(await shown.json()).toMatchObject({ status: 'received' })
  }
  // This one has never seen the Redis that died.
  const other = await services.start('workers')
  await engine.replace()
  await takenOver(services, engine)
  answerAll()
  await completedOnce(services, [...ids, ...waiting], engine.name)
  for (const process of [ingest, late, worker, other])
    await waitUntil(async () => (await send(services, process, 'GET', '/readyz')).status === 200, 'every process to be ready again')
  await stopped([worker, other])
  await completedOnce(services, [...ids, ...waiting], engine.name)
})

test('while PostgreSQL is down an upload is refused with 503 and Retry-After before its body is asked for, and one that it interrupts leaves nothing; both work again without a restart', {
  timeout: TEST_MS,
}, async () => {
  const postgres = await ownPostgres()
  const services = await serviceProcesses({}, postgres)
  const [ingest, worker] = await Promise.all([services.start('ingest'), services.start('workers')])
  const before = await upload(services, ingest)
  await completedOnce(services, [before], 'before')
  const interrupted = slowUpload(services, ingest)
  interrupted.sendHalf()
  await waitUntil(async () => (await places(services)).incoming.length === 1, 'an upload to be halfway')
  await postgres.stop()
  interrupted.sendRest()
  expect(await interrupted.answer).toMatchObject(REFUSAL)

  const asking = slowUpload(services, ingest, { expect: '100-continue' })
  expect(await asking.answer).toMatchObject(REFUSAL)
  expect(asking.invited()).toBe(false)
  const slow = slowUpload(services, ingest)
  slow.sendHalf()
  const startedAtMs = performance.now()
  expect(await slow.answer).toMatchObject(REFUSAL)
  expect(performance.now() - startedAtMs).toBeLessThan(REFUSED_MS_MAX)
  const text = uniqueText()
  expect(await answerOf(send(services, ingest, 'POST', '/v1/documents?file_name=a.txt', text))).toMatchObject(REFUSAL)
  expect(await answerOf(send(services, worker, 'GET', '/readyz'))).toMatchObject(REFUSAL)

  await postgres.start()
  await waitUntil(async () => (await send(services, ingest, 'GET', '/readyz')).status === 200, 'ingest to be ready again')
  const again = slowUpload(services, ingest, { expect: '100-continue' })
  await waitUntil(again.invited, 'the body to be asked for')
  again.sendHalf()
  again.sendRest()
  const { status, body } = await again.answer
  expect(status).toBe(202)
  const ids = [before, (JSON.parse(body) as { document_id: string }).document_id, await upload(services, ingest, text)]
  await completedOnce(services, ids, 'after')
  await sweptClean(services, ids)
  expect((await places(services)).documents).toEqual([...ids].sort())
})

/**
 * A worker that has as many documents as it takes at a model that does not answer, and more of them waiting in the queue. `answerAll` lets the model
 * answer what it was asked and all that follows.
 */
async function inTheMiddle<Engine extends QueueEngine>(over: (variables: Record<string, string>) => Promise<OverQueue<Engine>>) {
  const { variables, answerAll } = await silentModel()
  const { engine, services } = await over(variables)
  const [ingest, worker] = await Promise.all([services.start('ingest'), services.start('workers')])
  const ids = await Promise.all(Array.from({ length: DOCUMENTS }, () => upload(services, ingest)))
  await waitUntil(async () => {
    const { waiting, active } = await engine.jobs()
    const asked = await services.rows(`SELECT FROM stages WHERE stage = 'enrich' AND status = 'running'`)
    return asked.length === ENRICH_AT_ONCE && active.length >= ENRICH_AT_ONCE && waiting.length >= WAITING_MIN
  }, `jobs to wait and to run: ${engine.name}`)
  return { engine, services, ids, ingest, worker, answerAll }
}

async function silentModel(): Promise<{ variables: Record<string, string>; answerAll: () => void }> {
  const answering = Promise.withResolvers<void>()
  const double = await startModelDouble()
  onTestFinished(() => double.close())
  const relay = await startByteRelay(double.origin, () => answering.promise)
  onTestFinished(() => relay.close())
  const variables = { ...providerConfig(relay.baseUrl), PROCESSORS_FILE: registerWith(relay.baseUrl), PROVIDERS: 'mistral' }
  return { variables, answerAll: answering.resolve }
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

interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

async function answerOf(answered: Promise<Response>): Promise<Answer> {
  const response = await answered
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
}

/** A request whose body is sent by hand. */
function slowUpload({ apiKey }: ServiceProcesses, { url }: ServiceProcess, headers: Record<string, string> = {}) {
  const text = `${uniqueText()}${' Alles war in Ordnung.'.repeat(10_000)}`
  const request = httpRequest(`${url}/v1/documents?file_name=a.txt`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-length': text.length, ...headers },
  })
  let invited = false
  request.on('continue', () => {
    invited = true
  })
  request.flushHeaders()
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      readText(response).then((body) => resolve({ status: response.statusCode, headers: response.headers, body }), reject)
    })
  })
  return {
    answer,
    invited: () => invited,
    sendHalf: () => void request.write(text.slice(0, text.length / 2)),
    sendRest: () => void request.end(text.slice(text.length / 2)),
  }
}
