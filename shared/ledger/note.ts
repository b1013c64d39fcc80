// Signed notes (https://c2sp.org/signed-note): a text, an empty line, and one line for each signature over the text.
import { concatBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, toUtf8 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import { isKeyName } from './note-keys.ts'

/** The specification asks for a limit of at least 16. */
const SIGNATURES_MAX = 100
export const NOTE_BYTES_MAX = 1_000_000
const KEY_ID_BYTES = 4
const SIGNATURE_PREFIX = '— '

/** `keyId`: the key's hash, eight hexadecimal digits; with the name it says which key signed and how. */
export interface NoteVerifier {
  readonly name: string
  readonly keyId: string
  readonly verify: (message: Uint8Array, signature: Uint8Array) => boolean
}

export interface NoteSigner {
  readonly name: string
  readonly keyId: string
  readonly sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

export interface NoteSignature {
  name: string
  keyId: string
  signature: Uint8Array
}

/** `text` ends in a newline. A note is only as good as its signatures: trust what `openNote` returns, not this. */
export interface Note {
  text: string
  signatures: NoteSignature[]
}

/** The note's form alone, no signature is checked. Throws `NOTE_MALFORMED`. */
export function parseNote(note: string | Uint8Array, bytesMax: number = NOTE_BYTES_MAX): Note {
  const whole = typeof note === 'string' ? note : fromUtf8(note, 'NOTE_MALFORMED')
  if (toUtf8(whole, 'NOTE_MALFORMED').length > bytesMax) throw malformed(`more than ${bytesMax} bytes`)
  if (hasControls(whole)) throw malformed('a control character')
  const end = whole.lastIndexOf('\n\n')
  if (end < 0 || !whole.endsWith('\n')) throw malformed('no signatures after an empty line')
  const lines = whole.slice(end + 2, -1).split('\n')
  if (lines.length > SIGNATURES_MAX) throw malformed(`more than ${SIGNATURES_MAX} signatures`)
  return { text: whole.slice(0, end + 1), signatures: lines.map(readSignature) }
}

export interface OpenedNote {
  text: string
  /** Those of `verifiers` whose signature holds. At least one. */
  signers: NoteVerifier[]
  /** Signatures by other keys, which say nothing. */
  unknown: NoteSignature[]
}

/**
 * The text of a note that at least one of these keys signed. Throws `NOTE_MALFORMED`, `NOTE_UNSIGNED` where none of them signed, and
 * `SIGNATURE_WRONG` where one of them is named beside a signature that is not its own, whatever the others say.
 */
export function openNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[], bytesMax: number = NOTE_BYTES_MAX): OpenedNote {
  const { text, signatures } = parseNote(note, bytesMax)
  const message = toUtf8(text, 'NOTE_MALFORMED')
  const signers = new Set<NoteVerifier>()
  const unknown: NoteSignature[] = []
  for (const one of signatures) {
    const verifier = verifiers.find(({ name, keyId }) => name === one.name && keyId === one.keyId)
    if (verifier === undefined) unknown.push(one)
    else if (verifier.verify(message, one.signature)) signers.add(verifier)
    else throw new LedgerError('SIGNATURE_WRONG', `the signature by ${one.name}+${one.keyId} is wrong`)
  }
  if (signers.size === 0) throw new LedgerError('NOTE_UNSIGNED', 'no signature by a key that is known')
  return { text, signers: [...signers], unknown }
}

/** The note's bytes as text, signed in this order. `text` ends in a newline. */
export async function signNote(text: string, signers: readonly NoteSigner[], bytesMax: number = NOTE_BYTES_MAX): Promise<string> {
  if (!text.endsWith('\n') || hasControls(text)) throw malformed('a text that does not end in a newline or holds a control character')
  const message = toUtf8(text, 'NOTE_MALFORMED')
  const lines: string[] = []
  for (const { name, keyId, sign } of signers) lines.push(formatSignature({ name, keyId, signature: await sign(message) }))
  const note = `${text}\n${lines.join('')}`
  parseNote(note, bytesMax)
  return note
}

function formatSignature({ name, keyId, signature }: NoteSignature): string {
  const id = fromHex(keyId)
  return `${SIGNATURE_PREFIX}${name} ${toBase64(concatBytes([id, signature]))}\n`
}

function readSignature(line: string): NoteSignature {
  const [name = '', base64 = '', ...rest] = line.startsWith(SIGNATURE_PREFIX) ? line.slice(SIGNATURE_PREFIX.length).split(' ') : []
  if (!isKeyName(name) || rest.length > 0) throw malformed('a line after the empty line that is no signature')
  const bytes = fromBase64(base64, 'NOTE_MALFORMED')
  if (bytes.length <= KEY_ID_BYTES) throw malformed('a signature without bytes')
  return { name, keyId: toHex(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.slice(KEY_ID_BYTES) }
}

/** ASCII control characters other than newline may be nowhere in a note. */
function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x20 && unit !== 0x0a) return true
  }
  return false
}

function malformed(detail: string): LedgerError {
  return new LedgerError('NOTE_MALFORMED', detail)
}
