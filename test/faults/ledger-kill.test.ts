import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { NODE_TREE } from '../../shared/blobs/hashing.ts'
import { type Database, openDatabase, withTenant } from '../../shared/database/connection.ts'
import { type EmbeddedPostgresCrash, startEmbeddedPostgres } from '../../shared/database/embedded.ts'
import { readHead, tileReader } from '../../shared/database/ledger.ts'
import { migrate } from '../../shared/database/migrations.ts'
import { createTenants } from '../../shared/database/tenants.ts'
import { openCheckpoint } from '../../shared/ledger/checkpoint.ts'
import { CompactRange } from '../../shared/ledger/compact-range.ts'
import { verifiersAt, verifyKeyChain } from '../../shared/ledger/key-rotation.ts'
import { verifyConsistency, verifyInclusion } from '../../shared/ledger/merkle.ts'
import { consistencyProof, inclusionProofs } from '../../shared/ledger/tiles.ts'
import { chance } from '../support/chance.ts'
import { temporaryFolder } from '../support/folder.ts'
import { openPool, unheard } from '../support/pools.ts'
import { type ScriptProcess, startScript } from '../support/process.ts'
import { waitUntil } from '../support/wait.ts'

const APPENDERS = 8
const SEQUENCERS = 3
/** What the guarantee is stated for. */
const APPENDING_MS = 30_000
/** Between two kills, on average. */
const SPARED_MS = 700
const SAMPLED = 200
const TEST_MS = 180_000

type Rows = <Row extends object>(statement: string, values?: unknown[]) => Promise<Row[]>

test('8 processes append for 30 s while they, sequencers and PostgreSQL are killed with -9: the log verifies, and nothing acknowledged is missing or there twice', {
  timeout: TEST_MS,
}, async () => {
  const seed = randomBytes(4).readInt32BE()
  const { database, tenants, tenantId, postgres, masterKey, rows } = await openStore()
  const acknowledged: string[] = []
  const acknowledge = (line: string) => void acknowledged.push(...line.split(' '))
  const appenders = Array.from({ length: APPENDERS }, () => keepAlive('ledger-appender.ts', [postgres.serviceUrl, tenantId], acknowledge))
  const sequencers = Array.from({ length: SEQUENCERS }, () => keepAlive('ledger-sequencer.ts', [postgres.serviceUrl, masterKey]))
  await waitUntil(() => acknowledged.length > 0, 'the first event to be acknowledged')

  const crashes: EmbeddedPostgresCrash[] = []
  postgres.onCrash((crash) => void crashes.push(crash))
  const random = chance(seed)
  const [endMs, serverDiesMs] = [Date.now() + APPENDING_MS, Date.now() + APPENDING_MS / 2]
  let killed = 0
  while (Date.now() < endMs) {
    await sleep(Math.min(random.exponential(SPARED_MS), endMs - Date.now()))
    const [first, ...others] = [...appenders, ...sequencers]
    if (first) await random.pick([first, ...others]).kill()
    killed++
    if (crashes.length === 0 && Date.now() > serverDiesMs) {
      process.kill(postgres.pid, 'SIGKILL')
      await waitUntil(() => crashes.length === 1, 'PostgreSQL to be started again')
    }
  }
  for (const appender of appenders) await appender.end()
  await waitUntil(async () => (await rows('SELECT FROM ledger_queue LIMIT 1')).length === 0, 'every event to be in the log')
  for (const sequencer of sequencers) await sequencer.end()

  const keys = await tenants.keys(tenantId)
  const head = await withTenant(database, tenantId, (tx) => readHead(tx, tenantId, keys))
  const what = `seed ${seed}: ${killed} kills, ${acknowledged.length} events acknowledged, ${head.size} in the log`
  expect(
    crashes.map(({ outcome }) => outcome),
    what,
  ).toEqual(['restarted'])
  const leaves = await storedLeaves(rows)
  expect(leaves.length, what).toBe(head.size)
  expect(new Set(leaves.map(({ id }) => id)).size, what).toBe(head.size)
  expect(await rows('SELECT FROM events WHERE seq NOT IN (SELECT event_seq FROM ledger_leaves)'), what).toEqual([])
  const logged = new Set(leaves.map(({ id }) => id))
  expect(
    acknowledged.filter((id) => !logged.has(id)),
    what,
  ).toEqual([])
  expect(new Set(acknowledged).size, what).toBe(acknowledged.length)
  expect(acknowledged.length, what).toBeGreaterThan(SAMPLED)

  const checkpoints = await rows<{ note: string; size: string }>('SELECT note, size FROM ledger_checkpoints ORDER BY size')
  const roots = rootsAt(leaves, new Set(checkpoints.map(({ size }) => Number(size))))
  expect(Buffer.from(roots.get(head.size) ?? []), what).toEqual(Buffer.from(head.root))
  await expectProven(database, { tenantId, head, checkpoints, roots, leaves, random })
})

type Head = Awaited<ReturnType<typeof readHead>>

interface Leaf {
  id: string
  hash: Uint8Array
}

interface Claims {
  tenantId: string
  head: Head
  checkpoints: readonly { note: string; size: string }[]
  roots: ReadonlyMap<number, Uint8Array>
  leaves: readonly Leaf[]
  random: ReturnType<typeof chance>
}

/** Every checkpoint that was ever signed says what the stored bytes say, and is a beginning of the last; sampled leaves are in it. */
async function expectProven(database: Database, { tenantId, head, checkpoints, roots, leaves, random }: Claims): Promise<void> {
  const chain = verifyKeyChain(head.vkey, head.rotations, head.origin)
  await withTenant(database, tenantId, async (tx) => {
    const read = tileReader(tx, tenantId)
    for (const { note } of checkpoints) {
      const opened = openCheckpoint(note, head.origin, verifiersAt(chain, Number(note.split('\n')[1])))
      expect(Buffer.from(opened.root), `the checkpoint of size ${opened.size}`).toEqual(Buffer.from(roots.get(opened.size) ?? []))
      const hashes = await consistencyProof(opened.size, head.size, read, NODE_TREE)
      verifyConsistency({ oldSize: opened.size, oldRoot: opened.root, newSize: head.size, newRoot: head.root, hashes }, NODE_TREE)
    }
    const sampled = Array.from({ length: SAMPLED }, () => Math.floor(random.fraction() * head.size))
    const proofs = await inclusionProofs(head.size, sampled, read, NODE_TREE)
    for (const [at, index] of sampled.entries()) {
      const leafHash = leaves[index]?.hash ?? new Uint8Array()
      verifyInclusion({ index, size: head.size, leafHash, hashes: proofs[at] ?? [], root: head.root }, NODE_TREE)
    }
  })
}

/** In the order of the log, hashed from the bytes that are stored. */
async function storedLeaves(rows: Rows): Promise<Leaf[]> {
  const stored = await rows<{ index: string; id: string; body: string }>(
    'SELECT l.leaf_index AS index, e.id, e.body FROM ledger_leaves l JOIN events e ON e.seq = l.event_seq ORDER BY l.leaf_index',
  )
  expect(stored.filter(({ index }, at) => Number(index) !== at)).toEqual([])
  return stored.map(({ id, body }) => ({ id, hash: NODE_TREE.leaf(Buffer.from(body)) }))
}

function rootsAt(leaves: readonly Leaf[], sizes: ReadonlySet<number>): Map<number, Uint8Array> {
  const range = new CompactRange(0, NODE_TREE)
  const roots = new Map<number, Uint8Array>([[0, NODE_TREE.empty]])
  for (const { hash } of leaves) {
    range.push(0, hash)
    if (sizes.has(range.to)) roots.set(range.to, range.root())
  }
  return roots
}

/** A server of the test's own that keeps what it has acknowledged, and one tenant. */
async function openStore() {
  const postgres = await startEmbeddedPostgres({ dataDir: temporaryFolder() })
  onTestFinished(() => postgres.stop())
  await migrate(postgres.ownerUrl, postgres.serviceUrl)
  const owner = openPool({ connectionString: postgres.ownerUrl, options: '-c search_path=greffier', max: 2 })
  onTestFinished(() => owner.end())
  const database = openDatabase(postgres.serviceUrl, unheard)
  onTestFinished(() => database.destroy())
  const masterKey = randomBytes(32)
  const tenants = createTenants(database, masterKey)
  const rows: Rows = async (statement, values = []) => (await owner.query(statement, values)).rows
  return { database, tenants, tenantId: await tenants.create('appended to'), postgres, masterKey: masterKey.toString('hex'), rows }
}

interface KeptAlive {
  /** SIGKILL, and another one takes its place. */
  kill(): Promise<void>
  /** SIGKILL, and no other. */
  end(): Promise<void>
}

function keepAlive(script: string, argumentList: readonly string[], onLine?: (line: string) => void): KeptAlive {
  const start = (): ScriptProcess => startScript(join(import.meta.dirname, script), argumentList, {}, onLine)
  let running = start()
  const end = async () => {
    running.kill('SIGKILL')
    expect(await running.exited, running.stderr()).toEqual({ exitCode: null, signal: 'SIGKILL' })
  }
  return {
    end,
    kill: async () => {
      await end()
      running = start()
    },
  }
}
