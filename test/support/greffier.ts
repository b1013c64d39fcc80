import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startStandalone } from '../../services/standalone/app.ts'
import { SCOPES, type Scope } from '../../shared/contracts/access.ts'
import type { DocumentAi, Producer } from '../../shared/contracts/ai-mark.ts'
import { FINAL_STATUSES, type Refusal, type UploadAccepted } from '../../shared/contracts/document.ts'
import type { DocumentRecord, ProcessingEvent } from '../../shared/contracts/record.ts'
import { createApiKey } from '../../shared/database/api-keys.ts'
import { openDatabase, withTenant } from '../../shared/database/connection.ts'
import { createTenants } from '../../shared/database/tenants.ts'
import { type Config, readConfig } from '../../shared/runtime/config.ts'
import { createSqliteSearch } from '../../shared/search/sqlite.ts'
import { openPool, unheard } from './pools.ts'
import { testDatabase } from './postgres.ts'
import { waitUntil } from './wait.ts'

const OWNER_CONNECTIONS_MAX = 4

export interface Greffier {
  readonly url: string
  /** The first tenant's, with every scope. */
  readonly apiKey: string
  readonly dataDir: string
  /** As the services log in. */
  readonly databaseUrl: string
  /** A request with the first tenant's key, unless `headers` names another. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** A GET, or a POST of JSON where there is a body. Throws, with what came instead, when the answer is not a success. */
  json<Answer>(path: string, body?: unknown): Promise<Answer>
  /** A raw upload; `query` holds options, as in `{ file_name: 'a.txt' }`. */
  upload(body: NonNullable<RequestInit['body']>, query?: Record<string, string>, headers?: Record<string, string>): Promise<UploadAccepted>
  /** Resolves with the document as the API shows it once its status is final. */
  settled(documentId: string): Promise<DocumentJson>
  /** Erases a document; resolves when a first pass over every store is on record. */
  erase(documentId: string): Promise<void>
  /** The document's record, oldest first. */
  record(documentId: string): Promise<ProcessingEvent[]>
  /** A further tenant, and a key of it. */
  addTenant(scopes?: readonly Scope[]): Promise<{ tenantId: string; apiKey: string }>
  /** Rows as the owner of the database sees them, past row-level security. */
  rows<Row extends object>(statement: string, values?: readonly unknown[]): Promise<Row[]>
  /** Everything that exists outside PostgreSQL: ids of originals, names of files that are being written. */
  blobs(): Promise<{ originals: string[]; incoming: string[] }>
  /** Points of a document that the search store holds. */
  points(tenantId: string, documentId: string): Promise<number>
  /** Stops the system and starts it over the same database and folder, with a changed configuration. `url` is then another one. */
  startAgain(changes: Partial<Config>): Promise<void>
  /** Stops the system alone; `close` then removes the rest. */
  stop(): Promise<void>
  close(): Promise<void>
}

/** The part of the answer that tests read. */
export interface DocumentJson {
  document_id: string
  status: string
  error_code: string | null
  revision: number
  media_type: string
  bytes: number
  type: string | null
  language: string | null
  file_name: string | null
  metadata: Record<string, string>
  stages: { stage: string; status: string; starts: number; started_at: string | null; finished_at: string | null }[]
  pages: { number: number; method: string; characters: number; reason: string | null }[]
  fields: Record<
    string,
    { value: string; status: string; evidence: { page: number; start: number; end: number; quote: string }[]; produced_by: Producer | null }
  >
  ai: DocumentAi
  extraction: unknown
  schema_name: string | null
  refusal: Refusal | null
}

/** The whole system in this process, over a database of its own on the run's server, on a free port and a new data folder. */
export async function startGreffier(overrides: Partial<Config> = {}): Promise<Greffier> {
  const dataDir = mkdtempSync(join(tmpdir(), 'greffier-e2e-'))
  const server = await testDatabase()
  const masterKey = randomBytes(32)
  const config = {
    ...readConfig({}),
    DATA_DIR: dataDir,
    PORT: 0,
    LOG_LEVEL: 'silent' as const,
    DATABASE_URL: server.serviceUrl,
    DATABASE_OWNER_URL: server.ownerUrl,
    MASTER_KEY: masterKey,
    ...overrides,
  }
  let system = await startStandalone(config)
  const { apiKey } = system
  const owner = openPool({ connectionString: server.ownerUrl, options: '-c search_path=greffier', max: OWNER_CONNECTIONS_MAX })
  const database = openDatabase(server.serviceUrl, unheard)
  const tenants = createTenants(database, masterKey)
  const search = createSqliteSearch({ path: join(dataDir, 'search.sqlite') })

  const fetchIt = (path: string, init: RequestInit = {}) =>
    fetch(`${system.url}${path}`, { ...init, headers: { authorization: `Bearer ${apiKey}`, ...(init.headers as Record<string, string>) } })
  const json = async <Answer>(path: string, body?: unknown): Promise<Answer> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    return succeeded(await fetchIt(path, init))
  }
  const record = async (documentId: string) => (await json<DocumentRecord>(`/v1/documents/${documentId}/record`)).events
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= system.close()
    return stopped
  }
  return {
    get url() {
      return system.url
    },
    apiKey,
    dataDir,
    databaseUrl: server.serviceUrl,
    fetch: fetchIt,
    json,
    upload: async (body, query = {}, headers = {}) =>
      succeeded(await fetchIt(`/v1/documents?${new URLSearchParams(query)}`, { method: 'POST', body, headers })),
    settled: async (documentId) => {
      await waitUntil(async () => {
        const { rows } = await owner.query('SELECT status FROM documents WHERE id = $1', [documentId])
        return FINAL_STATUSES.includes(rows[0]?.status)
      }, `document ${documentId} to be completed`)
      return json(`/v1/documents/${documentId}`)
    },
    record,
    erase: async (documentId) => {
      await succeeded(await fetchIt(`/v1/documents/${documentId}`, { method: 'DELETE' }))
      await waitUntil(async () => (await record(documentId)).some((event) => event.operation === 'Erase'), `${documentId} to be erased`)
    },
    addTenant: async (scopes = SCOPES) => {
      const tenantId = await tenants.create('another')
      const created = await withTenant(database, tenantId, (tx) => createApiKey(tx, tenantId, 'test', scopes))
      return { tenantId, apiKey: created.api_key }
    },
    rows: async (statement, values = []) => (await owner.query(statement, [...values])).rows,
    blobs: async () => ({
      originals: await filesBelow(join(dataDir, 'blobs/objects')),
      incoming: await filesBelow(join(dataDir, 'blobs/incoming')),
    }),
    points: (tenant_id, document_id) => search.countDocument({ tenant_id, document_id }),
    startAgain: async (changes) => {
      await stop()
      system = await startStandalone({ ...config, ...changes })
      stopped = undefined
    },
    stop,
    close: async () => {
      await stop()
      await search.close()
      await database.destroy()
      await owner.end()
      await server.close()
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

async function succeeded<Answer>(response: Response): Promise<Answer> {
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status} ${text}`)
  return JSON.parse(text) as Answer
}

async function filesBelow(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return []
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}
