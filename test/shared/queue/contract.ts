import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { STAGES, type Stage, type StageJob } from '../../../shared/contracts/jobs.ts'
import type { QueueBackend } from '../../../shared/queue/backend.ts'
import { openPublisher, type Publisher } from '../../../shared/queue/publish.ts'
import { startScript } from '../../support/process.ts'
import { waitUntil } from '../../support/wait.ts'

type Job = Omit<StageJob, 'v'> & { stage: Stage }

/** What the tests of one engine need beside its adapter. */
export interface OpenedEngine {
  /** A further adapter, as another process would open it. */
  openBackend: () => Promise<QueueBackend>
  /** Jobs that the engine holds, in whatever state. */
  jobs: () => Promise<number>
  /** Everything that the engine has stored, as text. */
  dump: () => Promise<string>
  /** Arguments from which worker-process.ts opens its own adapter. */
  processArguments: string[]
  close: () => Promise<void>
}

/** A killed worker's job has to be with another one after this time. */
const RECOVERY_MS_MAX = 10_000

/** What every queue engine must hold. */
export function describeQueueBackend(name: string, open: () => Promise<OpenedEngine>): void {
  describe(`a queue on ${name}`, () => {
    let engine: OpenedEngine
    let backend: QueueBackend
    let publisher: Publisher

    beforeAll(async () => {
      engine = await open()
      backend = await engine.openBackend()
      publisher = openPublisher(backend)
    })
    afterAll(async () => {
      await publisher.close()
      await backend.close()
      await engine.close()
    })

    /** A worker that is closed with the test; its jobs are collected. */
    const work = (stage: Stage, process: (job: StageJob) => Promise<void> = async () => undefined, on = backend) => {
      const received: StageJob[] = []
      const worker = on.openWorker(stage, async (payload) => {
        received.push(payload as StageJob)
        await process(payload as StageJob)
      })
      let failed = 0
      worker.on('failed', () => failed++)
      onTestFinished(() => worker.close())
      return { received, failed: () => failed, worker }
    }
    const empty = () => waitUntil(async () => (await engine.jobs()) === 0, 'the queue to be empty')

    test.each(STAGES)('hands a job of %s to its worker as it was published', async (stage) => {
      const job = newJob(stage)
      await publisher.publish([job])
      const { received } = work(stage)
      await waitUntil(() => received.length > 0, 'the job')
      const { stage: _stage, ...ids } = job
      expect(received).toEqual([{ v: 1, ...ids }])
      await empty()
    })

    test('publishing one job many times, alone, in one batch and at once, leaves one', async () => {
      const [job, other] = [newJob('index'), newJob('index')]
      await publisher.publish([job])
      await publisher.publish([job, job, other])
      await Promise.all(Array.from({ length: 10 }, () => publisher.publish([job])))
      expect(await publisher.waiting('index')).toBe(2)
      expect(await engine.jobs()).toBe(2)
      const { received } = work('index')
      await empty()
      expect(received.map((one) => one.document_id).sort()).toEqual([job.document_id, other.document_id].sort())
    })

    test('publishing a job that is being worked on adds none', async () => {
      const job = newJob('index')
      const { promise: working, resolve: finish } = Promise.withResolvers<void>()
      const { received } = work('index', () => working)
      onTestFinished(() => finish())
      await publisher.publish([job])
      await waitUntil(() => received.length === 1, 'the job to begin')
      await publisher.publish([job])
      await publisher.publish([job, job])
      expect(await engine.jobs()).toBe(1)
      finish()
      await empty()
      expect(received).toHaveLength(1)
    })

    test('a job that was published again after it finished runs again: whether it may is PostgreSQL’s to say', async () => {
      const job = newJob('index')
      const { received } = work('index')
      for (let round = 1; round <= 3; round++) {
        await publisher.publish([job])
        await waitUntil(() => received.length === round, `round ${round}`)
        await empty()
      }
    })

    test('a job of another revision, and one of another stage, is another job', async () => {
      const job = newJob('index')
      await publisher.publish([job, { ...job, revision: 2 }, { ...job, stage: 'done' }])
      expect(await engine.jobs()).toBe(3)
      work('index')
      work('done')
      await empty()
    })

    test('holds identifiers and a revision of a job, and nothing else that it was given', async () => {
      const job = { ...newJob('extract'), secret: 'Müller', note: { name: 'Müller' } }
      await publisher.publish([job])
      await publisher.publish([job, { ...newJob('extract'), secret: 'Müller' } as Job])
      const dump = await engine.dump()
      expect(dump).toContain(job.document_id)
      expect(dump).toContain(job.tenant_id)
      for (const word of ['Müller', 'M\\u00fcller', 'secret', 'note']) expect(dump).not.toContain(word)
      work('extract')
      await empty()
    })

    test('nothing of a job remains when it completed or failed, and a failure leaves its code but no word of its message', async () => {
      const [good, bad, odd] = [newJob('enrich'), newJob('enrich'), newJob('enrich')]
      const { failed } = work('enrich', async ({ document_id }) => {
        if (document_id === bad.document_id) throw new Error('IBAN DE02 of Anna Müller is wrong')
        if (document_id === odd.document_id) throw new AppError('MODEL_REFUSED', 'Anna Müller')
      })
      await publisher.publish([good, bad, odd])
      await waitUntil(() => failed() === 2, 'both failures')
      await empty()
      const dump = await engine.dump()
      for (const word of ['Müller', 'Anna', 'IBAN', 'stage.ts', '.test.ts', 'contract.ts']) expect(dump).not.toContain(word)
      expect(dump).toContain('INTERNAL')
      expect(dump).toContain('MODEL_REFUSED')
    })

    test('a worker that is killed with -9 in the middle of a job loses it to another one within ten seconds, as often as that happens', async () => {
      const job = newJob('index')
      await publisher.publish([job])
      let killedAtMs = Number.POSITIVE_INFINITY
      for (let killed = 0; killed < 2; killed++) {
        const script = startScript(new URL('worker-process.ts', import.meta.url).pathname, engine.processArguments)
        await script.line(new RegExp(`^began ${job.document_id}$`))
        expect(performance.now() - killedAtMs).toBeLessThan(RECOVERY_MS_MAX)
        killedAtMs = performance.now()
        script.kill('SIGKILL')
        await script.exited
      }
      const { received } = work('index')
      await waitUntil(() => received.length > 0, 'the surviving worker to get the job')
      expect(performance.now() - killedAtMs).toBeLessThan(RECOVERY_MS_MAX)
      expect(received).toMatchObject([{ document_id: job.document_id }])
      await empty()
    })

    test('a thousand jobs over two workers of two adapters run once each', async () => {
      const jobs = Array.from({ length: 1_000 }, () => newJob('done'))
      const second = await engine.openBackend()
      onTestFinished(() => second.close())
      const [one, two] = [work('done'), work('done', undefined, second)]
      for (let start = 0; start < jobs.length; start += 100) await publisher.publish(jobs.slice(start, start + 100))
      await empty()
      const ran = [...one.received, ...two.received].map((job) => job.document_id).sort()
      expect(ran).toEqual(jobs.map((job) => job.document_id).sort())
    })

    test('a worker that is closed ends what it has first', async () => {
      const { promise: working, resolve: finish } = Promise.withResolvers<void>()
      const { received, worker } = work('index', () => working)
      onTestFinished(() => finish())
      await publisher.publish([newJob('index')])
      await waitUntil(() => received.length === 1, 'the job to begin')
      let closed = false
      const closing = worker.close().then(() => {
        closed = true
      })
      await publisher.publish([newJob('extract')])
      expect(closed).toBe(false)
      finish()
      await closing
      work('extract')
      await empty()
    })

    test('answers a ping', async () => {
      await backend.ping()
    })
  })
}

export function newJob(stage: Stage): Job {
  return { stage, tenant_id: newId(), document_id: newId(), revision: 1 }
}
