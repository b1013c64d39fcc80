import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresConnection, PostgresQueueBackend, Queue, runMigrations, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Client, Pool } from 'pg'
import { AppError, errorCode } from '../contracts/errors.ts'
import { JOBS, type Stage } from '../contracts/jobs.ts'
import { hearErrors, SESSION_LIMITS } from '../database/connection.ts'
import { APP_ROLE } from '../database/roles.ts'

/**
 * A lock shorter than this is lost by a worker that blocks its event loop; longer, and a killed worker's job waits longer. Measured: at BullMQ's defaults
 * (30 s both) a killed worker's job came back after a minute, at these after about 5 s.
 */
const LOCK_MS = 5_000
const STALLED_CHECK_MS = 2_500
/** How long a worker sleeps on an empty queue before it looks by itself; a new job wakes it at once. */
const IDLE_WAIT_SECONDS = 5
/** Listening connections (one a stage) and room for the commands of all stages. */
const POSTGRES_CONNECTIONS_MAX = Object.keys(JOBS).length + 11
/** A 32-bit integer on the PostgreSQL backend. */
const STALLS_MAX = 1_000_000
const POSTGRES_SCHEMA = 'bullmq'
const ASK_AGAIN_MS = 250
const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 20_000
/** An unanswered command this old ends the connection; longer than an idle worker's wait, which is a command as well. */
const REDIS_SILENCE_MS = 2 * IDLE_WAIT_SECONDS * 1_000
/** Serialises grants of processes that start together ("grq" in ASCII): PostgreSQL refuses two at once on one table. */
const GRANT_LOCK = 0x677271
/** One hash slot on Redis Cluster. */
const REDIS_PREFIX = '{greffier}'

export interface QueueBackend {
  readonly name: 'postgres' | 'redis'
  openQueue(stage: Stage): Queue
  openWorker(stage: Stage, process: (payload: unknown) => Promise<void>): Worker
  /** Throws UNAVAILABLE when the engine does not answer or would lose jobs. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** PostgreSQL, in the schema `bullmq` beside ours. `ownerUrl` creates it; the services work as the plain role. */
export async function openPostgresQueues(ownerUrl: string, serviceUrl: string, onError: (error: unknown) => void): Promise<QueueBackend> {
  await migrateQueues(ownerUrl)
  const pool = new Pool({
    connectionString: serviceUrl,
    // What a crash of the server takes from a queue is due again in the tables of documents, whose commits are waited for.
    options: `-c role=${APP_ROLE} -c search_path=${POSTGRES_SCHEMA} -c synchronous_commit=off ${SESSION_LIMITS}`,
    // In pipeline mode a connection whose server does not answer is closed, not waited for.
    pipeline: true,
    query_timeout: ANSWER_TIMEOUT_MS,
    max: POSTGRES_CONNECTIONS_MAX,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  hearErrors(pool, onError)
  // Each queue and worker adds its own listener for errors.
  pool.setMaxListeners(2 * POSTGRES_CONNECTIONS_MAX)
  const connect = { connection: pool }
  return {
    name: 'postgres',
    openQueue: (stage) => watched(new Queue(stage, { ...connect, ...QUEUE_OPTIONS }, createPacedBackend as never), onError),
    openWorker: (stage, process) =>
      watched(new Worker(stage, processor(process), { ...connect, ...workerOptions(stage) }, createPacedBackend as never), onError),
    ping: async () => void (await answering(() => pool.query('SELECT 1'))),
    close: () => pool.end(),
  }
}

/**
 * BullMQ looks at its schema when a queue or worker is opened and keeps the answer: one that was opened while the server was away failed for ever, and
 * such a worker asked again without ever yielding, so that its process heard no signal. The schema was migrated above; there is nothing to look at.
 */
class MigratedConnection extends PostgresConnection {
  override waitUntilReady(): Promise<void> {
    return Promise.resolve()
  }
}

/** A worker whose question fails asks again at once, unless the connection was refused. */
class PacedBackend extends PostgresQueueBackend {
  override async moveToActive(...question: Parameters<PostgresQueueBackend['moveToActive']>) {
    try {
      return await super.moveToActive(...question)
    } catch (error) {
      await sleep(ASK_AGAIN_MS)
      throw error
    }
  }
}

function createPacedBackend(name: string, options: ConstructorParameters<typeof PostgresQueueBackend>[2]): PostgresQueueBackend {
  return new PacedBackend(new MigratedConnection(options.connection as never), name, options, true)
}

/** Redis or Valkey through ioredis. */
export function openRedisQueues(url: string, onError: (error: unknown) => void): QueueBackend {
  // A producer fails at once when Redis is away (the outbox keeps the job); a worker waits for it to come back.
  const limits = { connectTimeout: CONNECT_TIMEOUT_MS, socketTimeout: REDIS_SILENCE_MS }
  const producer = new Redis(url, { ...limits, enableOfflineQueue: false, maxRetriesPerRequest: 1 })
  const consumer = new Redis(url, { ...limits, maxRetriesPerRequest: null })
  for (const connection of [producer, consumer]) connection.on('error', onError)
  return {
    name: 'redis',
    openQueue: (stage) => watched(new Queue(stage, { connection: producer, prefix: REDIS_PREFIX, ...QUEUE_OPTIONS }), onError),
    openWorker: (stage, process) =>
      watched(new Worker(stage, processor(process), { connection: consumer, prefix: REDIS_PREFIX, ...workerOptions(stage) }), onError),
    ping: async () => {
      const memory = await answering(() => producer.info('memory'))
      if (!/maxmemory_policy:noeviction/.test(memory))
        throw new AppError('UNAVAILABLE', 'Redis must run with maxmemory-policy noeviction: it would drop jobs')
    },
    close: async () => {
      producer.disconnect()
      consumer.disconnect()
    },
  }
}

/** Nothing stays in a queue: outcomes live in PostgreSQL, and a job kept here would block the next one of the same id. */
const QUEUE_OPTIONS = { defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 } } as const

function workerOptions(stage: Stage) {
  return {
    concurrency: JOBS[stage].concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    // Starts are bounded in PostgreSQL (JOBS.attempts): a job that outlives its worker is always given back.
    maxStalledCount: STALLS_MAX,
    drainDelay: IDLE_WAIT_SECONDS,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  }
}

/** An engine keeps the message of what a job throws, in the job and in its stream of events: it gets the code alone. */
function processor(process: (payload: unknown) => Promise<void>) {
  return async (job: { data: unknown }): Promise<void> => {
    try {
      await process(job.data)
    } catch (error) {
      throw new AppError(errorCode(error))
    }
  }
}

/** Unheard, an error event would end the process; the client reconnects by itself. */
function watched<Emitter extends { on(event: 'error', heard: (error: Error) => void): unknown }>(
  emitter: Emitter,
  onError: (error: unknown) => void,
): Emitter {
  emitter.on('error', onError)
  return emitter
}

async function migrateQueues(ownerUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl })
  // What goes wrong while it works fails the statement; while it is between two, this event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await runMigrations(client as never, POSTGRES_SCHEMA)
    await client.query('SELECT pg_advisory_lock($1)', [GRANT_LOCK])
    // BullMQ makes a sequence for each queue when it first adds a job to it, and temporary tables for each bulk.
    await client.query(`DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ${APP_ROLE}', current_database()); END $$`)
    await client.query(`GRANT USAGE, CREATE ON SCHEMA ${POSTGRES_SCHEMA} TO ${APP_ROLE}`)
    await client.query(`GRANT ALL ON ALL TABLES IN SCHEMA ${POSTGRES_SCHEMA} TO ${APP_ROLE}`)
    await client.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA ${POSTGRES_SCHEMA} TO ${APP_ROLE}`)
  } finally {
    await client.end()
  }
}

async function answering<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw new AppError('UNAVAILABLE', 'the queue is not reachable', { cause: error, retryAfterSeconds: 5 })
  }
}
