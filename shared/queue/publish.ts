import type { Queue } from 'bullmq'
import { AppError } from '../contracts/errors.ts'
import { jobId, STAGES, type Stage, type StageJob } from '../contracts/jobs.ts'
import type { QueueBackend } from './backend.ts'

/** BullMQ waits without end for an engine that was away when it started. */
const ANSWER_MS = 5_000

/** Both throw AppError UNAVAILABLE when the engine does not answer in time, and what BullMQ throws. */
export interface Publisher {
  /** Publishing the same stage of the same revision twice leaves one job. */
  publish(jobs: readonly (Omit<StageJob, 'v'> & { stage: Stage })[]): Promise<void>
  /** Jobs that wait for a worker. */
  waiting(stage: Stage): Promise<number>
  close(): Promise<void>
}

export function openPublisher(backend: QueueBackend): Publisher {
  const queues = Object.fromEntries(STAGES.map((stage) => [stage, backend.openQueue(stage)])) as Record<Stage, Queue>
  return {
    publish: async (jobs) => {
      for (const stage of STAGES) {
        const due = jobs.filter((job) => job.stage === stage)
        if (due.length > 0)
          await answered(
            addAll(
              queues[stage],
              due.map((job) => toBullJob(stage, job)),
            ),
          )
      }
    },
    waiting: (stage) => answered(queues[stage].getWaitingCount()),
    close: async () => {
      await Promise.all(STAGES.map((stage) => queues[stage].close()))
    },
  }
}

/** A single job is added without the temporary tables that a bulk costs on PostgreSQL. */
async function addAll(queue: Queue, jobs: ReturnType<typeof toBullJob>[]): Promise<void> {
  const [only, ...others] = jobs
  if (only && others.length === 0) await queue.add(only.name, only.data, only.opts)
  else await queue.addBulk(jobs)
}

function toBullJob(stage: Stage, job: Omit<StageJob, 'v'>) {
  const data: StageJob = { v: 1, tenant_id: job.tenant_id, document_id: job.document_id, revision: job.revision }
  return { name: stage, data, opts: { jobId: jobId(stage, data) } }
}

/** What comes too late may still be done: adding the job again then changes nothing. */
async function answered<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppError('UNAVAILABLE', 'the queue does not answer')), ANSWER_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
