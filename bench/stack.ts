import { randomBytes, randomInt } from 'node:crypto'
import { join, resolve } from 'node:path'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../shared/database/embedded.ts'
import { firstKey } from '../test/support/first-key.ts'
import { atEnd } from './cleanup.ts'
import { temporaryFolder } from './folder.ts'
import { type Script, startProgram, startScript } from './processes.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** As in embedded-server.ts: below the ports that systems give to outgoing connections. */
const PORT_MIN = 20_000
const PORT_MAX = 32_000
const PORT_TRIES_MAX = 20

export type ServiceName = 'ingest' | 'workers' | 'retrieval' | 'compliance'

/** The engines that the product stands on, and its processes over them. Everything is stopped and removed at the end of the run, however it ends. */
export interface Stack {
  /** DATA_DIR of the services. */
  readonly dataDir: string
  readonly postgres: EmbeddedPostgres
  /** Undefined where the queue is PostgreSQL's. */
  readonly redis: Redis | undefined
  readonly masterKey: Buffer
  /** Of the first tenant, with every scope. */
  readonly apiKey: string
  /** Of the services. */
  readonly environment: Readonly<Record<string, string>>
  /** Starts a service as a process of its own; resolves when it listens. */
  service(name: ServiceName, env?: Readonly<Record<string, string>>): Promise<Service>
  /** The same for a script of the bench that runs as a service does. */
  start(path: string, env?: Readonly<Record<string, string>>): Promise<Service>
  close(): Promise<void>
}

export interface Service extends Pick<Script, 'pid' | 'ask' | 'stop'> {
  readonly url: string
}

export interface Redis {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** The engines are as in production: PostgreSQL with fsync and synchronous commits, Redis with an append-only file that is synced every second. */
export async function openStack(queue: 'redis' | 'postgres'): Promise<Stack> {
  const folder = temporaryFolder()
  const postgres = await startDatabase(folder.path)
  const redis = queue === 'redis' ? await startRedis(folder.path) : undefined
  const masterKey = randomBytes(32)
  const apiKey = await firstKey(postgres, masterKey)
  const dataDir = join(folder.path, 'data')
  const environment = {
    DATABASE_URL: postgres.serviceUrl,
    DATABASE_OWNER_URL: postgres.ownerUrl,
    MASTER_KEY: masterKey.toString('base64'),
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'info',
    ...(redis ? { QUEUE_URL: redis.url } : {}),
  }
  const services: Service[] = []
  const start: Stack['start'] = async (path, env = {}) => {
    const service = await startService(path, { ...environment, ...env })
    services.push(service)
    return service
  }
  return {
    dataDir,
    postgres,
    redis,
    masterKey,
    apiKey,
    environment,
    service: (name, env) => start(join(ROOT, 'services', name, 'main.ts'), env),
    start,
    close: async () => {
      for (const service of services.splice(0).reverse()) await service.stop()
      await redis?.stop()
      await postgres.stop()
      folder.remove()
    },
  }
}

export interface StandaloneService extends Omit<Service, 'ask'> {
  readonly apiKey: string
  readonly dataDir: string
}

/** The embedded system in one process, with its database server and its parser children below it; on a new data folder, which `stop` removes. */
export async function startStandalone(env: Readonly<Record<string, string>> = {}): Promise<StandaloneService> {
  const folder = temporaryFolder()
  const script = startScript(join(ROOT, 'services/cli/main.ts'), ['serve', '--json'], { DATA_DIR: folder.path, PORT: '0', ...env })
  const welcome = JSON.parse(await script.line(/"api_key"/)) as { url: string; api_key: string }
  return {
    url: welcome.url,
    apiKey: welcome.api_key,
    dataDir: folder.path,
    pid: script.pid,
    stop: async () => {
      await script.stop()
      folder.remove()
    },
  }
}

/** A Redis of our own in `folder`, on a free port. */
export async function startRedis(folder: string): Promise<Redis> {
  for (let tries = 1; ; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    const settings = { bind: '127.0.0.1', port, dir: folder, save: '', appendonly: 'yes', appendfsync: 'everysec', 'set-proc-title': 'no' }
    const server = startProgram(
      'redis-server',
      Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    )
    try {
      await server.line(/Ready to accept connections/)
      return { url: `redis://127.0.0.1:${port}`, pid: server.pid, stop: () => server.stop() }
    } catch (error) {
      if (tries === PORT_TRIES_MAX || !(error instanceof Error && /in use/i.test(error.message))) throw error
    }
  }
}

async function startDatabase(dataDir: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir })
  const cleanup = atEnd(() => postgres.stop())
  return {
    ...postgres,
    stop: async () => {
      cleanup.done()
      await postgres.stop()
    },
  }
}

async function startService(path: string, env: Record<string, string>): Promise<Service> {
  const script = startScript(path, [], env)
  const line = await script.line(/"port":\d+.*service started/)
  return { ...script, url: `http://127.0.0.1:${/"port":(\d+)/.exec(line)?.[1]}` }
}
