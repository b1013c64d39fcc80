// Inclusion and consistency proofs of RFC 6962 §2.1.1 and §2.1.2, written as their definitions recurse, so that the code can be read beside the RFC.
// Verification throws: a caller cannot overlook a wrong proof. `tiles.ts` makes proofs from the ranges that this file names.
import { sameBytes } from './bytes.ts'
import { checkRange } from './compact-range.ts'
import { LedgerError } from './ledger-error.ts'
import { HASH_BYTES, TREE, type TreeHash } from './tree-hash.ts'

/** The leaves [from, to), which are a subtree of the tree that is spoken of. */
export interface LeafRange {
  from: number
  to: number
}

/** The subtrees whose hashes prove the leaf at `index` in a tree of `size` leaves: PATH(m, D[n]), the leaf's sibling first. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  checkIndex(index, size)
  const ranges: LeafRange[] = []
  let tree: LeafRange = { from: 0, to: size }
  while (tree.to - tree.from > 1) {
    const middle = tree.from + split(tree.to - tree.from)
    const [left, right] = [
      { from: tree.from, to: middle },
      { from: middle, to: tree.to },
    ]
    ranges.unshift(index < middle ? right : left)
    tree = index < middle ? left : right
  }
  return ranges
}

/** The subtrees whose hashes prove that the tree of `oldSize` leaves is a prefix of that of `newSize`: PROOF(m, D[n]). */
export function consistencyRanges(oldSize: number, newSize: number): LeafRange[] {
  checkRange(oldSize, newSize)
  return oldSize === 0 ? [] : subproof(oldSize, { from: 0, to: newSize }, true)
}

export interface InclusionClaim {
  index: number
  size: number
  leafHash: Uint8Array
  hashes: readonly Uint8Array[]
  root: Uint8Array
}

/** Throws `PROOF_WRONG` unless the hashes prove the leaf at this very index of the tree with this size and root. */
export function verifyInclusion({ index, size, leafHash, hashes, root }: InclusionClaim, tree: TreeHash = TREE): void {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) throw wrong('the tree has no such leaf')
  const path = proofHashes(hashes)
  const rootOf = (at: number, leaves: number): Uint8Array => {
    if (leaves === 1) return leafHash
    const middle = split(leaves)
    const sibling = path.takeLast()
    return at < middle ? tree.node(rootOf(at, middle), sibling) : tree.node(sibling, rootOf(at - middle, leaves - middle))
  }
  checkHash(leafHash)
  const computed = rootOf(index, size)
  path.end()
  if (!sameBytes(computed, root)) throw wrong('the hashes do not lead to the root')
}

export interface ConsistencyClaim {
  oldSize: number
  oldRoot: Uint8Array
  newSize: number
  newRoot: Uint8Array
  hashes: readonly Uint8Array[]
}

/** Throws `PROOF_WRONG` unless the hashes prove that the new tree begins with the old one. */
export function verifyConsistency({ oldSize, oldRoot, newSize, newRoot, hashes }: ConsistencyClaim, tree: TreeHash = TREE): void {
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(newSize) || oldSize < 0 || newSize < oldSize)
    throw wrong('the new tree is smaller than the old one')
  const path = proofHashes(hashes)
  checkHash(oldRoot)
  if (oldSize === 0) {
    path.end()
    if (!sameBytes(oldRoot, tree.empty)) throw wrong('the old root is not that of an empty tree')
    if (newSize === 0 && !sameBytes(newRoot, tree.empty)) throw wrong('the new root is not that of an empty tree')
    return
  }
  /** Both roots of the subtree of `leaves` leaves, of which the old tree has `old`. `whole`: the subtree is the whole old tree. */
  const rootsOf = (old: number, leaves: number, whole: boolean): { before: Uint8Array; after: Uint8Array } => {
    if (old === leaves) {
      const hash = whole ? oldRoot : path.takeLast()
      return { before: hash, after: hash }
    }
    const middle = split(leaves)
    const sibling = path.takeLast()
    if (old <= middle) {
      const { before, after } = rootsOf(old, middle, whole)
      return { before, after: tree.node(after, sibling) }
    }
    const { before, after } = rootsOf(old - middle, leaves - middle, false)
    return { before: tree.node(sibling, before), after: tree.node(sibling, after) }
  }
  const { before, after } = rootsOf(oldSize, newSize, true)
  path.end()
  if (!sameBytes(before, oldRoot)) throw wrong('the hashes do not lead to the old root')
  if (!sameBytes(after, newRoot)) throw wrong('the hashes do not lead to the new root')
}

/** SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2. */
function subproof(old: number, tree: LeafRange, whole: boolean): LeafRange[] {
  const leaves = tree.to - tree.from
  if (old === leaves) return whole ? [] : [tree]
  const middle = tree.from + split(leaves)
  const left = { from: tree.from, to: middle }
  const right = { from: middle, to: tree.to }
  return old <= middle - tree.from ? [...subproof(old, left, whole), right] : [...subproof(old - (middle - tree.from), right, false), left]
}

/** The largest power of two below `leaves`, which is at least 2. */
function split(leaves: number): number {
  let power = 1
  while (power * 2 < leaves) power *= 2
  return power
}

function checkIndex(index: number, size: number): void {
  checkRange(index, size)
  if (index === size) throw new LedgerError('OUT_OF_RANGE', `a tree of ${size} leaves has no leaf ${index}`)
}

/** The hashes from the root's child downwards; each is used exactly once. */
function proofHashes(hashes: readonly Uint8Array[]) {
  let left = hashes.length
  return {
    takeLast(): Uint8Array {
      left -= 1
      const hash = hashes[left]
      if (hash === undefined) throw wrong('too few hashes')
      checkHash(hash)
      return hash
    },
    end(): void {
      if (left !== 0) throw wrong('too many hashes')
    },
  }
}

function checkHash(hash: Uint8Array): void {
  if (hash.length !== HASH_BYTES) throw wrong('a hash that is not of 32 bytes')
}

function wrong(detail: string): LedgerError {
  return new LedgerError('PROOF_WRONG', detail)
}
