// A log's key is exchanged by a statement that both keys sign, over the tree as it was:
//
//   greffier.key-rotation/1
//   <origin>
//   <size of the tree from which on the new key signs>
//   <root of that tree, base64>
//   <the old key, name+hash+base64>
//   <the new key>
//
//   — <signature by the old key>
//   — <signature by the new key>
//
// The old key's signature lets a reader who pinned the old key go on to the new one; the new key's proves that somebody holds it, and lets a reader
// who pinned the new key read what the old one signed before. The checkpoint of exactly that size may be signed by either or both; after it the old key
// is worth nothing, and size and root bind the statement to one history. A reader to whom no statement is
// shown goes on trusting the old key, and whoever steals it before it is exchanged can exchange it as well: after an exchange, pin the new key.
import { fromBase64, readDecimal, toBase64 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import { type NoteSigner, type NoteVerifier, openNote, parseNote, signNote } from './note.ts'
import { verifierOf } from './note-keys.ts'
import { NOBLE, type VerifyEd25519 } from './primitives.ts'
import { HASH_BYTES } from './tree-hash.ts'

const FORMAT = 'greffier.key-rotation/1'
const LINES = 6

export interface KeyRotation {
  origin: string
  size: number
  root: Uint8Array
  oldKey: string
  newKey: string
}

/** Keys in the order in which they signed; each from the tree of `fromSize` leaves to that with which the next begins, both included. */
export interface KeyChain {
  readonly keys: readonly { readonly fromSize: number; readonly verifier: NoteVerifier; readonly vkey: string }[]
  readonly rotations: readonly KeyRotation[]
}

export async function signRotation(rotation: KeyRotation, signers: { old: NoteSigner; new: NoteSigner }): Promise<string> {
  const { origin, size, root, oldKey, newKey } = rotation
  const text = `${[FORMAT, origin, String(size), toBase64(root), oldKey, newKey].join('\n')}\n`
  parseRotation(text)
  return signNote(text, [signers.old, signers.new])
}

/**
 * The chain of a log's keys, of which the pinned one must be a part. `notes` are all exchanges in their order. Throws `ROTATION_MALFORMED`, and
 * `ROTATION_WRONG` where a signature, the order or the origin does not hold; then no key but the pinned one is to be trusted.
 */
export function verifyKeyChain(
  pinnedVkey: string,
  notes: readonly string[],
  origin: string,
  verifyEd25519: VerifyEd25519 = NOBLE.verifyEd25519,
): KeyChain {
  const rotations = notes.map((note) => openRotation(note, verifyEd25519))
  for (const [at, rotation] of rotations.entries()) {
    const before = rotations[at - 1]
    if (rotation.origin !== origin) throw wrong(`a statement of the log ${rotation.origin}`)
    if (before !== undefined && before.newKey !== rotation.oldKey) throw wrong('the statements do not follow each other')
    if (before !== undefined && before.size > rotation.size) throw wrong('the sizes do not grow')
  }
  const vkeys = [rotations[0]?.oldKey ?? pinnedVkey, ...rotations.map(({ newKey }) => newKey)]
  if (new Set(vkeys).size !== vkeys.length) throw wrong('a key comes back')
  if (!vkeys.includes(pinnedVkey)) throw wrong('the pinned key is not among the keys')
  return {
    keys: vkeys.map((vkey, at) => ({ vkey, verifier: verifierOf(vkey, verifyEd25519), fromSize: rotations[at - 1]?.size ?? 0 })),
    rotations,
  }
}

/** The keys that may sign a checkpoint of this size: one, or several at the size at which keys were exchanged. */
export function verifiersAt({ keys }: KeyChain, size: number): NoteVerifier[] {
  return keys.filter(({ fromSize }, at) => fromSize <= size && size <= (keys[at + 1]?.fromSize ?? size)).map(({ verifier }) => verifier)
}

function openRotation(note: string, verifyEd25519: VerifyEd25519): KeyRotation {
  const rotation = parseRotation(parseNote(note).text)
  const both = [verifierOf(rotation.oldKey, verifyEd25519), verifierOf(rotation.newKey, verifyEd25519)]
  try {
    if (openNote(note, both).signers.length === both.length) return rotation
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause
    throw new LedgerError('ROTATION_WRONG', cause.detail, { cause })
  }
  throw wrong('not signed by both keys')
}

function parseRotation(text: string): KeyRotation {
  const lines = text.slice(0, -1).split('\n')
  const [format, origin = '', size = '', root = '', oldKey = '', newKey = ''] = lines
  if (format !== FORMAT || lines.length !== LINES || origin === '' || !text.endsWith('\n') || oldKey === newKey)
    throw new LedgerError('ROTATION_MALFORMED', `not a statement of the format ${FORMAT}`)
  verifierOf(oldKey)
  verifierOf(newKey)
  return {
    origin,
    size: readDecimal(size, 'ROTATION_MALFORMED'),
    root: fromBase64(root, 'ROTATION_MALFORMED', HASH_BYTES),
    oldKey,
    newKey,
  }
}

function wrong(detail: string): LedgerError {
  return new LedgerError('ROTATION_WRONG', detail)
}
