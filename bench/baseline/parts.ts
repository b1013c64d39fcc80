// What no implementation of this pipeline can do without, one document after the other in one warm process. bench/cpu.ts says what is counted.

import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { chunkPages } from '../../services/workers/index/chunk.ts'
import type { Page } from '../../shared/contracts/extraction.ts'
import { SCHEMA } from '../../shared/database/roles.ts'
import { createBuiltinProvider } from '../../shared/inference/builtin/provider.ts'
import { schemaFor } from '../../shared/inference/extraction/shipped.ts'
import { openSqliteIndex } from '../../shared/search/sqlite-index.ts'
import { tokenHasher, tokenize } from '../../shared/search/tokens.ts'
import { answerMessages } from '../answer.ts'
import { parsePdf } from './parse.ts'

export type PartsRequest =
  | { kind: 'load'; files: readonly string[]; folder: string; bareUrl: string; productUrl: string; document_ids: readonly string[] }
  | { kind: 'clear' }
  | { kind: 'run' }

export const PARTS = ['parse', 'store', 'enrich', 'embed', 'search', 'sql'] as const
/** Processor time of this process by part; that of PostgreSQL shows in PostgreSQL. */
export interface PartsDone {
  wallMs: number
  documents: number
  pages: number
  points: number
  cpuMs: Record<(typeof PARTS)[number], number>
}

type Row = Record<string, unknown>
/** The rows of one document by the transaction that writes them. */
type Transactions = [table: string, rows: Row[]][][]

interface Loaded {
  originals: Buffer[]
  transactions: Transactions[]
  folder: string
  database: Client
  index: ReturnType<typeof openSqliteIndex>
}

const TENANT_TABLES = ['artifacts', 'documents', 'revisions', 'stages', 'pages', 'fields', 'chunks', 'events'] as const
const KEY = randomBytes(32)
const TENANT = randomUUID()
const provider = createBuiltinProvider()
let loaded: Loaded | undefined

answerMessages<PartsRequest, PartsDone | null>(async (request) => {
  if (request.kind === 'load') {
    loaded = await load(request)
    return null
  }
  if (!loaded) throw new Error('load comes first')
  if (request.kind === 'run') return run(loaded)
  await loaded.database.query(`TRUNCATE ${TENANT_TABLES.join(', ')} CASCADE`)
  return null
})

async function load(request: PartsRequest & { kind: 'load' }): Promise<Loaded> {
  const product = await connect(request.productUrl)
  const database = await connect(request.bareUrl)
  const tenants = (await product.query<Row>('SELECT * FROM tenants')).rows
  await insert(database, 'tenants', tenants)
  const transactions: Transactions[] = []
  for (const id of request.document_ids) transactions.push(await readTransactions(product, id))
  await product.end()
  mkdirSync(request.folder, { recursive: true })
  return {
    originals: await Promise.all(request.files.map((file) => readFile(file))),
    transactions,
    folder: request.folder,
    database,
    index: openSqliteIndex(join(request.folder, 'search.sqlite')),
  }
}

async function run({ originals, transactions, folder, database, index }: Loaded): Promise<PartsDone> {
  const done: PartsDone = {
    wallMs: 0,
    documents: 0,
    pages: 0,
    points: 0,
    cpuMs: { parse: 0, store: 0, enrich: 0, embed: 0, search: 0, sql: 0 },
  }
  const timed = async <Result>(part: (typeof PARTS)[number], work: () => Promise<Result> | Result): Promise<Result> => {
    const before = process.cpuUsage()
    const result = await work()
    const { user, system } = process.cpuUsage(before)
    done.cpuMs[part] += (user + system) / 1_000
    return result
  }
  const startedAtMs = performance.now()
  const never = new AbortController().signal
  for (const [number, original] of originals.entries()) {
    const scope = { tenant_id: TENANT, document_id: randomUUID(), revision: 1 }
    await timed('store', () => store(join(folder, scope.document_id), original))
    const texts = await timed('parse', () => parsePdf(original, 'page'))
    const pages = texts.map((text, at): Page => ({ number: at + 1, method: 'pdf_text', text, reason: null }))
    const { value: found } = await timed('enrich', async () => {
      const { value } = await provider.classify(pages, never)
      await provider.extract(pages, { schema: schemaFor(value.type), language: value.language }, never)
      return { value }
    })
    const points = await timed('embed', async () => {
      const chunks = await chunkPages(scope.document_id, scope.revision, pages)
      const pieces = chunks.map(({ page, start, end }) => (texts[page - 1] ?? '').slice(start, end))
      const { value: vectors } = await provider.embed(pieces, never)
      const hashTokens = tokenHasher(KEY)
      return chunks.map(({ id }, at) => {
        const tokens = hashTokens(tokenize(pieces[at] ?? '', found.language))
        return { id, document_id: scope.document_id, revision: scope.revision, vector: vectors[at] ?? null, tokens }
      })
    })
    await timed('search', () => index.replace(scope, points))
    await timed('sql', () => write(database, transactions[number] ?? []))
    done.documents++
    done.pages += pages.length
    done.points += index.count(scope)
  }
  done.wallMs = performance.now() - startedAtMs
  return done
}

/** Hash, encrypt, write, sync: one file. */
async function store(path: string, original: Buffer): Promise<void> {
  createHash('sha256').update(original).digest()
  const cipher = createCipheriv('aes-256-gcm', KEY, randomBytes(12))
  const encrypted = [cipher.update(original), cipher.final(), cipher.getAuthTag()]
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writev(encrypted)
    await file.datasync()
  } finally {
    await file.close()
  }
}

async function write(database: Client, transactions: Transactions): Promise<void> {
  for (const tables of transactions) {
    await database.query('BEGIN')
    for (const [table, rows] of tables) await insert(database, table, rows)
    await database.query('COMMIT')
  }
}

async function insert(database: Client, table: string, rows: readonly Row[]): Promise<void> {
  const [first] = rows
  if (!first) return
  const columns = Object.keys(first)
  const places = rows.map((_, row) => `(${columns.map((_, column) => `$${row * columns.length + column + 1}`).join(', ')})`)
  const names = columns.map((name) => `"${name}"`).join(', ')
  await database.query(
    `INSERT INTO ${table} (${names}) VALUES ${places.join(', ')}`,
    rows.flatMap((row) => columns.map((name) => row[name])),
  )
}

/** The rows that the product left of a document: those of the upload, then those of each stage with its events. */
async function readTransactions(product: Client, documentId: string): Promise<Transactions> {
  const of = async (table: string, condition = 'document_id = $1') =>
    (await product.query<Row>(`SELECT * FROM ${table} WHERE ${condition}`, [documentId])).rows
  // `seq` is given by the database.
  const events = (await of('events', 'document_ids = ARRAY[$1::uuid] ORDER BY seq')).map(({ seq: _seq, ...event }) => event)
  const eventsOf = (step: string): [string, Row[]] => ['events', events.filter(({ body }) => JSON.parse(String(body)).step === step)]
  const artifacts = await of('artifacts')
  const stages = await of('stages')
  const endOf = (stage: string): [string, Row[]][] => [['stages', stages.filter((row) => row.stage === stage)], eventsOf(stage)]
  return [
    [
      ['artifacts', artifacts.filter(({ kind }) => kind === 'original')],
      ['documents', await of('documents', 'id = $1')],
      ['revisions', await of('revisions')],
      eventsOf('upload'),
    ],
    [['pages', await of('pages')], ...endOf('extract')],
    [['fields', await of('fields')], ...endOf('enrich')],
    [['artifacts', artifacts.filter(({ kind }) => kind === 'points')], ['chunks', await of('chunks')], ...endOf('index')],
    endOf('done'),
  ]
}

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, options: `-c search_path=${SCHEMA}` })
  await client.connect()
  return client
}
