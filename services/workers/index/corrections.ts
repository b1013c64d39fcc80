import { chunkId } from '../../../shared/contracts/ids.ts'
import { type Correction, correctionText, stands } from '../../../shared/contracts/rectification.ts'
import type { Chunk } from '../../../shared/contracts/retrieval.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'

/**
 * One more point for each corrected field, found by what is right and leading to the piece of the page that says otherwise (to the first one where no place does).
 * Of its own, and not appended to that piece's text: where a piece ends is known to what masks names that are cut there.
 */
export function chunkCorrections(
  { document_id, revision }: RevisionKey,
  printed: readonly Chunk[],
  corrections: readonly Correction[],
): { chunk: Chunk; text: string }[] {
  return corrections.flatMap((correction, at) => {
    const piece = printed.find((chunk) => correction.evidence.some((place) => stands(place, chunk))) ?? printed[0]
    const ordinal = printed.length + at
    return piece ? [{ chunk: { ...piece, id: chunkId(document_id, revision, ordinal), ordinal }, text: correctionText(correction) }] : []
  })
}
