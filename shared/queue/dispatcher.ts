import { STAGES, type Stage } from '../contracts/jobs.ts'
import { type Database, withSystem } from '../database/connection.ts'
import type { Listener } from '../database/listen.ts'
import { claimDue, deletePublished, OUTBOX_CHANNEL } from '../database/outbox.ts'
import { NO_FAULTS, type Reach } from '../runtime/faults.ts'
import { errorFields, type Log } from '../runtime/log.ts'
import type { Publisher } from './publish.ts'

const BATCH_JOBS = 100
/** Queues stay this shallow: what waits, waits in PostgreSQL, where tenants take turns. */
const QUEUE_DEPTH_MAX = 500
/** For rows that become due by the clock, and for notifications that were lost. */
const POLL_MS = 1_000
const FAILURE_PAUSE_MS = 1_000

export interface Dispatcher {
  /** Something became due in this process. */
  wake(): void
  close(): Promise<void>
}

/**
 * Publishes outbox rows to the queue: inside one transaction it locks what is due, adds the jobs, deletes the rows. A crash after the add
 * repeats it, and the deterministic job id makes that one job; any number of dispatchers may run.
 */
export function startDispatcher(options: {
  database: Database
  publisher: Publisher
  listener: Listener
  log: Log
  reach: Reach
}): Dispatcher {
  const { database, publisher, listener, log, reach } = options
  let closed = false
  let wake: () => void = () => undefined
  let woken = false
  const wakeUp = () => {
    woken = true
    wake()
  }
  const unlisten = listener.on(OUTBOX_CHANNEL, wakeUp)

  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const run = async () => {
    while (!closed) {
      woken = false
      try {
        const published = await dispatchOnce(database, publisher, reach)
        if (published === 0 && !woken && !closed) await sleep(POLL_MS)
      } catch (error) {
        log.warn(errorFields(error), 'dispatch failed; the outbox keeps the jobs')
        if (!closed) await sleep(FAILURE_PAUSE_MS)
      }
    }
  }
  const running = run()
  return {
    wake: wakeUp,
    close: async () => {
      closed = true
      unlisten()
      wake()
      await running
    },
  }
}

/** Publishes at most one batch; returns how many jobs it was. A stage whose queue is full waits, and nothing waits behind it. */
export async function dispatchOnce(database: Database, publisher: Publisher, reach: Reach = NO_FAULTS): Promise<number> {
  return withSystem(database, async (tx) => {
    const due = await claimDue(tx, BATCH_JOBS)
    if (due.length === 0) return 0
    const full = await fullStages(publisher)
    const admitted = full.length === 0 ? due : await claimDue(tx, BATCH_JOBS, full)
    if (admitted.length === 0) return 0
    await publisher.publish(admitted)
    for (const job of admitted) reach('dispatch:published', job.document_id)
    await deletePublished(tx, admitted)
    return admitted.length
  })
}

async function fullStages(publisher: Publisher): Promise<Stage[]> {
  const depths = await Promise.all(STAGES.map(async (stage) => ({ stage, waiting: await publisher.waiting(stage) })))
  return depths.filter(({ waiting }) => waiting >= QUEUE_DEPTH_MAX).map(({ stage }) => stage)
}
