// `c2sp.org/tlog-proof@v1` (https://c2sp.org/tlog-proof): one file that proves offline that an entry is in the log.
import { fromBase64, readDecimal, toBase64 } from './bytes.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { LedgerError } from './ledger-error.ts'
import { verifyInclusion } from './merkle.ts'
import type { NoteVerifier } from './note.ts'
import { formatProofText, parseProofText } from './proof-text.ts'
import { TREE, type TreeHash } from './tree-hash.ts'

const FORMAT = 'c2sp.org/tlog-proof@v1'

/** `checkpoint` is the signed note, verbatim. `extra` is authenticated by nothing. */
export interface TlogProof {
  index: number
  hashes: readonly Uint8Array[]
  checkpoint: string
  extra: Uint8Array | null
}

export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const fields = [...(extra === null ? [] : [`extra ${toBase64(extra)}`]), `index ${index}`]
  return formatProofText(FORMAT, { fields, hashes: [...hashes], checkpoint })
}

/** The form alone; nothing is verified. Throws `PROOF_MALFORMED`. */
export function parseTlogProof(text: string): TlogProof {
  const isField = (line: string, at: number) => (at === 0 && line.startsWith('extra ')) || (at < 2 && line.startsWith('index '))
  const { fields, hashes, checkpoint } = parseProofText(text, FORMAT, isField)
  const extra = fields[0]?.startsWith('extra ') ? fields.shift() : undefined
  const [index, ...more] = fields
  if (index === undefined || more.length > 0) throw new LedgerError('PROOF_MALFORMED', 'no line with the index')
  return {
    index: readDecimal(index.slice('index '.length), 'PROOF_MALFORMED'),
    hashes,
    checkpoint,
    extra: extra === undefined ? null : fromBase64(extra.slice('extra '.length), 'PROOF_MALFORMED'),
  }
}

/**
 * Index and checkpoint of a proof for the entry with this leaf hash, in a log of this origin that one of these keys signs. Throws
 * `PROOF_MALFORMED`, `PROOF_WRONG`, and as `openCheckpoint`.
 */
export function verifyTlogProof(
  text: string,
  { leafHash, origin, verifiers }: { leafHash: Uint8Array; origin: string; verifiers: readonly NoteVerifier[] },
  tree: TreeHash = TREE,
): { index: number; checkpoint: Checkpoint } {
  const { index, hashes, checkpoint: note } = parseTlogProof(text)
  const checkpoint = openCheckpoint(note, origin, verifiers)
  verifyInclusion({ index, size: checkpoint.size, leafHash, hashes, root: checkpoint.root }, tree)
  return { index, checkpoint }
}
