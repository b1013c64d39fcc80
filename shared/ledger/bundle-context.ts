import type { BundleFiles } from './bundle-files.ts'
import { type Checkpoint, openCheckpoint, peekCheckpoint } from './checkpoint.ts'
import { type KeyChain, verifiersAt } from './key-rotation.ts'
import type { HashLeaves } from './primitives.ts'
import type { TreeHash } from './tree-hash.ts'
import type { Findings } from './verdict.ts'

/** What every part of the check shares. */
export interface BundleContext {
  files: BundleFiles
  findings: Findings
  origin: string
  chain: KeyChain
  tree: TreeHash
  hashLeaves: HashLeaves
}

/** A checkpoint of this log by a key that signed for its size. Throws as `openCheckpoint`. */
export function openOwn({ origin, chain }: BundleContext, note: string): Checkpoint {
  return openCheckpoint(note, origin, verifiersAt(chain, peekCheckpoint(note).size))
}
