// What an event commits to of the annex that it wrote (shared/contracts/record.ts, `annex_commit`), and whether an annex that is shown later is that one.
import type { ProcessingEvent, SaltedAnnex } from '../contracts/record.ts'
import { concatBytes, fromHex, toHex } from './bytes.ts'
import { canonicalBytes } from './canonical.ts'
import { LedgerError } from './ledger-error.ts'
import { NOBLE, type Sha256 } from './primitives.ts'

export const ANNEX_SALT_BYTES = 32
/** The most metadata that an upload may bring, every character of it escaped, is less. */
const ANNEX_BYTES_MAX = 262_144

type Salted = SaltedAnnex & { salt: string }

/** `unknown`: none of the events commits to an annex of the document. `event_id`: the newest that does. */
export type AnnexCheck = { state: 'committed' | 'differs'; event_id: string } | { state: 'unknown' }

/** SHA-256 (hex) over the salt's bytes and the canonical form of everything else. Throws `NOT_CANONICAL` for a lone surrogate. */
export function annexCommitment({ salt, ...annex }: Salted, sha256: Sha256 = NOBLE.sha256): string {
  return toHex(sha256(concatBytes([fromHex(salt), canonicalBytes(annex, ANNEX_BYTES_MAX)])))
}

/** Compares an annex as it is shown with what the newest of these events that wrote one committed to. One that lost its salt differs. */
export function checkAnnex(documentId: string, annex: SaltedAnnex, events: readonly ProcessingEvent[]): AnnexCheck {
  let writing: ProcessingEvent | undefined
  for (const event of events) {
    if (event.doc_ref !== documentId || event.annex_commit === null) continue
    // Identifiers sort by time, whichever way the events came.
    if (writing === undefined || event.event_id > writing.event_id) writing = event
  }
  if (writing === undefined) return { state: 'unknown' }
  return { state: isCommitted(annex, writing.annex_commit) ? 'committed' : 'differs', event_id: writing.event_id }
}

/** What has no canonical form was never committed to. */
function isCommitted({ salt, ...annex }: SaltedAnnex, commit: string | null): boolean {
  try {
    return salt !== null && annexCommitment({ ...annex, salt }) === commit
  } catch (error) {
    if (error instanceof LedgerError) return false
    throw error
  }
}
