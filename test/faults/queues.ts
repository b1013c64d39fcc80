import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { type TestRedis, testRedis } from '../support/redis.ts'
import { type ServiceProcesses, serviceProcesses } from '../support/service-processes.ts'
import { ownPostgres } from './own-postgres.ts'

/** What a queue engine holds, and the ways to take it away. */
export interface QueueEngine {
  readonly name: 'postgres' | 'redis'
  /** Ids of the jobs that wait for a worker and of those that one has, over all stages. */
  jobs(): Promise<{ waiting: string[]; active: string[] }>
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
  // A worker whose queue is in PostgreSQL holds many connections: the run's server is for the tests beside this one too.
  const services = await serviceProcesses(variables, await ownPostgres())
  return { engine: postgresEngine(services), services }
}

export async function overRedis(variables: Record<string, string> = {}): Promise<OverQueue<RedisEngine>> {
  const redis = await runningRedis()
  return { engine: redisEngine(redis), services: await serviceProcesses({ QUEUE_URL: redis.url, ...variables }) }
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
    empty: async () => void (await client.flushall()),
    kill: () => redis.close(),
    replace: async () => void (await runningRedis({ port: new URL(redis.url).port })),
  }
}
