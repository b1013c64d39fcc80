import { createHash } from 'node:crypto'
import { EVENTS, LEAVES, LOG_VKEY, MANIFEST, RANGE_PROOF, signManifest } from '../../shared/ledger/bundle.ts'
import type { BundleSource } from '../../shared/ledger/bundle-files.ts'
import { canonicalBytes } from '../../shared/ledger/canonical.ts'
import { signCheckpoint } from '../../shared/ledger/checkpoint.ts'
import { formatConsistencyProof } from '../../shared/ledger/consistency-proof.ts'
import { signRotation } from '../../shared/ledger/key-rotation.ts'
import type { NoteSigner } from '../../shared/ledger/note.ts'
import { signerOf } from '../../shared/ledger/note-keys.ts'
import { formatTlogProof } from '../../shared/ledger/proof.ts'
import { formatRangeProof } from '../../shared/ledger/range-proof.ts'
import { consistencyProof, inclusionProofs, rangeProof, rootAt } from '../../shared/ledger/tiles.ts'
import { KEYS, ORIGIN, VKEYS } from './ledger-keys.ts'
import { MemoryLog } from './ledger-log.ts'

export type BundleParts = Map<string, Uint8Array>

export const eventAt = (leaf: number, more: Record<string, unknown> = {}) => ({
  event_id: `01890000-0000-7000-8000-${String(leaf).padStart(12, '0')}`,
  operation: 'Store',
  step: `step ${leaf}`,
  ...more,
})

export interface BundleCase {
  size: number
  from?: number
  to?: number
  /** Earlier checkpoints that come with their proof. */
  earlier?: number[]
  /** Leaves that come with a tlog-proof. */
  proven?: number[]
  /** The size at which the second key takes over. */
  rotatedAt?: number
  /** What is logged as each leaf. */
  event?: (leaf: number) => Record<string, unknown>
}

/** A bundle as an export would write it, and the log that it is about. */
export async function makeBundle({ size, from = 0, to = size, earlier = [], proven = [], rotatedAt, event = eventAt }: BundleCase) {
  const log = new MemoryLog()
  const events = Array.from({ length: size }, (_, leaf) => canonicalBytes(event(leaf)))
  log.append(events)
  const signerAt = (at: number): NoteSigner => signerOf(rotatedAt !== undefined && at > rotatedAt ? KEYS.second : KEYS.first)
  const checkpointAt = async (at: number) =>
    signCheckpoint({ origin: ORIGIN, size: at, root: await rootAt(at, log.read), extensions: [] }, [signerAt(at)])

  const checkpoint = await checkpointAt(size)
  const files: BundleParts = new Map()
  const put = (path: string, content: string | Uint8Array) => files.set(path, typeof content === 'string' ? bytesOf(content) : content)
  put(EVENTS, linesOf(events.slice(from, to)))
  put(LEAVES, Buffer.concat(log.leafHashes.slice(from, to)))
  put(RANGE_PROOF, formatRangeProof({ from, to, hashes: await rangeProof(size, { from, to }, log.read), checkpoint }))
  put('checkpoint', checkpoint)
  put(LOG_VKEY, `${VKEYS.first}\n`)
  put('register.json', '{"activities":[]}')
  put('README.md', 'What this is.\n')
  for (const at of earlier) {
    const hashes = await consistencyProof(at, size, log.read)
    put(`consistency/${at}`, formatConsistencyProof({ newSize: size, hashes, checkpoint: await checkpointAt(at) }))
  }
  for (const [at, hashes] of (await inclusionProofs(size, proven, log.read)).entries())
    put(`proofs/${proven[at]}`, formatTlogProof({ index: proven[at] ?? 0, hashes, checkpoint, extra: null }))
  if (rotatedAt !== undefined) {
    const rotation = { origin: ORIGIN, size: rotatedAt, root: await rootAt(rotatedAt, log.read), oldKey: VKEYS.first, newKey: VKEYS.second }
    put('rotations/0', await signRotation(rotation, { old: signerOf(KEYS.first), new: signerOf(KEYS.second) }))
  }
  await seal(files, { size, root: log.root, from, to }, signerAt(size))
  return { files, log, events, checkpointAt }
}

/** The manifest over the files as they are now. */
export async function seal(files: BundleParts, tree: { size: number; root: Uint8Array; from: number; to: number }, signer: NoteSigner) {
  files.delete(MANIFEST)
  const hashes = new Map([...files].map(([path, content]) => [path, createHash('sha256').update(content).digest()]))
  files.set(MANIFEST, bytesOf(await signManifest({ origin: ORIGIN, ...tree, files: hashes }, signer)))
}

/** Reads in chunks of this many bytes, so that lines and hashes are cut anywhere. */
export function sourceOf(files: BundleParts, chunkBytes = 77): BundleSource {
  return {
    paths: async () => [...files.keys()],
    async *read(path) {
      const content = files.get(path) ?? new Uint8Array()
      for (let at = 0; at < content.length; at += chunkBytes) yield content.slice(at, at + chunkBytes)
    },
  }
}

export function linesOf(lines: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(lines.flatMap((line) => [line, bytesOf('\n')]))
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
