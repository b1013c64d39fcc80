// The part of `checkBundle` that holds the log to what it said before: every earlier checkpoint that the reader kept, that the bundle brings or that a
// key exchange or a proof speaks of must be a prefix of the tree.
import { numberedPaths } from './bundle.ts'
import { type BundleContext, openOwn } from './bundle-context.ts'
import { sameBytes } from './bytes.ts'
import { type ConsistencyProof, parseConsistencyProof } from './consistency-proof.ts'
import { LedgerError } from './ledger-error.ts'
import { verifyConsistency } from './merkle.ts'
import { NOTE_BYTES_MAX } from './note.ts'
import { parseTlogProof } from './proof.ts'

interface EarlierTree {
  path: string
  size: number
  root: Uint8Array
}

export interface History {
  trees: readonly EarlierTree[]
  /** At these sizes the root is worth keeping while the leaves pass. */
  sizes: ReadonlySet<number>
  /** By the earlier size; verified. */
  proven: ReadonlyMap<number, Uint8Array>
}

interface Head {
  size: number
  root: Uint8Array
}

export async function readHistory(
  context: BundleContext,
  { head, knownCheckpoint }: { head: Head; knownCheckpoint: string | undefined },
): Promise<History> {
  const { files, findings, chain } = context
  const trees: EarlierTree[] = chain.rotations.map(({ size, root }, at) => ({ path: `rotations/${at}`, size, root }))
  const proven = new Map<number, Uint8Array>()
  if (knownCheckpoint !== undefined) {
    const path = 'the known checkpoint'
    const known = await findings.attempt(path, () => openOwn(context, knownCheckpoint))
    if (known !== undefined) trees.push({ path, ...known })
  }
  for (const { path, number } of numberedPaths(files.paths, 'consistency')) {
    await findings.attempt(path, async () => {
      const root = proveConsistency(context, head, number, parseConsistencyProof(await files.text(path, NOTE_BYTES_MAX)))
      proven.set(number, root)
      trees.push({ path, size: number, root })
    })
  }
  // Proofs of one export share their checkpoint, whose signature is then checked once.
  let last = ''
  for (const { path } of numberedPaths(files.paths, 'proofs')) {
    await findings.attempt(path, async () => {
      const { checkpoint } = parseTlogProof(await files.text(path, NOTE_BYTES_MAX))
      if (checkpoint !== last) trees.push({ path, ...openOwn(context, checkpoint) })
      last = checkpoint
    })
  }
  return { trees, sizes: new Set(trees.map(({ size }) => size)), proven }
}

/** `roots`: what the leaves themselves say of the tree at an earlier size, where they reach so far back. */
export function checkHistory(
  { findings }: BundleContext,
  head: Head,
  { trees, proven }: History,
  roots: ReadonlyMap<number, Uint8Array>,
): void {
  for (const { path, size, root } of trees) {
    const expected = size === head.size ? head.root : (roots.get(size) ?? proven.get(size))
    if (size > head.size) findings.add('UNPROVEN', path, `a tree of ${size} leaves, later than this bundle's of ${head.size}`)
    else if (expected === undefined)
      findings.add('UNPROVEN', path, `nothing proves the tree of ${size} leaves to be the beginning of this log`)
    else if (!sameBytes(expected, root))
      findings.add('HISTORY_WRONG', path, `the tree of ${size} leaves was another one: the log was rewritten`)
  }
}

function proveConsistency(context: BundleContext, head: Head, number: number, proof: ConsistencyProof): Uint8Array {
  const { size, root } = openOwn(context, proof.checkpoint)
  if (size !== number || proof.newSize !== head.size) throw new LedgerError('PROOF_WRONG', 'of other sizes than it is kept for')
  verifyConsistency({ oldSize: size, oldRoot: root, newSize: head.size, newRoot: head.root, hashes: proof.hashes }, context.tree)
  return root
}
