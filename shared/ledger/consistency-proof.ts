// `greffier.consistency/1`: an earlier checkpoint of a log, and the hashes (RFC 6962 §2.1.2) which prove that the tree of `new-size` leaves begins
// with its tree:
//
//   greffier.consistency/1
//   new-size 250
//   <one base64 hash on each line>
//
//   <the earlier checkpoint's signed note, verbatim>
import { readDecimal } from './bytes.ts'
import { formatProofText, parseProofText } from './proof-text.ts'

const FORMAT = 'greffier.consistency/1'
const FIELD = 'new-size '

/** `checkpoint` is the earlier one's signed note; its size is where the proof begins. Proven by `verifyConsistency`. */
export interface ConsistencyProof {
  newSize: number
  hashes: readonly Uint8Array[]
  checkpoint: string
}

export function formatConsistencyProof({ newSize, hashes, checkpoint }: ConsistencyProof): string {
  return formatProofText(FORMAT, { fields: [FIELD + newSize], hashes: [...hashes], checkpoint })
}

export function parseConsistencyProof(text: string): ConsistencyProof {
  const { fields, hashes, checkpoint } = parseProofText(text, FORMAT, (_, at) => at === 0)
  const [field = ''] = fields
  return { newSize: readDecimal(field.startsWith(FIELD) ? field.slice(FIELD.length) : '', 'PROOF_MALFORMED'), hashes, checkpoint }
}
