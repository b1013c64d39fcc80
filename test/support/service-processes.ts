import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { firstKey } from './first-key.ts'
import { temporaryFolder } from './folder.ts'
import { openPool } from './pools.ts'
import { type TestDatabase, testDatabase } from './postgres.ts'
import { type ScriptProcess, startScript } from './process.ts'
import { waitUntil } from './wait.ts'

const SERVICES = resolve(import.meta.dirname, '../../services')
const BECOME = resolve(import.meta.dirname, 'become.ts')

export interface ServiceProcess extends ScriptProcess {
  readonly url: string
}

/** Services that run as processes of their own over one database, one data folder and the first tenant. All of it ends with the test. */
export interface ServiceProcesses {
  /** The first tenant's, with every scope. */
  readonly apiKey: string
  readonly dataDir: string
  readonly tenantId: string
  readonly ownerUrl: string
  readonly serviceUrl: string
  readonly masterKey: Buffer
  /**
   * Resolves when the service listens. `under` is a command that runs another, as in `['nice', '-n', '5']`, and keeps its process id; `variables`
   * are for this process alone, as in `{ FAULT_AT: 'index:worked' }`.
   */
  start(
    name: 'ingest' | 'workers' | 'retrieval' | 'compliance',
    under?: readonly string[],
    variables?: Record<string, string>,
  ): Promise<ServiceProcess>
  /** Rows as the owner of the database sees them, past row-level security. */
  rows<Row extends object>(statement: string, values?: readonly unknown[]): Promise<Row[]>
  /** `LOCK TABLE` until `release`: whoever writes to the table waits; in EXCLUSIVE mode also whoever refers to a row of it. */
  lock(table: string, mode?: 'EXCLUSIVE' | 'SHARE'): Promise<{ waiting(): Promise<number>; release(): Promise<void> }>
}

/** `shared` are further variables of every service, as in `{ QUEUE_URL }`; `own` is a database of the test's own, which may go away and come back. */
export async function serviceProcesses(
  shared: Record<string, string> = {},
  own?: Pick<TestDatabase, 'ownerUrl' | 'serviceUrl'>,
): Promise<ServiceProcesses> {
  const dataDir = temporaryFolder()
  const server = own ?? (await borrowedDatabase())
  const masterKey = randomBytes(32)
  const apiKey = await firstKey(server, masterKey)
  const owner = openPool({ connectionString: server.ownerUrl, options: '-c search_path=greffier', max: 4 })
  onTestFinished(() => owner.end())
  const environment = {
    DATABASE_URL: server.serviceUrl,
    DATABASE_OWNER_URL: server.ownerUrl,
    MASTER_KEY: masterKey.toString('base64'),
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'info',
    ...shared,
  }
  const rows = async <Row extends object>(statement: string, values: readonly unknown[] = []): Promise<Row[]> =>
    (await owner.query<Row>(statement, [...values])).rows
  return {
    apiKey,
    dataDir,
    tenantId: (await rows<{ id: string }>('SELECT id FROM tenants'))[0]?.id ?? '',
    ownerUrl: server.ownerUrl,
    serviceUrl: server.serviceUrl,
    masterKey,
    rows,
    start: async (name, under = [], variables = {}) => {
      const all = { ...environment, ...variables }
      const main = resolve(SERVICES, name, 'main.ts')
      const service =
        under.length === 0
          ? startScript(main, [], all)
          : startScript(BECOME, [...under, process.execPath, '--disable-warning=ExperimentalWarning', main], all)
      return { ...service, url: await addressOf(service, name) }
    },
    lock: async (table, mode = 'EXCLUSIVE') => {
      const client = await owner.connect()
      await client.query(`BEGIN; LOCK TABLE ${table} IN ${mode} MODE`)
      return {
        waiting: async () =>
          (await rows('SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0')).length,
        release: async () => {
          await client.query('COMMIT')
          client.release()
        },
      }
    },
  }
}

/** Every place where an upload leaves something, and the documents that it names there, each as often as it does. */
export interface Places {
  documents: string[]
  revisions: string[]
  stages: string[]
  outbox: string[]
  events: string[]
  idempotency: string[]
  artifacts: string[]
  originals: string[]
  /** Names of files that are being written. */
  incoming: string[]
}

/** `blobs` is where the test sees DATA_DIR/blobs. Ids are sorted. */
export async function places(services: ServiceProcesses, blobs = join(services.dataDir, 'blobs')): Promise<Places> {
  const ids = async (select: string) => (await services.rows<{ id: string }>(`SELECT ${select} ORDER BY 1`)).map(({ id }) => id)
  return {
    documents: await ids('id FROM documents'),
    revisions: await ids('document_id AS id FROM revisions'),
    stages: await ids('document_id AS id FROM stages'),
    outbox: await ids('document_id AS id FROM outbox'),
    events: await ids('unnest(document_ids) AS id FROM events'),
    idempotency: await ids('document_id AS id FROM idempotency'),
    artifacts: await ids('document_id AS id FROM artifacts'),
    originals: (await filesBelow(join(blobs, 'objects'))).sort(),
    incoming: await filesBelow(join(blobs, 'incoming')),
  }
}

/** What is there when these documents were taken in, once each and by requests with an Idempotency-Key, no worker has begun with them, and there is nothing else. */
export function takenIn(documentIds: readonly string[]): Places {
  const ids = [...documentIds].sort()
  return {
    documents: ids,
    revisions: ids,
    stages: ids,
    outbox: ids,
    events: ids,
    idempotency: ids,
    artifacts: ids,
    originals: ids,
    incoming: [],
  }
}

async function borrowedDatabase(): Promise<TestDatabase> {
  const server = await testDatabase()
  onTestFinished(() => server.close())
  return server
}

/** The log line of a started service tells the port that it was given. */
async function addressOf(service: ScriptProcess, name: string): Promise<string> {
  const port = () => /"port":(\d+).*service started/.exec(service.stderr())?.[1]
  let ended = false
  void service.exited.then(() => {
    ended = true
  })
  await waitUntil(() => ended || port() !== undefined, `${name} to start`)
  if (port() === undefined) throw new Error(`${name} ended before it listened; it said: ${service.stderr()}`)
  return `http://127.0.0.1:${port()}`
}

/** Folders that are not there yet are empty. */
async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
