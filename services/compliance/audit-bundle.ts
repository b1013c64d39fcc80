// The files of an audit bundle (shared/ledger/bundle.ts) in the order in which they are sent, each with its size known beforehand; nothing is kept in
// memory but the hashes of the files. Everything it reads is unalterable but the tiles, whose bytes only grow: it needs no transaction over all of it.
import { createHash, type Hash } from 'node:crypto'
import { NODE_TREE } from '../../shared/blobs/hashing.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'
import { appendEvent } from '../../shared/database/events.ts'
import { type LogHead, readHead, tileReader } from '../../shared/database/ledger.ts'
import { leafRange, type Period, readEarlierCheckpoints, readLeaves, readLeavesBytes } from '../../shared/database/ledger-export.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import { CHECKPOINT, EVENTS, LEAVES, LOG_VKEY, MANIFEST, RANGE_PROOF, signManifest } from '../../shared/ledger/bundle.ts'
import { formatConsistencyProof } from '../../shared/ledger/consistency-proof.ts'
import type { LeafRange } from '../../shared/ledger/merkle.ts'
import { formatTlogProof } from '../../shared/ledger/proof.ts'
import { formatRangeProof } from '../../shared/ledger/range-proof.ts'
import { consistencyProof, inclusionProofs, rangeProof } from '../../shared/ledger/tiles.ts'
import { auditReadme } from './audit-readme.ts'

/** Events that come with a proof of their own; of a larger bundle a single event's is at `/v1/documents/:id/proofs`. */
const PROVEN_EVENTS_MAX = 1_000
/** Of `readLeaves` at once. */
const PAGE_LEAVES = 1_000

export interface BundleServices {
  database: Database
  tenants: Tenants
  /** Files beside the log: the register of processors, the policy in force, the Art. 30 register. */
  enclosures: () => Promise<Record<string, string>>
}

interface BundleFile {
  path: string
  bytes: number
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** Ends with the signed manifest. That the bundle was made is an event, in the log of after it. */
export async function* makeBundle(services: BundleServices, tenantId: string, period: Period): AsyncGenerator<BundleFile> {
  const { database, tenants } = services
  const keys = await tenants.keys(tenantId)
  const head = await withTenant(database, tenantId, (tx) => readHead(tx, tenantId, keys))
  const range = await withTenant(database, tenantId, (tx) => leafRange(tx, { tenantId, size: head.size, ...period }))
  const hashes = new Map<string, Uint8Array>()
  for await (const file of bundleFiles(services, { tenantId, head, range })) {
    const hash = createHash('sha256')
    yield { ...file, content: hashed(file.content, hash) }
    hashes.set(file.path, hash.digest())
  }
  const note = await signManifest({ origin: head.origin, size: head.size, root: head.root, ...range, files: hashes }, head.signer)
  const output_hash = createHash('sha256').update(note).digest('hex')
  await withTenant(database, tenantId, (tx) =>
    appendEvent(tx, tenantId, { operation: 'Retrieve', step: 'audit_bundle', phase: 'completed', result: 'ok', output_hash }),
  )
  yield textFile(MANIFEST, note)
}

interface Export {
  tenantId: string
  head: LogHead
  range: LeafRange
}

async function* bundleFiles(services: BundleServices, given: Export): AsyncGenerator<BundleFile> {
  const { database, enclosures } = services
  const { tenantId, head, range } = given
  const { size, checkpoint } = head
  const leaves = range.to - range.from
  const bytes = await withTenant(database, tenantId, (tx) => readLeavesBytes(tx, tenantId, range))
  yield { path: EVENTS, bytes: bytes + leaves, content: eventLines(services, given) }
  yield { path: LEAVES, bytes: leaves * 32, content: leafHashes(services, given) }
  yield textFile(CHECKPOINT, checkpoint)
  const hashes = await withTenant(database, tenantId, (tx) => rangeProof(size, range, tileReader(tx, tenantId), NODE_TREE))
  yield textFile(RANGE_PROOF, formatRangeProof({ ...range, hashes, checkpoint }))
  yield textFile(LOG_VKEY, `${head.vkey}\n`)
  for (const [at, rotation] of head.rotations.entries()) yield textFile(`rotations/${at}`, rotation)
  yield* earlierCheckpoints(services, given)
  if (leaves <= PROVEN_EVENTS_MAX) yield* eventProofs(services, given)
  for (const [path, text] of Object.entries(await enclosures())) yield textFile(path, text)
  yield textFile('README.md', auditReadme({ origin: head.origin, size, ...range }))
}

async function* earlierCheckpoints({ database }: BundleServices, { tenantId, head }: Export): AsyncGenerator<BundleFile> {
  for (const { size, note } of await withTenant(database, tenantId, (tx) => readEarlierCheckpoints(tx, tenantId, head.size))) {
    const hashes = await withTenant(database, tenantId, (tx) => consistencyProof(size, head.size, tileReader(tx, tenantId), NODE_TREE))
    yield textFile(`consistency/${size}`, formatConsistencyProof({ newSize: head.size, hashes, checkpoint: note }))
  }
}

async function* eventProofs({ database }: BundleServices, { tenantId, head, range }: Export): AsyncGenerator<BundleFile> {
  const indices = Array.from({ length: range.to - range.from }, (_, at) => range.from + at)
  const proofs = await withTenant(database, tenantId, (tx) => inclusionProofs(head.size, indices, tileReader(tx, tenantId), NODE_TREE))
  for (const [at, hashes] of proofs.entries()) {
    const index = range.from + at
    yield textFile(`proofs/${index}`, formatTlogProof({ index, hashes, checkpoint: head.checkpoint, extra: null }))
  }
}

async function* eventLines(services: BundleServices, given: Export): AsyncGenerator<Uint8Array> {
  for await (const bodies of pages(services, given)) yield Buffer.from(bodies.map((body) => `${body}\n`).join(''))
}

/** Of the events as they are stored: should one differ from the tree, the export says so as any verifier does, and hides nothing. */
async function* leafHashes(services: BundleServices, given: Export): AsyncGenerator<Uint8Array> {
  for await (const bodies of pages(services, given)) yield Buffer.concat(bodies.map((body) => NODE_TREE.leaf(Buffer.from(body))))
}

async function* pages({ database }: BundleServices, { tenantId, range }: Export): AsyncGenerator<string[]> {
  for (let from = range.from; from < range.to; from += PAGE_LEAVES) {
    const to = Math.min(from + PAGE_LEAVES, range.to)
    yield await withTenant(database, tenantId, (tx) => readLeaves(tx, tenantId, { from, to }))
  }
}

async function* hashed(content: BundleFile['content'], hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    hash.update(chunk)
    yield chunk
  }
}

function textFile(path: string, text: string): BundleFile {
  const content = Buffer.from(text)
  return { path, bytes: content.length, content: [content] }
}
