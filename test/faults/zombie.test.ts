import { expect, test } from 'vitest'
import type { Stage } from '../../shared/contracts/jobs.ts'
import { isStopped } from '../support/process.ts'
import type { ServiceProcess } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { type Content, contentOf, expectCompletedOnce, pointsOf, stagesOf, stepsOf } from './outcomes.ts'
import { type Pipeline, startPipeline } from './pipeline.ts'
import { BACKENDS } from './queues.ts'

const TEST_MS = 300_000
const TRIES_MAX = 100
/** What runs beside each other; a worker that stands still keeps its connections. The last one goes on by itself. */
const LANES = [
  ['index:worked:stop', 'index:registered:stop'],
  ['index:started:stop', 'extract:worked:stop'],
  ['enrich:started:block'],
] as const
const TOOK_OVER = 'another start, revision or an erasure took over; nothing was committed'

test('a worker that stands still longer than its lock, stopped or in a loop of its own, loses its job to another one, has its late result refused, and lives on', {
  timeout: TEST_MS,
}, async () => {
  await Promise.all(BACKENDS.map(standStillAtEveryPoint))
})

test('a worker that wakes while the next start of its stage is at work is refused by the epoch, and the next start completes the document', {
  timeout: TEST_MS,
}, async () => {
  await Promise.all(BACKENDS.map(wakeBesideTheNext))
})

test('a worker that wakes when a newer revision is complete leaves none of its points beside the newer ones', {
  timeout: TEST_MS,
}, async () => {
  const pipeline = await startPipeline('postgres')
  const documentId = await pipeline.upload()
  const zombie = await pipeline.worker('index:registered:stop')
  await waitUntil(() => isStopped(zombie.pid), 'the worker to stand still')
  await pipeline.reprocess(documentId)
  await pipeline.worker()
  await pipeline.settled(documentId)
  const left = await everythingOf(pipeline, documentId)

  zombie.kill('SIGCONT')
  await waitUntil(() => refusals(zombie, documentId).length > 0, 'the late result to be refused')
  await waitUntil(async () => (await supersededOf(pipeline, documentId)) === 1, 'its stage to be ended')
  // Nothing else has changed: put back as it was, its stage is the only difference.
  await pipeline.rows(`UPDATE stages SET status = 'running', error_code = NULL, finished_at = NULL WHERE ${SUPERSEDED}`, [documentId])
  expect(await everythingOf(pipeline, documentId)).toEqual(left)
  await expectCompletedOnce(pipeline, documentId, 'superseded')
})

async function standStillAtEveryPoint(backend: Pipeline['backend']): Promise<void> {
  const pipeline = await startPipeline(backend)
  await pipeline.worker()
  const lanes = LANES.map(async (points) => {
    for (const point of points) await expectRefused(pipeline, await stand(pipeline, point))
  })
  await Promise.all(lanes)
}

async function wakeBesideTheNext(backend: Pipeline['backend']): Promise<void> {
  const pipeline = await startPipeline(backend)
  const documentId = await pipeline.upload()
  const workers = await Promise.all([1, 2].map(() => pipeline.worker(`index:worked:stop:${documentId}`)))
  const stopped = () => workers.filter(({ pid }) => isStopped(pid))
  await waitUntil(() => stopped().length > 0, `one to stand still over ${backend}`)
  const [first] = stopped()
  await waitUntil(() => stopped().length === 2, `the other one to have taken over and stand still over ${backend}`)
  expect((await stagesOf(pipeline, documentId)).at(-1), backend).toMatchObject({ stage: 'index', status: 'running', epoch: 2 })

  const refusalsOfFirst = () => (first ? refusals(first, documentId) : [])
  first?.kill('SIGCONT')
  await waitUntil(() => refusalsOfFirst().length > 0, `the first one to be refused over ${backend}`)
  expect(refusalsOfFirst(), backend).toMatchObject([{ stage: 'index', epoch: 1, code: 'STALE_EPOCH' }])
  expect((await stepsOf(pipeline, documentId)).at(-1)?.step, backend).toBe('enrich')

  for (const { pid } of stopped()) process.kill(pid, 'SIGCONT')
  await pipeline.settled(documentId)
  const another = await pipeline.upload()
  await pipeline.settled(another)
  await expectCompletedOnce(pipeline, documentId, backend, await contentOf(pipeline, another))
}

interface Standing {
  point: (typeof LANES)[number][number]
  worker: ServiceProcess
  documentId: string
  like: Content
}

/** Which worker takes a job is chance: a document is processed again until the one that is told to stand still there was it. */
async function stand(pipeline: Pipeline, point: Standing['point']): Promise<Standing> {
  const documentId = await pipeline.upload()
  await pipeline.settled(documentId)
  const like = await contentOf(pipeline, documentId)
  const worker = await pipeline.worker(`${point}:${documentId}`)
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    await pipeline.reprocess(documentId)
    // The wake-up for a job may go to a worker that stands still: with the next job comes another one.
    await pipeline.upload()
    await waitUntil(async () => isStopped(worker.pid) || (await pipeline.atRest(documentId)), `${documentId} to be taken at ${point}`)
    // One that blocks its loop shows nothing: somebody else had to start the stage again.
    if (isStopped(worker.pid) || (point.endsWith('block') && (await epochOf(pipeline, documentId, 'enrich')) > 1))
      return { point, worker, documentId, like }
  }
  throw new Error(`the worker that stands still at ${point} got none of ${TRIES_MAX} jobs over ${pipeline.backend}`)
}

async function expectRefused(pipeline: Pipeline, { point, worker, documentId, like }: Standing): Promise<void> {
  const where = `${point} over ${pipeline.backend}`
  const [stage] = point.split(':')
  await pipeline.settled(documentId)
  await expectCompletedOnce(pipeline, documentId, where, like)
  const left = await everythingOf(pipeline, documentId)
  const taken = (await stagesOf(pipeline, documentId)).find((row) => row.stage === stage)
  expect(taken?.epoch, where).toBeGreaterThan(1)

  if (isStopped(worker.pid)) worker.kill('SIGCONT')
  await waitUntil(() => refusals(worker, documentId).length > 0, `the late result to be refused: ${where}`)
  const [refusal] = refusals(worker, documentId)
  expect(refusal, where).toMatchObject({ stage, code: 'STALE_EPOCH' })
  expect(refusal?.epoch, where).toBeLessThan(taken?.epoch ?? 0)
  expect(Date.parse(refusal?.time ?? ''), where).toBeGreaterThan(taken?.finished_at?.getTime() ?? Number.NaN)
  expect(await everythingOf(pipeline, documentId), where).toEqual(left)
  const open = `SELECT FROM stages s JOIN documents d ON d.id = s.document_id AND d.revision = s.revision
    WHERE d.id = $1 AND s.stage = $2 AND $3 = ANY (s.open_epochs)`
  const ended = async () => (await pipeline.rows(open, [documentId, stage, refusal?.epoch])).length === 0
  await waitUntil(ended, `it to say that it has ended: ${where}`)

  const before = await stagesCompletedBy(worker)
  for (let tries = 0; (await stagesCompletedBy(worker)) === before; tries++) {
    if (tries === TRIES_MAX) throw new Error(`the worker that stood still at ${where} works no more`)
    await pipeline.settled(await pipeline.upload())
  }
  // Room for the next one.
  worker.kill('SIGKILL')
}

async function epochOf(pipeline: Pipeline, documentId: string, stage: Stage): Promise<number> {
  return (await stagesOf(pipeline, documentId)).find((row) => row.stage === stage)?.epoch ?? 0
}

interface Refusal {
  time: string
  stage: string
  epoch: number
  code: string
}

/** What a worker logged of results that it could not commit. */
function refusals(worker: ServiceProcess, documentId: string): Refusal[] {
  const lines = worker.stderr().split('\n').slice(0, -1)
  return lines.filter((line) => line.includes(TOOK_OVER) && line.includes(documentId)).map((line) => JSON.parse(line) as Refusal)
}

/** Every row of a document, sealed columns as they are, and its points; not which starts are open, since a late one closes itself. */
async function everythingOf(pipeline: Pipeline, documentId: string): Promise<unknown> {
  const tables = ['revisions', 'stages', 'pages', 'fields', 'chunks', 'artifacts', 'outbox']
  const select = tables
    .map((table) => `SELECT to_jsonb(t) - 'open_epochs' AS row FROM ${table} t WHERE document_id = $1`)
    .join(' UNION ALL ')
  const rows = await pipeline.rows<{ row: object }>(`SELECT to_jsonb(d) AS row FROM documents d WHERE id = $1 UNION ALL ${select}`, [
    documentId,
  ])
  return {
    rows: rows.map(({ row }) => JSON.stringify(row)).sort(),
    steps: await stepsOf(pipeline, documentId),
    points: pointsOf(pipeline, documentId),
  }
}

const SUPERSEDED = `document_id = $1 AND revision = 1 AND stage = 'index' AND error_code = 'REVISION_SUPERSEDED'`

async function supersededOf(pipeline: Pipeline, documentId: string): Promise<number> {
  return (await pipeline.rows(`SELECT FROM stages WHERE ${SUPERSEDED}`, [documentId])).length
}

async function stagesCompletedBy({ url }: ServiceProcess): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const counts = [...metrics.matchAll(/^greffier_stage_seconds_count\{[^}]*outcome="completed"[^}]*\} (\d+)$/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}
