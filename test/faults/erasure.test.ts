import { Client } from 'pg'
import { expect, test } from 'vitest'
import type { UploadAccepted } from '../../shared/contracts/document.ts'
import type { FaultPoint } from '../../shared/runtime/faults.ts'
import { isStopped } from '../support/process.ts'
import { places, type ServiceProcess, type ServiceProcesses, serviceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { NOTHING, recordOf, traces, untilCompletedOnce } from './outcomes.ts'
import { type OverQueue, overPostgres, overRedis, type QueueEngine } from './queues.ts'
import { send, upload } from './requests.ts'
import { letter } from './texts.ts'

const TEST_MS = 240_000
const RACES = 12

/** Where a worker stops with a document in its hands, and what becomes of that worker when the document is erased. */
type Link = [point: FaultPoint, end: 'goes on' | 'is killed']

const OVER_POSTGRES: Link[] = [
  ['extract:started', 'goes on'],
  ['enrich:worked', 'goes on'],
  ['index:started', 'goes on'],
  ['index:registered', 'goes on'],
  ['index:worked', 'is killed'],
  ['done:started', 'goes on'],
]
const OVER_REDIS: Link[] = [
  ['extract:worked', 'goes on'],
  ['enrich:started', 'goes on'],
  ['enrich:worked', 'is killed'],
  ['index:worked', 'goes on'],
  ['done:worked', 'goes on'],
]

test('an erasure begun while a stage runs leaves nothing in any store: not when that stage goes on, not when it is killed, not after the last lock', {
  timeout: TEST_MS,
}, async () => {
  await Promise.all([eraseAtEach(OVER_POSTGRES, await overPostgres()), eraseAtEach(OVER_REDIS, await overRedis())])
})

/** One worker after the other stops itself with a document in its hands; the next one erases it, and then is the one that stops. */
async function eraseAtEach(links: Link[], { engine, services }: OverQueue<QueueEngine>): Promise<void> {
  const ingest = await services.start('ingest')
  const startWorker = (link: Link | undefined) => services.start('workers', [], link ? { FAULT_AT: `${link[0]}:stop` } : {})
  const erased: string[] = []
  let next = await startWorker(links[0])
  for (const [at, [point, end]] of links.entries()) {
    const what = `${point}, the worker ${end}, ${engine.name}`
    const worker = next
    const id = await upload(services, ingest)
    await waitUntil(() => isStopped(worker.pid), `the worker to stop: ${what}`)
    await engine.endWaits()
    await remove(services, ingest, id)
    next = await startWorker(links[at + 1])
    await waitUntil(async () => (await erasures(services, id)) === 1, `the first pass of the erasure: ${what}`)
    expect(await traces(services, id), what).toEqual(NOTHING)

    if (end === 'goes on') {
      worker.kill('SIGCONT')
      await waitUntil(async () => (await stageOf(services, id, point))?.error_code === 'DOCUMENT_ERASED', `the worker to give way: ${what}`)
    } else {
      worker.kill('SIGKILL')
      // Nobody tells that this start will not write any more: it is known when its time is over.
      expect(await stageOf(services, id, 'erase'), what).toMatchObject({ status: 'pending' })
      await letTimePass(services, id)
    }
    await waitUntil(async () => (await stageOf(services, id, 'erase'))?.status === 'completed', `the last pass of the erasure: ${what}`)
    expect(await traces(services, id), what).toEqual(NOTHING)
    expect(await erasures(services, id), what).toBe(2)
    worker.kill('SIGKILL')
    erased.push(id)
  }
  await waitUntil(async () => {
    const { waiting, active } = await engine.jobs()
    return waiting.length + active.length === 0
  }, `every job to be gone: ${engine.name}`)
  expect(await services.rows('SELECT * FROM outbox'), engine.name).toEqual([])
  for (const id of erased) await stayedErased(services, ingest, id, engine.name)
}

test('an upload that is under way while the same document is erased becomes a document of its own, and of the erased one nothing comes back', async () => {
  const services = await serviceProcesses()
  const [ingest, slow] = await Promise.all([
    services.start('ingest'),
    services.start('ingest', [], { FAULT_AT: 'upload:stored:stop' }),
    services.start('workers'),
  ])
  const text = letter()
  const id = await upload(services, ingest, text)
  await untilCompletedOnce(services, [id], 'before')
  const pending = send(services, slow, 'POST', '/v1/documents?file_name=b.txt', text)
  await waitUntil(() => isStopped(slow.pid), 'the second upload to have stored its bytes')
  await remove(services, ingest, id)
  await waitUntil(async () => (await stageOf(services, id, 'erase'))?.status === 'completed', 'the erasure')
  expect(await traces(services, id)).toEqual(NOTHING)
  slow.kill('SIGCONT')
  const accepted = (await (await pending).json()) as UploadAccepted
  expect(accepted).toMatchObject({ outcome: 'created', revision: 1 })
  await untilCompletedOnce(services, [accepted.document_id], 'the second upload')
  await stayedErased(services, ingest, id, 'the first upload')
})

test('an upload that finds its duplicate at the moment of its erasure becomes a document of its own', async () => {
  const services = await serviceProcesses()
  const ingest = await services.start('ingest')
  const text = letter()
  const id = await upload(services, ingest, text)
  const waiting = async () =>
    (await services.rows('SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0'))
      .length
  const owner = new Client({ connectionString: services.ownerUrl })
  await owner.connect()
  await owner.query('BEGIN')
  await owner.query('SELECT FROM greffier.documents WHERE id = $1 FOR UPDATE', [id])
  const removing = remove(services, ingest, id)
  await waitUntil(async () => (await waiting()) === 1, 'the erasure to wait for the row')
  const repeating = send(services, ingest, 'POST', '/v1/documents', text)
  await waitUntil(async () => (await waiting()) === 2, 'the upload to wait for the row of its duplicate')
  await owner.query('COMMIT')
  await owner.end()
  await removing
  const answer = await repeating
  const accepted = (await answer.json()) as UploadAccepted
  expect([answer.status, accepted.outcome]).toEqual([202, 'created'])
  expect((await places(services)).originals).toEqual([id, accepted.document_id].sort())

  await services.start('workers')
  await untilCompletedOnce(services, [accepted.document_id], 'the second upload')
  await waitUntil(async () => (await stageOf(services, id, 'erase'))?.status === 'completed', 'the erasure')
  await stayedErased(services, ingest, id, 'the first upload')
})

test('a document that is reprocessed and erased at the same moments stays erased', async () => {
  const services = await serviceProcesses()
  const [ingest] = await Promise.all([services.start('ingest'), services.start('workers')])
  const ids = await Promise.all(Array.from({ length: RACES }, () => upload(services, ingest)))
  await untilCompletedOnce(services, ids, 'before')
  const again = async (id: string) => (await send(services, ingest, 'POST', `/v1/documents/${id}/reprocess`)).status
  await Promise.all(
    ids.map(async (id, at) => {
      // One more of them each time is under way when the erasure comes.
      const before = await Promise.all(Array.from({ length: at % 4 }, () => again(id)))
      const [during] = await Promise.all([again(id), remove(services, ingest, id), again(id)])
      return [...before, during, await again(id)]
    }),
  )
  for (const id of ids) await waitUntil(async () => (await stageOf(services, id, 'erase'))?.status === 'completed', `${id} to be erased`)
  await waitUntil(
    async () => (await services.rows(`SELECT FROM stages WHERE status = 'running'`)).length === 0,
    'every stage to have ended',
  )
  for (const id of ids) await stayedErased(services, ingest, id, id)
})

test('a start that a newer revision has overtaken holds up no erasure once it has ended', async () => {
  const services = await serviceProcesses()
  const [ingest, overtaken] = await Promise.all([
    services.start('ingest'),
    services.start('workers', [], { FAULT_AT: 'extract:started:stop' }),
  ])
  const id = await upload(services, ingest)
  await waitUntil(() => isStopped(overtaken.pid), 'the worker to stop')
  expect((await send(services, ingest, 'POST', `/v1/documents/${id}/reprocess`)).status).toBe(202)
  await services.start('workers')
  await untilCompletedOnce(services, [id], 'the newer revision')
  overtaken.kill('SIGCONT')
  const gaveWay = `SELECT FROM stages WHERE document_id = $1 AND revision = 1 AND error_code = 'REVISION_SUPERSEDED'`
  await waitUntil(async () => (await services.rows(gaveWay, [id])).length === 1, 'the older revision to give way')
  await remove(services, ingest, id)
  await waitUntil(async () => (await stageOf(services, id, 'erase'))?.status === 'completed', 'the erasure')
  expect(await erasures(services, id)).toBe(1)
  await stayedErased(services, ingest, id, id)
})

/** No store has anything of it, no read finds it, and its record ends with a complete erasure. */
async function stayedErased(services: ServiceProcesses, ingest: ServiceProcess, id: string, what: string): Promise<void> {
  expect(await traces(services, id), what).toEqual(NOTHING)
  expect((await send(services, ingest, 'GET', `/v1/documents/${id}/text`)).status, what).toBe(410)
  const last = (await recordOf(services, id)).at(-1)
  expect(last, what).toMatchObject({ operation: 'Erase', phase: 'completed', result: 'ok' })
  expect(new Set(last?.stores.map(({ remaining }) => remaining)), what).toEqual(new Set([0]))
}

async function remove(services: ServiceProcesses, ingest: ServiceProcess, id: string): Promise<void> {
  expect((await send(services, ingest, 'DELETE', `/v1/documents/${id}`)).status).toBe(202)
}

/** How many passes of its erasure are on record. */
async function erasures(services: ServiceProcesses, id: string): Promise<number> {
  return (await recordOf(services, id)).filter((event) => event.operation === 'Erase').length
}

/** The stage's row; a point's name will do. */
async function stageOf({ rows }: ServiceProcesses, id: string, point: string) {
  const [row] = await rows<{ status: string; error_code: string | null }>(
    'SELECT status, error_code FROM stages WHERE document_id = $1 AND stage = $2',
    [id, point.split(':')[0]],
  )
  return row
}

/** As if every start and every pause had begun an hour ago. */
async function letTimePass({ rows }: ServiceProcesses, id: string): Promise<void> {
  await rows(`UPDATE stages SET started_at = started_at - interval '1 hour' WHERE document_id = $1`, [id])
  await rows(`UPDATE outbox SET due_at = due_at - interval '1 hour' WHERE document_id = $1`, [id])
}
