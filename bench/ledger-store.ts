import { randomFillSync } from 'node:crypto'
import { Client } from 'pg'
import { NODE_TREE } from '../shared/blobs/hashing.ts'
import type { EventDraft } from '../shared/contracts/record.ts'
import { type Database, openDatabase, withTenant } from '../shared/database/connection.ts'
import { appendEvent } from '../shared/database/events.ts'
import { readHead, sequenceEvents, writeTiles } from '../shared/database/ledger.ts'
import { createTenants, type Tenants } from '../shared/database/tenants.ts'
import { appendLeaves, type Edge, EMPTY_EDGE, encodeEdge } from '../shared/ledger/tiles.ts'
import { HASH_BYTES } from '../shared/ledger/tree-hash.ts'
import { unheard } from '../test/support/pools.ts'
import { atEnd } from './cleanup.ts'
import { expectExactly } from './options.ts'
import { openStack, type Stack } from './stack.ts'

/** A full tile of the second level; some 2 MB of hashes in a statement. */
const LEAVES_AT_ONCE = 65_536

const HASH = 'c0ffee00'.repeat(8)
/** A finished model call, as the record describes it: the most frequent kind of event. */
export const DRAFT: EventDraft = {
  operation: 'Infer',
  step: 'extract',
  phase: 'completed',
  doc_ref: '01890000-0000-7000-8000-000000000001',
  revision: 1,
  purpose: 'invoice_processing',
  sensitivity: 'internal',
  special: false,
  criminal: false,
  data_categories: ['identification', 'contact', 'financial'],
  subject_categories: ['customer'],
  recipient: {
    processor: 'mistral',
    endpoint: 'https://api.eu.mistral.ai',
    region: 'eu',
    register_hash: HASH,
    subprocessor_set_hash: HASH,
  },
  policy: { hash: HASH, rule: 'personal-data-in-the-eea', outcome: 'allowed', failed: [] },
  model: {
    task: 'extract',
    requested: 'mistral-small-latest',
    returned: 'mistral-small-2603',
    language_model: true,
    tokens_in: 2_400,
    tokens_cached: null,
    tokens_out: 310,
    provider_request_id: null,
    prompt_hmac: null,
    schema_hash: HASH,
    cost: null,
  },
  result: 'ok',
  duration_ms: 812,
}

export interface LedgerStore {
  stack: Stack
  database: Database
  tenants: Tenants
  /** As the superuser. */
  owner: Client
  /** An event as it is stored. */
  body: string
  close(): Promise<void>
}

/** PostgreSQL with fsync and synchronous commits, migrated, with the product's own pool over it. */
export async function openLedgerStore(): Promise<LedgerStore> {
  const stack = await openStack('postgres')
  const database = openDatabase(stack.postgres.serviceUrl, unheard)
  const owner = new Client({ connectionString: stack.postgres.ownerUrl, options: '-c search_path=greffier' })
  await owner.connect()
  const close = async () => {
    cleanup.done()
    await owner.end()
    await database.destroy()
    await stack.close()
  }
  const cleanup = atEnd(close)
  const tenants = createTenants(database, stack.masterKey)
  return { stack, database, tenants, owner, body: await anEvent(database, tenants), close }
}

async function anEvent(database: Database, tenants: Tenants): Promise<string> {
  const tenantId = await tenants.create('an event')
  return withTenant(database, tenantId, async (tx) => {
    await appendEvent(tx, tenantId, DRAFT)
    return (await tx.selectFrom('events').select('body').executeTakeFirstOrThrow()).body
  })
}

/** Puts `count` events like this one into the record and the queue, of which nothing is timed. */
export async function queueEvents({ owner, body }: LedgerStore, tenantId: string, count: number): Promise<void> {
  await owner.query(
    `WITH logged AS (
      INSERT INTO events (id, tenant_id, document_ids, phase, body)
      SELECT uuidv7(), $1::uuid, '{}', 'completed', replace($2, '"step":"extract"', '"step":"extract ' || n || '"') FROM generate_series(1, $3::int) n
      RETURNING tenant_id, seq
    ) INSERT INTO ledger_queue (tenant_id, event_seq) SELECT tenant_id, seq FROM logged`,
    [tenantId, body, count],
  )
}

/** Takes all that is queued into the log, as the sequencer does. */
export async function sequenceAll({ database, tenants }: LedgerStore, tenantId: string, expected: number): Promise<void> {
  const keys = await tenants.keys(tenantId)
  let moved = 0
  for (let last = 1; last > 0; moved += last) last = (await withTenant(database, tenantId, (tx) => sequenceEvents(tx, tenantId, keys))) ?? 0
  expectExactly('events in the log', moved, expected)
}

export interface GrownLog {
  tenantId: string
  size: number
  root: Uint8Array
}

/**
 * A log of each of these sizes, the largest made step by step and the others copied on the way. Edge and tiles are what the product would have stored; the leaves'
 * hashes are random, and there are no events behind them, which no proof and no append reads.
 */
export async function growLogs(store: LedgerStore, sizes: readonly number[]): Promise<GrownLog[]> {
  const grown: GrownLog[] = []
  const largest = await emptyLog(store)
  let edge: Edge = EMPTY_EDGE
  for (const size of sizes) {
    while (edge.size < size)
      edge = await grow(store, largest, edge, Math.min(LEAVES_AT_ONCE - (edge.size % LEAVES_AT_ONCE), size - edge.size))
    const tenantId = size === sizes.at(-1) ? largest : await copied(store, largest)
    await setEdge(store, tenantId, edge)
    const keys = await store.tenants.keys(tenantId)
    // Signs a checkpoint over what is there.
    await queueEvents(store, tenantId, 1)
    await sequenceAll(store, tenantId, 1)
    const head = await withTenant(store.database, tenantId, (tx) => readHead(tx, tenantId, keys))
    expectExactly('leaves', head.size, size + 1)
    grown.push({ tenantId, size: head.size, root: head.root })
  }
  await store.owner.query('VACUUM ANALYZE')
  return grown
}

async function emptyLog({ database, tenants }: LedgerStore): Promise<string> {
  const tenantId = await tenants.create('grown')
  const keys = await tenants.keys(tenantId)
  await withTenant(database, tenantId, (tx) => readHead(tx, tenantId, keys))
  return tenantId
}

async function grow({ database }: LedgerStore, tenantId: string, before: Edge, leaves: number): Promise<Edge> {
  const bytes = randomFillSync(new Uint8Array(leaves * HASH_BYTES))
  const hashes = Array.from({ length: leaves }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
  const { edge, tiles } = appendLeaves(before, hashes, NODE_TREE)
  await withTenant(database, tenantId, (tx) => writeTiles(tx, tenantId, tiles))
  return edge
}

async function copied(store: LedgerStore, from: string): Promise<string> {
  const tenantId = await emptyLog(store)
  await store.owner.query('INSERT INTO ledger_tiles SELECT $1, level, index, hashes FROM ledger_tiles WHERE tenant_id = $2', [
    tenantId,
    from,
  ])
  return tenantId
}

async function setEdge({ owner }: LedgerStore, tenantId: string, edge: Edge): Promise<void> {
  await owner.query('UPDATE ledger_logs SET size = $2, edge = $3 WHERE tenant_id = $1', [
    tenantId,
    edge.size,
    Buffer.from(encodeEdge(edge)),
  ])
}
