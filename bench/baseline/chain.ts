// BullMQ and nothing else: as many queues as a document has stages, in one process, each worker adds the next job. No database of ours, no outbox, no work.
// Arguments: `redis` or `postgres`, URL of the engine. A message `{ count }` sends so many documents through.
import { randomUUID } from 'node:crypto'
import { createPostgresBackend, Queue, type QueueOptions, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { FIRST_STAGE, JOBS, jobId, type Stage, type StageJob } from '../../shared/contracts/jobs.ts'
import { answerMessages } from '../answer.ts'
import { STAGES_OF_A_DOCUMENT } from '../stages.ts'

export interface Chained {
  wallMs: number
  /** Jobs that ran, over all queues, and documents that came out of the last. */
  hops: number
  documents: number
}

const [engine, url] = process.argv.slice(2)
if (url === undefined || (engine !== 'redis' && engine !== 'postgres')) throw new Error('usage: chain.ts redis|postgres <URL>')
const [options, backend] =
  engine === 'redis'
    ? [{ connection: new Redis(url, { maxRetriesPerRequest: null }) as QueueOptions['connection'] }]
    : [{ connection: { connectionString: url, migrate: true, schema: 'bare_chain' } as never }, createPostgresBackend as never]

let left = 0
let hops = 0
const out = new Set<string>()
let finished: () => void = () => undefined

const queues = new Map<Stage, Queue>()
for (const stage of STAGES_OF_A_DOCUMENT) {
  const queue = new Queue(stage, { ...options, defaultJobOptions: { removeOnComplete: true } }, backend)
  await queue.waitUntilReady()
  queues.set(stage, queue)
}
for (const stage of STAGES_OF_A_DOCUMENT) {
  // Locks and checks for stalled jobs as BullMQ has them: a bare user changes nothing.
  const worker = new Worker<StageJob>(stage, ({ data }) => pass(stage, data), { ...options, concurrency: JOBS[stage].concurrency }, backend)
  await worker.waitUntilReady()
}

answerMessages<{ count: number }, Chained>(async ({ count }) => {
  const tenant_id = randomUUID()
  const documents: StageJob[] = Array.from({ length: count }, () => ({ v: 1, tenant_id, document_id: randomUUID(), revision: 1 }))
  left = count
  hops = 0
  out.clear()
  const allOut = new Promise<void>((resolve) => {
    finished = resolve
  })
  const startedAtMs = performance.now()
  await queues.get(FIRST_STAGE)?.addBulk(documents.map((data) => ({ name: FIRST_STAGE, data, opts: { jobId: jobId(FIRST_STAGE, data) } })))
  await allOut
  return { wallMs: performance.now() - startedAtMs, hops, documents: out.size }
})
process.stdout.write('ready\n')

async function pass(stage: Stage, data: StageJob): Promise<void> {
  hops++
  const { next } = JOBS[stage]
  if (next !== null) {
    await queues.get(next)?.add(next, data, { jobId: jobId(next, data) })
    return
  }
  out.add(data.document_id)
  left--
  if (left === 0) finished()
}
