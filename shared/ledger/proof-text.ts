// The shape that tlog-proof@v1 and our own proofs share: a first line that names the format, lines of fields, one base64 hash on each line, an empty
// line, and the checkpoint's note verbatim.
import { fromBase64, toBase64 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import { parseNote } from './note.ts'
import { HASH_BYTES } from './tree-hash.ts'

/** Two compact ranges of a tree of 2^53 leaves. */
const HASHES_MAX = 2 * 53

export interface ProofText {
  fields: string[]
  hashes: Uint8Array[]
  /** The signed note, not yet verified. */
  checkpoint: string
}

export function formatProofText(format: string, { fields, hashes, checkpoint }: ProofText): string {
  parseNote(checkpoint)
  return `${[format, ...fields, ...hashes.map(toBase64)].join('\n')}\n\n${checkpoint}`
}

/** `isField` says of a line, by its place after the first, whether it is a field; the first that is none begins the hashes. */
export function parseProofText(text: string, format: string, isField: (line: string, at: number) => boolean): ProofText {
  const end = text.indexOf('\n\n')
  const [first, ...lines] = (end < 0 ? '' : text.slice(0, end)).split('\n')
  if (first !== format) throw new LedgerError('PROOF_MALFORMED', `not a proof of the format ${format}`)
  const firstHash = lines.findIndex((line, at) => !isField(line, at))
  const fields = firstHash < 0 ? lines : lines.slice(0, firstHash)
  const hashes = lines.slice(fields.length)
  if (hashes.length > HASHES_MAX) throw new LedgerError('PROOF_MALFORMED', `more than ${HASHES_MAX} hashes`)
  return {
    fields,
    hashes: hashes.map((line) => fromBase64(line, 'PROOF_MALFORMED', HASH_BYTES)),
    checkpoint: text.slice(end + 2),
  }
}
