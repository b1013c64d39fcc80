// A run of leaves [from, to), known by the hashes of the fewest perfect subtrees that cover it: O(log n) hashes whatever its length.
// Terms after https://github.com/transparency-dev/merkle/blob/main/docs/compact_ranges.md. Positions are numbers up to 2^53: no bit operations.
import { LedgerError } from './ledger-error.ts'
import type { TreeHash } from './tree-hash.ts'

/** A perfect subtree: it covers the leaves [index × 2^level, (index + 1) × 2^level). */
export interface NodeId {
  level: number
  index: number
}

/** The fewest perfect subtrees that cover the leaves [from, to) and no others, from left to right. */
export function rangeNodes(from: number, to: number): NodeId[] {
  checkRange(from, to)
  const nodes: NodeId[] = []
  let at = from
  while (at < to) {
    let level = 0
    while (at % 2 ** (level + 1) === 0 && 2 ** (level + 1) <= to - at) level += 1
    nodes.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return nodes
}

export function checkRange(from: number, to: number): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
    throw new LedgerError('OUT_OF_RANGE', `no range of leaves from ${from} to ${to}`)
}

/** The hash of neighbouring subtrees whose heights fall from left to right (RFC 6962 §2.1); that of nothing is the empty tree's. */
export function foldNodes(hashes: readonly Uint8Array[], tree: TreeHash): Uint8Array {
  return hashes.length === 0 ? tree.empty : hashes.reduceRight((right, left) => tree.node(left, right))
}

/** Grows to the right, one perfect subtree (mostly a leaf) at a time, at a cost that does not depend on its length. */
export class CompactRange {
  readonly from: number
  #to: number
  readonly #nodes: { level: number; hash: Uint8Array }[] = []
  readonly #tree: TreeHash

  constructor(from: number, tree: TreeHash) {
    this.from = from
    this.#to = from
    this.#tree = tree
  }

  get to(): number {
    return this.#to
  }

  get hashes(): Uint8Array[] {
    return this.#nodes.map(({ hash }) => hash)
  }

  /** Adds the subtree of 2^level leaves that begins at `to`; `made` hears of it and of every larger one that it completes. */
  push(level: number, hash: Uint8Array, made?: (node: NodeId, hash: Uint8Array) => void): void {
    const leaves = 2 ** level
    if (this.#to % leaves !== 0) throw new LedgerError('OUT_OF_RANGE', `no subtree of level ${level} begins at leaf ${this.#to}`)
    let height = level
    let index = this.#to / leaves
    let merged = hash
    this.#to += leaves
    made?.({ level: height, index }, merged)
    for (let left = this.#nodes.at(-1); left?.level === height && index % 2 === 1; left = this.#nodes.at(-1)) {
      this.#nodes.pop()
      merged = this.#tree.node(left.hash, merged)
      height += 1
      index = (index - 1) / 2
      made?.({ level: height, index }, merged)
    }
    this.#nodes.push({ level: height, hash: merged })
  }

  /** Adds the leaves up to `to`, of which only the subtrees of `rangeNodes` are known. */
  pushNodes(to: number, hashes: readonly Uint8Array[]): void {
    const nodes = rangeNodes(this.#to, to)
    if (nodes.length !== hashes.length)
      throw new LedgerError('PROOF_WRONG', `${hashes.length} hashes for leaves ${this.#to} to ${to} instead of ${nodes.length}`)
    for (const [at, hash] of hashes.entries()) this.push(nodes[at]?.level ?? 0, hash)
  }

  /** The root of the tree of size `to`; only of a range that begins at leaf 0. */
  root(): Uint8Array {
    if (this.from !== 0) throw new LedgerError('OUT_OF_RANGE', `a range that begins at leaf ${this.from} has no root`)
    return foldNodes(this.hashes, this.#tree)
  }

  clone(): CompactRange {
    const copy = new CompactRange(this.from, this.#tree)
    copy.#to = this.#to
    copy.#nodes.push(...this.#nodes)
    return copy
  }
}
