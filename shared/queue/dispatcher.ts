import { sql } from 'kysely'
import type { Stage } from '../contracts/jobs.ts'
import { type Database, type Tx, withSystem } from '../database/connection.ts'
import type { Listener } from '../database/listen.ts'
import { claimDue, type DueJob, deletePublished, OUTBOX_CHANNEL } from '../database/outbox.ts'
import { NO_FAULTS, type PassPoint } from '../runtime/faults.ts'
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
  passPoint: PassPoint
}): Dispatcher {
  const { database, publisher, listener, log, passPoint } = options
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
        const published = await dispatchOnce(database, publisher, passPoint)
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
export async function dispatchOnce(database: Database, publisher: Publisher, passPoint: PassPoint = NO_FAULTS): Promise<number> {
  return withSystem(database, async (tx) => {
    await commitLater(tx)
    const admitted = await admit(tx, publisher)
    if (admitted.length === 0) return 0
    await publisher.publish(admitted)
    for (const job of admitted) passPoint('dispatch:published', job.document_id)
    await deletePublished(tx, admitted)
    return admitted.length
  })
}

/** Where the server crashes before this commit is on disk, the rows are there again, and their jobs are published once more. */
async function commitLater(tx: Tx): Promise<void> {
  await sql`SET LOCAL synchronous_commit = off`.execute(tx)
}

/** What is due of the stages that have room. */
async function admit(tx: Tx, publisher: Publisher): Promise<DueJob[]> {
  const asked = new Set<Stage>()
  const full: Stage[] = []
  for (;;) {
    const due = await claimDue(tx, BATCH_JOBS, full)
    const fullBefore = full.length
    for (const stage of new Set(due.map((job) => job.stage))) {
      if (!asked.has(stage) && (await publisher.waiting(stage)) >= QUEUE_DEPTH_MAX) full.push(stage)
      asked.add(stage)
    }
    if (full.length === fullBefore) return due
  }
}
