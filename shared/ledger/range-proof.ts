// `greffier.range-proof/1`: that a run of leaves [from, to) is what the log holds there, whole and in order, with at most 2 × log2(size) hashes:
//
//   greffier.range-proof/1
//   range <from> <to>
//   <base64 hash of each perfect subtree left of the run, from left to right, then of each right of it>
//
//   <the checkpoint's signed note, verbatim>
//
// The verifier hashes the run itself, puts the subtrees beside it (a compact range: `compact-range.ts`), and must come to the checkpoint's root. Each
// hash has its place by `from`, `to` and the size alone, so nothing can be left out, put in or exchanged without another root.
import { readDecimal, sameBytes } from './bytes.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { CompactRange, rangeNodes } from './compact-range.ts'
import { LedgerError } from './ledger-error.ts'
import type { LeafRange } from './merkle.ts'
import type { NoteVerifier } from './note.ts'
import { formatProofText, parseProofText } from './proof-text.ts'
import { HASH_BYTES, TREE, type TreeHash } from './tree-hash.ts'

const FORMAT = 'greffier.range-proof/1'

/** `hashes` as `rangeProof` of `tiles.ts` makes them; `checkpoint` is the signed note. */
export interface RangeProof extends LeafRange {
  hashes: readonly Uint8Array[]
  checkpoint: string
}

export function formatRangeProof({ from, to, hashes, checkpoint }: RangeProof): string {
  return formatProofText(FORMAT, { fields: [`range ${from} ${to}`], hashes: [...hashes], checkpoint })
}

export function parseRangeProof(text: string): RangeProof {
  const { fields, hashes, checkpoint } = parseProofText(text, FORMAT, (_, at) => at === 0)
  const [, from = '', to = ''] = /^range ([0-9]+) ([0-9]+)$/.exec(fields[0] ?? '') ?? []
  const range = { from: readDecimal(from, 'PROOF_MALFORMED'), to: readDecimal(to, 'PROOF_MALFORMED') }
  if (range.to < range.from) throw new LedgerError('PROOF_MALFORMED', 'a range that ends before it begins')
  return { ...range, hashes, checkpoint }
}

/** The run up to `from`, on which the leaves are to be pushed. Throws `PROOF_WRONG` where the number of hashes is not that of range and size. */
export function openRange({ from, to, hashes }: LeafRange & { hashes: readonly Uint8Array[] }, size: number, tree: TreeHash): CompactRange {
  if (to > size) throw new LedgerError('PROOF_WRONG', `leaf ${to} is not in a tree of ${size} leaves`)
  const left = rangeNodes(0, from).length
  if (hashes.length !== left + rangeNodes(to, size).length)
    throw new LedgerError('PROOF_WRONG', 'the number of hashes does not fit the range')
  if (hashes.some(({ length }) => length !== HASH_BYTES)) throw new LedgerError('PROOF_WRONG', 'a hash that is not of 32 bytes')
  const range = new CompactRange(0, tree)
  range.pushNodes(from, hashes.slice(0, left))
  return range
}

/** The root of the whole tree, once the leaves are pushed; `range` is left as it is. */
export function closeRange(
  range: CompactRange,
  { from, to, hashes }: LeafRange & { hashes: readonly Uint8Array[] },
  size: number,
): Uint8Array {
  if (range.to !== to) throw new LedgerError('PROOF_WRONG', `${range.to - from} leaves instead of ${to - from}`)
  const whole = range.clone()
  whole.pushNodes(size, hashes.slice(rangeNodes(0, from).length))
  return whole.root()
}

/** Throws `PROOF_MALFORMED`, `PROOF_WRONG`, and as `openCheckpoint`, unless these leaf hashes are the run that the proof speaks of. */
export function verifyRangeProof(
  text: string,
  { leafHashes, origin, verifiers }: { leafHashes: Iterable<Uint8Array>; origin: string; verifiers: readonly NoteVerifier[] },
  tree: TreeHash = TREE,
): LeafRange & { checkpoint: Checkpoint } {
  const proof = parseRangeProof(text)
  const checkpoint = openCheckpoint(proof.checkpoint, origin, verifiers)
  const range = openRange(proof, checkpoint.size, tree)
  for (const hash of leafHashes) {
    if (hash.length !== HASH_BYTES) throw new LedgerError('PROOF_WRONG', 'a leaf hash that is not of 32 bytes')
    if (range.to === proof.to) throw new LedgerError('PROOF_WRONG', 'more leaves than the range holds')
    range.push(0, hash)
  }
  if (!sameBytes(closeRange(range, proof, checkpoint.size), checkpoint.root))
    throw new LedgerError('PROOF_WRONG', 'the leaves do not lead to the root')
  return { from: proof.from, to: proof.to, checkpoint }
}
