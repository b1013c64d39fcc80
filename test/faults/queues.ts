import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { startScript } from '../support/process.ts'
import { type TestRedis, testRedis } from '../support/redis.ts'
import { type ServiceProcesses, serviceProcesses } from '../support/service-processes.ts'
import { ownPostgres } from './own-postgres.ts'

export const BACKENDS = ['postgres', 'redis'] as const
/** Many processes of one program start in these tests: what one of them compiled is read by the others. */
const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), 'compile-cache') }
const WORKERS = resolve(import.meta.dirname, '../../services/workers/main.ts')

/** What a queue engine holds, and the ways to take it away. */
export interface QueueEngine {
  readonly name: (typeof BACKENDS)[number]
  /** Ids of the jobs that wait for a worker and of those that one has, over all stages. */
  jobs(): Promise<{ waiting: string[]; active: string[] }>
  /** There is a job of the document, in whatever state. */
  holds(documentId: string): Promise<boolean>
  /**
   * Whoever waits for a job at this moment is told that there is none, as after its five seconds: what is handed to a worker that stands still is taken
   * up by nobody.
   */
  endWaits(): Promise<void>
  /** Forgets every job, and all else that the queues have stored. */
  empty(): Promise<void>
}

export interface RedisEngine extends QueueEngine {
  /** SIGKILL. */
  kill(): Promise<void>
  /** Another server, which knows nothing, at the same address. */
  replace(): Promise<void>
}

export interface OverQueue<Engine extends QueueEngine> {
  engine: Engine
  services: ServiceProcesses
}

/** Services over a queue engine of their own; both end with the test. */
export async function overPostgres(variables: Record<string, string> = {}): Promise<OverQueue<QueueEngine>> {
  // A worker whose queue is in PostgreSQL holds about 15 connections: the run's server is for the tests beside this one too.
  const [postgres] = await Promise.all([ownPostgres(), compile()])
  const services = await serviceProcesses({ ...COMPILED, ...variables }, postgres)
  return { engine: postgresEngine(services), services }
}

export async function overRedis(variables: Record<string, string> = {}): Promise<OverQueue<RedisEngine>> {
  const [redis] = await Promise.all([runningRedis(), compile()])
  return { engine: redisEngine(redis), services: await serviceProcesses({ ...COMPILED, QUEUE_URL: redis.url, ...variables }) }
}

let compiled: Promise<unknown> | undefined
/** The cache is written at an orderly end alone: this process loads everything and refuses its configuration. */
async function compile(): Promise<void> {
  compiled ??= startScript(WORKERS, [], { ...COMPILED, FAULT_AT: 'nowhere' }).exited
  await compiled
}

async function runningRedis(settings: Record<string, string> = {}): Promise<TestRedis> {
  const redis = await testRedis(settings)
  onTestFinished(() => redis.close())
  return redis
}

/** Every table of the schema but the list of its migrations. */
const TABLES = `SELECT string_agg(format('bullmq.%I', tablename), ', ') AS names FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'`

function postgresEngine({ rows }: ServiceProcesses): QueueEngine {
  return {
    name: 'postgres',
    jobs: async () => {
      const jobs = await rows<{ id: string; active: boolean }>(`SELECT id, state = 'active' AS active FROM bullmq.job`)
      const ids = (wanted: boolean) => jobs.filter(({ active }) => active === wanted).map(({ id }) => id)
      return { waiting: ids(false), active: ids(true) }
    },
    holds: async (documentId) => (await rows(`SELECT FROM bullmq.job WHERE data->>'document_id' = $1`, [documentId])).length > 0,
    // A worker is told that there is a job; it is not handed to it.
    endWaits: async () => undefined,
    empty: async () => {
      const [tables] = await rows<{ names: string }>(TABLES)
      await rows(`TRUNCATE ${tables?.names}`)
    },
  }
}

function redisEngine(redis: TestRedis): RedisEngine {
  const client = new Redis(redis.url)
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  return {
    name: 'redis',
    jobs: async () => {
      const ids = async (list: 'wait' | 'active') =>
        (await Promise.all((await client.keys(`*:${list}`)).map((key) => client.lrange(key, 0, -1)))).flat()
      return { waiting: await ids('wait'), active: await ids('active') }
    },
    // Not its lock, which is a key of its own.
    holds: async (documentId) => (await client.keys(`*-${documentId}-*`)).some((key) => /-\d+$/.test(key)),
    endWaits: async () => {
      const blocked = /^id=(\d+) .* flags=\w*b\w* /gm
      for (const [, id] of String(await client.client('LIST')).matchAll(blocked)) await client.call('CLIENT', 'UNBLOCK', id ?? '')
    },
    empty: async () => void (await client.flushall()),
    kill: () => redis.close(),
    replace: async () => void (await runningRedis({ port: new URL(redis.url).port })),
  }
}
