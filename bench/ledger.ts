import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { NODE_TREE } from '../shared/blobs/hashing.ts'
import { newId } from '../shared/contracts/ids.ts'
import { withTenant } from '../shared/database/connection.ts'
import { appendEvent } from '../shared/database/events.ts'
import { tileReader } from '../shared/database/ledger.ts'
import { verifyConsistency, verifyInclusion } from '../shared/ledger/merkle.ts'
import { consistencyProof, inclusionProofs, rootAt } from '../shared/ledger/tiles.ts'
import { temporaryFolder } from './folder.ts'
import { DRAFT, type GrownLog, growLogs, type LedgerStore, openLedgerStore, queueEvents, sequenceAll } from './ledger-store.ts'
import { verifyRows } from './ledger-verify.ts'
import { expectExactly, type Options } from './options.ts'
import { cpuMsOf } from './processes.ts'
import { compare, type Row, single } from './report.ts'
import { type Figures, interleave, median, perSecond } from './rounds.ts'

const IN_FLIGHT = 8
const GROUP = 64
const APPEND_GOAL = { of: 'ratio', atLeast: 0.9 } as const
const HALF_GOAL = { of: 'ratio', atLeast: 0.5 } as const
/** "Milliseconds", at 10 million leaves. */
const PROOF_MS_GOAL = { of: 'product', atMost: 10 } as const
const FULL = { appended: 4_000, sequenced: 65_536, sizes: [1_000, 1_000_000, 10_000_000], grownBy: 4_096, proofs: 500, bundled: 100_000 }
const QUICK = { appended: 400, sequenced: 4_096, sizes: [1_000, 10_000, 100_000], grownBy: 512, proofs: 50, bundled: 5_000 }

/**
 * The log of events, side by side with the least that could do something like it:
 * - an event appended in a transaction of its own, 8 in flight, against one INSERT of as many bytes into a table with the same columns, indexes, foreign keys and
 *   row-level security (what is asked for beyond it: to be made, checked and made canonical, and to be queued for the log);
 * - events taken into the log by the sequencer, as they lie in PostgreSQL, against the same bytes written to a file, fdatasync after every 64;
 * - the same at 1,000, 1 million and 10 million leaves, against 1,000;
 * - proofs of random leaves and earlier sizes, read from the tiles in PostgreSQL and made, each in a transaction of its own;
 * - a bundle checked (shared/ledger), against the SHA-256 of its bytes.
 */
export async function run({ rounds, quick, say }: Options): Promise<Row[]> {
  const counts = quick ? QUICK : FULL
  const rows: Row[] = []
  const store = await openLedgerStore()
  say('appending events')
  rows.push(...(await appendRows(store, counts.appended, rounds)))
  say('taking events into the log')
  rows.push(await sequencerRow(store, counts.sequenced, rounds))
  say(`growing logs to ${counts.sizes.join(', ')} leaves`)
  const logs = await growLogs(store, counts.sizes)
  for (const log of logs.slice(1)) rows.push(...(await proofRows(store, log, counts.proofs)))
  say('taking events into logs of different sizes')
  rows.push(...(await growthRows(store, logs, counts.grownBy, rounds)))
  await store.close()
  say('checking a bundle')
  rows.push(...(await verifyRows(store.body, counts.bundled, rounds)))
  return rows
}

/** As `appendEvent` fills them. */
const COLUMNS = sql.raw(
  'id, tenant_id, document_ids, phase, closes, body, occurred_at, operation, outcome, purpose, legal_basis, processor',
)

async function appendRows(store: LedgerStore, count: number, rounds: number): Promise<Row[]> {
  const { database, owner, tenants, body } = store
  const tenantId = await tenants.create('appends')
  await owner.query(`
    CREATE TABLE bare_events (LIKE events INCLUDING ALL);
    ALTER TABLE bare_events ADD FOREIGN KEY (tenant_id) REFERENCES tenants, ADD FOREIGN KEY (closes) REFERENCES bare_events (id), ENABLE ROW LEVEL SECURITY;
    CREATE POLICY of_tenant ON bare_events USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
    GRANT INSERT ON bare_events TO PUBLIC`)
  const { doc_ref, operation, purpose, recipient } = DRAFT
  const values = () => sql`${newId()}, ${tenantId}, ARRAY[${doc_ref}]::uuid[], 'completed', NULL, ${body},
    now(), ${operation}, 'completed', ${purpose}, NULL, ${recipient?.processor}`
  const statements = {
    bare: () => sql`INSERT INTO bare_events (${COLUMNS}) VALUES (${values()})`,
    queued: () => sql`WITH logged AS (INSERT INTO events (${COLUMNS}) VALUES (${values()}) RETURNING tenant_id, seq)
      INSERT INTO ledger_queue (tenant_id, event_seq) SELECT tenant_id, seq FROM logged`,
  }
  const timedAll = (work: () => Promise<unknown>) => timed(store, count, () => inFlight(count, work))
  const bare = () => timedAll(() => withTenant(database, tenantId, (tx) => statements.bare().execute(tx)))
  const queued = () => timedAll(() => withTenant(database, tenantId, (tx) => statements.queued().execute(tx)))
  const whole = () => timedAll(() => withTenant(database, tenantId, (tx) => appendEvent(tx, tenantId, DRAFT)))
  const unit = 'events/s'
  const note = `${Buffer.byteLength(body)} bytes an event, ${IN_FLIGHT} in flight`
  const statement = await interleave(rounds, { product: queued, baseline: bare })
  const call = await interleave(rounds, { product: whole, baseline: bare })
  return [
    compare({ name: 'append: INSERT with its row in the queue', unit, measured: statement, of: perSecond, goal: APPEND_GOAL, note }),
    compare({ name: 'append: made, checked, canonical, inserted', unit, measured: call, of: perSecond, goal: null, note }),
  ]
}

async function sequencerRow(store: LedgerStore, count: number, rounds: number): Promise<Row> {
  const tenantId = await store.tenants.create('sequenced')
  await queueEvents(store, tenantId, count)
  const { rows } = await store.owner.query<{ body: string }>('SELECT body FROM events WHERE tenant_id = $1 ORDER BY seq', [tenantId])
  const bodies = rows.map(({ body }) => Buffer.from(body))
  const folder = temporaryFolder()
  await sequenceAll(store, tenantId, count)
  const measured = await interleave(rounds, {
    product: async () => {
      await queueEvents(store, tenantId, count)
      return timed(store, count, () => sequenceAll(store, tenantId, count))
    },
    baseline: () => timed(store, count, async () => appendToFile(join(folder.path, newId()), bodies)),
  })
  folder.remove()
  const note = `${count} events; the baseline keeps no index, no tree and no signature`
  return compare({
    name: 'sequencer over file, fdatasync each 64',
    unit: 'events/s',
    measured,
    of: perSecond,
    goal: HALF_GOAL,
    note,
  })
}

function appendToFile(path: string, bodies: readonly Buffer[]): void {
  const file = openSync(path, 'ax')
  for (let at = 0; at < bodies.length; at += GROUP) {
    writeSync(file, Buffer.concat(bodies.slice(at, at + GROUP)))
    fdatasyncSync(file)
  }
  closeSync(file)
}

async function growthRows(store: LedgerStore, logs: readonly GrownLog[], count: number, rounds: number): Promise<Row[]> {
  const sequence =
    ({ tenantId }: GrownLog) =>
    async () => {
      await queueEvents(store, tenantId, count)
      return timed(store, count, () => sequenceAll(store, tenantId, count))
    }
  const [smallest, ...others] = logs
  const rows: Row[] = []
  for (const log of others) {
    if (smallest === undefined) continue
    const measured = await interleave(rounds, { product: sequence(log), baseline: sequence(smallest) })
    const name = `sequencer at ${inWords(log.size)} leaves over ${inWords(smallest.size)}`
    rows.push(compare({ name, unit: 'events/s', measured, of: perSecond, goal: APPEND_GOAL, note: `${count} events a round` }))
  }
  return rows
}

async function proofRows(store: LedgerStore, { tenantId, size, root }: GrownLog, count: number): Promise<Row[]> {
  const { database } = store
  const inclusionMs: number[] = []
  const consistencyMs: number[] = []
  for (let at = 0; at < count; at++) {
    const index = Math.floor(Math.random() * size)
    const oldSize = 1 + Math.floor(Math.random() * (size - 1))
    let startedAtMs = performance.now()
    const [hashes = []] = await withTenant(database, tenantId, (tx) => inclusionProofs(size, [index], tileReader(tx, tenantId), NODE_TREE))
    inclusionMs.push(performance.now() - startedAtMs)
    startedAtMs = performance.now()
    const consistent = await withTenant(database, tenantId, (tx) => consistencyProof(oldSize, size, tileReader(tx, tenantId), NODE_TREE))
    consistencyMs.push(performance.now() - startedAtMs)
    await withTenant(database, tenantId, async (tx) => {
      const read = tileReader(tx, tenantId)
      const [tile = new Uint8Array()] = await read([{ level: 0, index: Math.floor(index / 256), width: 1 }])
      const leafHash = tile.subarray((index % 256) * 32, (index % 256) * 32 + 32)
      verifyInclusion({ index, size, leafHash, hashes, root }, NODE_TREE)
      verifyConsistency(
        { oldSize, oldRoot: await rootAt(oldSize, read, NODE_TREE), newSize: size, newRoot: root, hashes: consistent },
        NODE_TREE,
      )
    })
  }
  return [
    proofRow(`inclusion proof at ${inWords(size)} leaves`, inclusionMs),
    proofRow(`consistency proof at ${inWords(size)} leaves`, consistencyMs),
  ]
}

function proofRow(name: string, ms: readonly number[]): Row {
  const p99 = ms.toSorted((a, b) => a - b)[Math.floor(ms.length * 0.99)] ?? 0
  const note = `p50 ${median(ms).toFixed(2)} ms; ${ms.length} proofs, each checked`
  return single({ name, unit: 'ms, p99', product: p99, goal: PROOF_MS_GOAL, note })
}

/** Processor time is that of this process and of PostgreSQL. */
async function timed({ stack }: LedgerStore, count: number, work: () => Promise<unknown>): Promise<Figures> {
  const pids = [process.pid, stack.postgres.pid]
  const cpuBefore = cpuMsOf(pids)
  const startedAtMs = performance.now()
  await work()
  const wallMs = performance.now() - startedAtMs
  return { wallMs, cpuMs: Math.max(1, cpuMsOf(pids) - cpuBefore), count }
}

async function inFlight(count: number, work: () => Promise<unknown>): Promise<void> {
  let begun = 0
  let done = 0
  const worker = async () => {
    while (begun++ < count) {
      await work()
      done++
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  expectExactly('appends', done, count)
}

/** Of a size that has grown a little. */
function inWords(size: number): string {
  return size >= 1_000_000
    ? `${Math.round(size / 1_000_000)} million`
    : Math.round(size / 1_000) * 1_000 === 0
      ? '0'
      : (Math.round(size / 1_000) * 1_000).toLocaleString('en')
}
