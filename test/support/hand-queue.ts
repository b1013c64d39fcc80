import type { Worker } from 'bullmq'
import type { Stage, StageJob } from '../../shared/contracts/jobs.ts'
import type { QueueBackend } from '../../shared/queue/backend.ts'

export interface HandQueue {
  readonly backend: QueueBackend
  /** Gives the job to the worker of its stage; settles as the worker's processing does. */
  deliver(stage: Stage, job: Omit<StageJob, 'v'>): Promise<void>
}

/** A queue worked by hand: a test delivers each job itself, when and as often as it wants. Closing a worker waits for what it has, as BullMQ's does. */
export function handQueue(): HandQueue {
  const workers = new Map<Stage, (payload: unknown) => Promise<void>>()
  const active = new Set<Promise<void>>()
  const unused = () => {
    throw new Error('a queue worked by hand publishes nothing')
  }
  return {
    backend: {
      name: 'postgres',
      openQueue: unused,
      openWorker: (stage, process) => {
        workers.set(stage, process)
        return { close: async () => void (await Promise.allSettled(active)) } as unknown as Worker
      },
      ping: async () => undefined,
      close: async () => undefined,
    },
    deliver: (stage, { tenant_id, document_id, revision }) => {
      const process = workers.get(stage)
      if (!process) throw new Error(`nobody works on ${stage}`)
      const working = process({ v: 1, tenant_id, document_id, revision })
      active.add(working)
      const done = () => active.delete(working)
      working.then(done, done)
      return working
    },
  }
}
