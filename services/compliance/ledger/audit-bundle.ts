// The files of an audit bundle (shared/ledger/bundle.ts) in the order in which they are sent, each with its size known beforehand; nothing is kept in
// memory but the hashes of the files. Everything it reads is unalterable but the tiles, whose bytes only grow: it needs no transaction over all of it.
import { createHash, type Hash } from 'node:crypto'
import { NODE_TREE } from '../../../shared/blobs/hashing.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { RuleFile } from '../../../shared/contracts/rule-files.ts'
import type { Caller } from '../../../shared/database/api-keys.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import { appendOrdered } from '../../../shared/database/event-actors.ts'
import { type LogHead, tileReader } from '../../../shared/database/ledger.ts'
import {
  leafRange,
  type Period,
  readEarlierCheckpoints,
  readExportHead,
  readLeaves,
  sumLeavesBytes,
} from '../../../shared/database/ledger-export.ts'
import { readRuleFile } from '../../../shared/database/rule-files.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { CHECKPOINT, EVENTS, LEAVES, LOG_VKEY, MANIFEST, RANGE_PROOF, rulePath, signManifest } from '../../../shared/ledger/bundle.ts'
import { formatConsistencyProof } from '../../../shared/ledger/consistency-proof.ts'
import type { LeafRange } from '../../../shared/ledger/merkle.ts'
import { formatTlogProof } from '../../../shared/ledger/proof.ts'
import { formatRangeProof } from '../../../shared/ledger/range-proof.ts'
import { consistencyProof, inclusionProofs, rangeProof } from '../../../shared/ledger/tiles.ts'
import { HASH_BYTES } from '../../../shared/ledger/tree-hash.ts'
import { auditReadme } from './audit-readme.ts'
import { NamedRules } from './named-rules.ts'
import type { ArchiveFile } from './tar.ts'

/** Events that come with a proof of their own; of a larger bundle a single event's is at `/v1/documents/:id/proofs`. */
const PROVEN_EVENTS_MAX = 1_000
/** Events in one query: at most 64 MB of text, mostly 1 MB. */
const PAGE_LEAVES = 1_000
/** Leaves whose sizes one query adds up. */
const SUM_LEAVES = 100_000
/** Hashes of a tile (shared/ledger/tiles.ts). */
const TILE_LEAVES = 256
const PAGE_TILES = 64

export interface BundleServices {
  database: Database
  tenants: Tenants
  /** Files beside the log, as they are at the export: the registers of Art. 30, the activities, the register of processors and the policy, by their paths. */
  enclosures: (tenantId: string) => Promise<Readonly<Record<string, string | Uint8Array>>>
}

/** `knownSize`: of a checkpoint that the reader kept; its consistency proof comes along where the log signed one of that size. */
export interface BundleRequest extends Period {
  knownSize: number | null
}

/**
 * Ends with the signed manifest: without it a bundle is not whole. That it was made is an event, in the log of after it; so is a making that failed or that
 * nobody waited for, as some of it left the house.
 */
export async function* makeBundle(services: BundleServices, caller: Caller, request: BundleRequest): AsyncGenerator<ArchiveFile> {
  const { tenantId } = caller
  const { database, tenants } = services
  const keys = await tenants.keys(tenantId)
  const head = await withTenant(database, tenantId, (tx) => readExportHead(tx, tenantId, keys))
  const range = await withTenant(database, tenantId, (tx) => leafRange(tx, { tenantId, size: head.size, ...request }))
  const hashes = new Map<string, Uint8Array>()
  let noted = false
  try {
    for await (const file of bundleFiles(services, { tenantId, head, range, knownSize: request.knownSize })) {
      const hash = createHash('sha256')
      yield { ...file, content: hashed(file.content, hash) }
      hashes.set(file.path, hash.digest())
    }
    const note = await signManifest({ origin: head.origin, size: head.size, root: head.root, ...range, files: hashes }, head.signer)
    noted = true
    await keep(services, caller, { result: 'ok', output_hash: createHash('sha256').update(note).digest('hex') })
    yield textFile(MANIFEST, note)
  } finally {
    if (!noted) await keep(services, caller, { result: 'failed' })
  }
}

function keep({ database }: BundleServices, caller: Caller, outcome: { result: 'ok' | 'failed'; output_hash?: string }): Promise<string> {
  return withTenant(database, caller.tenantId, (tx) =>
    appendOrdered(tx, caller, { operation: 'Retrieve', step: 'audit_bundle', phase: 'completed', ...outcome }),
  )
}

interface Export {
  tenantId: string
  head: LogHead
  range: LeafRange
  knownSize: number | null
}

async function* bundleFiles(services: BundleServices, given: Export): AsyncGenerator<ArchiveFile> {
  const { database, enclosures } = services
  const { tenantId, head, range } = given
  const { size, checkpoint } = head
  const leaves = range.to - range.from
  const named = new NamedRules()
  yield { path: EVENTS, bytes: (await eventBytes(services, given)) + leaves, content: eventLines(services, given, named) }
  yield { path: LEAVES, bytes: leaves * HASH_BYTES, content: leafHashes(services, given) }
  yield textFile(CHECKPOINT, checkpoint)
  const hashes = await withTenant(database, tenantId, (tx) => rangeProof(size, range, tileReader(tx, tenantId), NODE_TREE))
  yield textFile(RANGE_PROOF, formatRangeProof({ ...range, hashes, checkpoint }))
  yield textFile(LOG_VKEY, `${head.vkey}\n`)
  for (const [at, rotation] of head.rotations.entries()) yield textFile(`rotations/${at}`, rotation)
  yield* earlierCheckpoints(services, given)
  if (leaves <= PROVEN_EVENTS_MAX) yield* eventProofs(services, given)
  for (const [path, content] of Object.entries(await enclosures(tenantId))) yield textFile(path, content)
  const unknown = yield* ruleFiles(services, named)
  yield textFile('README.md', auditReadme({ origin: head.origin, size, ...range, unknown, provenEventsMax: PROVEN_EVENTS_MAX }))
}

/** One at a time; returns those of which nobody ever kept the bytes. */
async function* ruleFiles({ database }: BundleServices, named: NamedRules): AsyncGenerator<ArchiveFile, RuleFile[]> {
  const unknown: RuleFile[] = []
  for (const rule of named.sorted()) {
    const bytes = await readRuleFile(database, rule)
    if (bytes === null) unknown.push(rule)
    else yield textFile(rulePath(rule), bytes)
  }
  return unknown
}

async function* earlierCheckpoints({ database }: BundleServices, { tenantId, head, knownSize }: Export): AsyncGenerator<ArchiveFile> {
  const question = { tenantId, size: head.size, known: knownSize }
  for (const { size, note } of await withTenant(database, tenantId, (tx) => readEarlierCheckpoints(tx, question))) {
    const hashes = await withTenant(database, tenantId, (tx) => consistencyProof(size, head.size, tileReader(tx, tenantId), NODE_TREE))
    yield textFile(`consistency/${size}`, formatConsistencyProof({ newSize: head.size, hashes, checkpoint: note }))
  }
}

async function* eventProofs({ database }: BundleServices, { tenantId, head, range }: Export): AsyncGenerator<ArchiveFile> {
  const indices = Array.from({ length: range.to - range.from }, (_, at) => range.from + at)
  const proofs = await withTenant(database, tenantId, (tx) => inclusionProofs(head.size, indices, tileReader(tx, tenantId), NODE_TREE))
  for (const [at, hashes] of proofs.entries()) {
    const index = range.from + at
    yield textFile(`proofs/${index}`, formatTlogProof({ index, hashes, checkpoint: head.checkpoint, extra: null }))
  }
}

async function eventBytes({ database }: BundleServices, { tenantId, range }: Export): Promise<number> {
  let bytes = 0
  for (const part of parts(range, SUM_LEAVES)) bytes += await withTenant(database, tenantId, (tx) => sumLeavesBytes(tx, tenantId, part))
  return bytes
}

async function* eventLines({ database }: BundleServices, { tenantId, range }: Export, named: NamedRules): AsyncGenerator<Uint8Array> {
  for (const part of parts(range, PAGE_LEAVES)) {
    const bodies = await withTenant(database, tenantId, (tx) => readLeaves(tx, tenantId, part))
    for (const body of bodies) named.hear(body)
    yield Buffer.from(bodies.map((body) => `${body}\n`).join(''))
  }
}

/** As the log committed to them: should a stored event differ, whoever checks the bundle is told which one. */
async function* leafHashes({ database }: BundleServices, { tenantId, head, range }: Export): AsyncGenerator<Uint8Array> {
  const tiles = { from: Math.floor(range.from / TILE_LEAVES), to: Math.ceil(range.to / TILE_LEAVES) }
  if (range.from === range.to) return
  for (const part of parts(tiles, PAGE_TILES)) {
    const ids = Array.from({ length: part.to - part.from }, (_, at) => ({ level: 0, index: part.from + at, width: 1 }))
    const read = await withTenant(database, tenantId, (tx) => tileReader(tx, tenantId)(ids))
    for (const [at, tile] of read.entries()) {
      const first = (part.from + at) * TILE_LEAVES
      const wanted = tile.subarray(Math.max(range.from - first, 0) * HASH_BYTES, Math.min(range.to - first, TILE_LEAVES) * HASH_BYTES)
      if (tile.length < Math.min(head.size - first, TILE_LEAVES) * HASH_BYTES)
        throw new AppError('INTERNAL', 'a tile of the log is missing or short')
      yield wanted
    }
  }
}

function* parts({ from, to }: LeafRange, length: number): Generator<LeafRange> {
  for (let at = from; at < to; at += length) yield { from: at, to: Math.min(at + length, to) }
}

async function* hashed(content: ArchiveFile['content'], hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    hash.update(chunk)
    yield chunk
  }
}

function textFile(path: string, text: string | Uint8Array): ArchiveFile {
  const content = typeof text === 'string' ? Buffer.from(text) : text
  return { path, bytes: content.length, content: [content] }
}
