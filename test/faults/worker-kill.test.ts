import { expect, test } from 'vitest'
import { ERRORS } from '../../shared/contracts/errors.ts'
import { JOBS } from '../../shared/contracts/jobs.ts'
import { isRunning } from '../support/process.ts'
import { places, type ServiceProcess } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { type Content, contentOf, documentOf, expectCompletedOnce, pointsOf, stagesOf, stepsOf } from './outcomes.ts'
import { type Pipeline, startPipeline } from './pipeline.ts'
import { BACKENDS } from './queues.ts'

const RECOVERY_MS_MAX = 10_000
const TEST_MS = 300_000
/** Of the workers that live one takes a job, and rarely the same one each time. */
const TRIES_MAX = 100
const NEIGHBOURS = 8
/** The one that a neighbour shared with the death of its worker, and its own; and one more where the machine is slow. */
const NEIGHBOUR_STARTS_MAX = 3
const DEATHS_MAX = 20

const POINTS = [
  'erase:started',
  'extract:started',
  'extract:worked',
  'extract:committed',
  'enrich:started',
  'enrich:worked',
  'enrich:committed',
  'dispatch:published',
  'erase:worked',
  'index:started',
  'index:registered',
  'index:worked',
  'index:committed',
  'done:started',
  'done:worked',
  'done:committed',
  'erase:committed',
] as const
type Point = (typeof POINTS)[number]

test('a worker killed with -9 before and after the effect of each stage, over either queue: its document ends once and as ever, within 10 s', {
  timeout: TEST_MS,
}, async () => {
  await Promise.all(BACKENDS.map(killAtEveryPoint))
})

async function killAtEveryPoint(backend: Pipeline['backend']): Promise<void> {
  const pipeline = await startPipeline(backend)
  const healthy = await pipeline.worker()
  const killed: Killed[] = []
  for (const point of POINTS) {
    // The next one starts while what the last one had recovers, and dies after that: a recovery that meets another death takes longer.
    const armed = await arm(pipeline, point)
    const last = killed.at(-1)
    if (last) await pipeline.settled(last.documentId)
    killed.push(await untilKilled(pipeline, armed))
  }
  for (const one of killed) await pipeline.settled(one.documentId)
  for (const one of killed) await expectRecovered(pipeline, one)
  expect(isRunning(healthy.pid)).toBe(true)
}

test('a document that kills its worker every time ends as poison after a bounded number of starts, its neighbours finish, and it can be redriven', {
  timeout: TEST_MS,
}, async () => {
  const lanes = BACKENDS.flatMap((backend) => [
    // Every start that it is allowed, and the one that finds them used up.
    poison(backend, 'extract', 0),
    // As if most of them had been used up already: each one takes a recovery.
    poison(backend, 'index', JOBS.index.attempts - 3),
  ])
  await Promise.all(lanes)
})

async function poison(backend: Pipeline['backend'], stage: 'extract' | 'index', startsBefore: number): Promise<void> {
  const pipeline = await startPipeline(backend)
  const some = () => Promise.all(Array.from({ length: NEIGHBOURS / 2 }, () => pipeline.upload()))
  const before = await some()
  const poisonous = await pipeline.upload()
  const neighbours = [...before, ...(await some())]
  const workers = keepTwoWorkers(pipeline, `${stage}:started:kill:${poisonous}`)
  await workers.died(1)
  await pipeline.rows('UPDATE stages SET starts = starts + $3 WHERE document_id = $1 AND stage = $2', [poisonous, stage, startsBefore])
  for (const documentId of [poisonous, ...neighbours]) await pipeline.settled(documentId)
  const deaths = await workers.stop()

  const { attempts } = JOBS[stage]
  const where = `${stage} over ${backend}`
  expect(deaths, where).toEqual(Array.from({ length: attempts - startsBefore }, () => 'SIGKILL'))
  expect(await documentOf(pipeline, poisonous), where).toMatchObject({ status: 'failed', error_code: 'ATTEMPTS_EXHAUSTED' })
  expect(ERRORS.ATTEMPTS_EXHAUSTED.retry).toBe('poison')
  const failed = { stage, status: 'failed', starts: attempts + 1 }
  expect((await stagesOf(pipeline, poisonous)).at(-1), where).toMatchObject(failed)
  const ends = (await stepsOf(pipeline, poisonous)).filter(({ step }) => step === stage)
  expect(ends, where).toMatchObject([{ phase: 'completed', result: 'failed', error_code: 'ATTEMPTS_EXHAUSTED' }])

  await pipeline.worker()
  await pipeline.reprocess(poisonous)
  await pipeline.settled(poisonous)
  const like = await contentOf(pipeline, poisonous)
  for (const documentId of [poisonous, ...neighbours]) await expectCompletedOnce(pipeline, documentId, `${documentId}, ${where}`, like)
  for (const documentId of neighbours) {
    const starts = (await stagesOf(pipeline, documentId)).map((row) => row.starts)
    expect(Math.max(...starts), where).toBeLessThanOrEqual(NEIGHBOUR_STARTS_MAX)
  }
}

interface WorkerPair {
  /** Resolves when so many processes have died by themselves. */
  died(times: number): Promise<void>
  /** Resolves with what each of those died of. */
  stop(): Promise<(NodeJS.Signals | null)[]>
}

/** Two workers, each of which is started again when it dies, as an init system does it. */
function keepTwoWorkers(pipeline: Pipeline, faultAt: string): WorkerPair {
  const deaths: (NodeJS.Signals | null)[] = []
  const alive = new Set<ServiceProcess>()
  let stopped = false
  const keepOneAlive = async () => {
    while (!stopped && deaths.length < DEATHS_MAX) {
      const worker = await pipeline.worker(faultAt).catch(unlessEnded)
      if (worker === null) {
        if (!stopped) deaths.push('SIGKILL')
        continue
      }
      alive.add(worker)
      if (stopped) worker.kill('SIGKILL')
      const { signal } = await worker.exited
      alive.delete(worker)
      if (!stopped) deaths.push(signal)
    }
  }
  const running = Promise.all([keepOneAlive(), keepOneAlive()])
  return {
    died: (times) => Promise.race([waitUntil(() => deaths.length >= times, `${times} workers to die`), running.then(() => undefined)]),
    stop: async () => {
      stopped = true
      for (const worker of alive) worker.kill('SIGKILL')
      await running
      return deaths
    },
  }
}

/** The job that kills was waiting: its worker may die of it before it has said where it listens. */
function unlessEnded(error: unknown): null {
  if (error instanceof Error && error.message.includes('ended before it listened')) return null
  throw error
}

interface Known {
  documentId: string
  like: Content
}

interface Armed {
  point: Point
  process: ServiceProcess
  /** The document to die with; with any that is erased where there is none. */
  known: Known | undefined
}

interface Killed extends Armed {
  documentId: string
  diedAtMs: number
}

async function arm(pipeline: Pipeline, point: Point): Promise<Armed> {
  if (point.startsWith('erase')) return { point, known: undefined, process: await pipeline.worker(point) }
  const known = await undisturbed(pipeline)
  return { point, known, process: await pipeline.worker(`${point}:kill:${known.documentId}`) }
}

async function undisturbed(pipeline: Pipeline): Promise<Known> {
  const documentId = await pipeline.upload()
  await pipeline.settled(documentId)
  const like = await contentOf(pipeline, documentId)
  expect(like.chunks.length).toBeGreaterThan(1)
  expect(like.fields.length).toBeGreaterThan(0)
  await expectCompletedOnce(pipeline, documentId, 'undisturbed', like)
  return { documentId, like }
}

/** Which worker takes a job is chance: a document is processed again, or another one erased, until the armed process was the one. */
async function untilKilled(pipeline: Pipeline, armed: Armed): Promise<Killed> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const documentId = armed.known?.documentId ?? (await undisturbed(pipeline)).documentId
    if (armed.known) await pipeline.reprocess(documentId)
    else await pipeline.erase(documentId)
    const dead = () => !isRunning(armed.process.pid)
    await waitUntil(async () => dead() || (await pipeline.atRest(documentId)), `${documentId} to be taken over ${pipeline.backend}`)
    if (dead()) {
      const diedAtMs = Date.now()
      expect(await armed.process.exited, armed.point).toEqual({ exitCode: null, signal: 'SIGKILL' })
      return { ...armed, documentId, diedAtMs }
    }
  }
  throw new Error(`the worker that dies at ${armed.point} got none of ${TRIES_MAX} jobs over ${pipeline.backend}`)
}

async function expectRecovered(pipeline: Pipeline, { point, known, documentId, diedAtMs }: Killed): Promise<void> {
  const stages = await stagesOf(pipeline, documentId)
  const where = `${point} over ${pipeline.backend}: ${JSON.stringify(stages)}`
  if (known) await expectCompletedOnce(pipeline, documentId, where, known.like)
  else await expectErasedOnce(pipeline, documentId, where)
  const calls = 'SELECT FROM open_intents o JOIN events e ON e.id = o.event_id WHERE $1 = ANY (e.document_ids)'
  expect(await pipeline.rows(calls, [documentId]), where).toEqual([])
  const [stage, moment] = point.split(':')
  const row = stages.find((one) => one.stage === stage)
  // What was committed is not done again although its job comes back, and a job that is published twice runs once.
  const again = row !== undefined && moment !== 'committed'
  if (again) expect(row.starts, where).toBeGreaterThan(1)
  else if (row) expect(row, where).toMatchObject({ starts: 1, epoch: 1 })
  const ends = (again ? [row] : stages).map(({ finished_at }) => finished_at?.getTime() ?? Number.NaN)
  expect(Math.max(...ends) - diedAtMs, where).toBeLessThan(RECOVERY_MS_MAX)
}

async function expectErasedOnce(pipeline: Pipeline, documentId: string, where: string): Promise<void> {
  expect((await documentOf(pipeline, documentId)).status, where).toBe('erased')
  expect(pointsOf(pipeline, documentId), where).toEqual([])
  expect((await places(pipeline)).originals, where).not.toContain(documentId)
  const { document, pages, fields, chunks } = await contentOf(pipeline, documentId)
  expect({ document, pages, fields, chunks }, where).toEqual({
    document: [{ type: null, language: null }],
    pages: [],
    fields: [],
    chunks: [],
  })
  const erasures = (await stepsOf(pipeline, documentId)).filter(({ step }) => step === 'erase')
  expect(erasures, where).toMatchObject([{ phase: 'completed', result: 'ok' }])
}
