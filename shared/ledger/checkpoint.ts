// Checkpoints (https://c2sp.org/tlog-checkpoint): a signed note that states size and root of a log's tree.
import { fromBase64, readDecimal, sameBytes, toBase64 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import { type NoteSigner, type NoteVerifier, openNote, parseNote, signNote } from './note.ts'
import { HASH_BYTES, TREE } from './tree-hash.ts'

/** `extensions`: opaque lines. The specification advises against them, as nobody audits them; what happened when is in the events. */
export interface Checkpoint {
  origin: string
  size: number
  root: Uint8Array
  extensions: readonly string[]
}

export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const text = `${[origin, String(size), toBase64(root), ...extensions].join('\n')}\n`
  const read = parseCheckpoint(text)
  if (read.origin !== origin || read.extensions.length !== extensions.length) throw malformed('a line break inside a line')
  return text
}

/** Reads a note's text. Throws `CHECKPOINT_MALFORMED`. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  if (!text.endsWith('\n') || origin === '' || extensions.includes('')) throw malformed('an empty line, or no newline at the end')
  const checkpoint = {
    origin,
    size: readDecimal(size, 'CHECKPOINT_MALFORMED'),
    root: fromBase64(root, 'CHECKPOINT_MALFORMED', HASH_BYTES),
    extensions,
  }
  if (checkpoint.size === 0 && !sameBytes(checkpoint.root, TREE.empty)) throw malformed('the root is not that of an empty tree')
  return checkpoint
}

/** The note of a checkpoint. A log must never sign two that are inconsistent with each other: sign under the log's lock only. */
export async function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): Promise<string> {
  return signNote(formatCheckpoint(checkpoint), signers)
}

/** What a note claims before its signatures are checked: to find out which keys may have signed it. */
export function peekCheckpoint(note: string | Uint8Array): Checkpoint {
  return parseCheckpoint(parseNote(note).text)
}

/** The checkpoint of this log that at least one of these keys signed. Throws as `openNote`, `CHECKPOINT_MALFORMED` and `ORIGIN_WRONG`. */
export function openCheckpoint(note: string | Uint8Array, origin: string, verifiers: readonly NoteVerifier[]): Checkpoint {
  const checkpoint = parseCheckpoint(openNote(note, verifiers).text)
  if (checkpoint.origin !== origin)
    throw new LedgerError('ORIGIN_WRONG', `a checkpoint of the log ${checkpoint.origin} instead of ${origin}`)
  return checkpoint
}

function malformed(detail: string): LedgerError {
  return new LedgerError('CHECKPOINT_MALFORMED', detail)
}
