// Keys of signed notes as text: the verifier key of C2SP signed-note and golang.org/x/mod/sumdb/note (`name+hash+base64`), and the latter's private
// key (`PRIVATE+KEY+name+hash+base64`). Only Ed25519 (signature type 0x01).
import { concatBytes, fromBase64, toBase64, toHex, toUtf8 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'
import type { NoteSigner, NoteVerifier } from './note.ts'
import { ed25519PublicKey, NOBLE, signEd25519, type VerifyEd25519 } from './primitives.ts'

const ED25519 = 0x01
const KEY_BYTES = 32
const PRIVATE_PREFIX = 'PRIVATE+KEY+'
const NEWLINE = 0x0a

/** Non-empty, without Unicode spaces and plus (signed-note, "Format"). */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\p{White_Space}\p{Cc}+]/u.test(name)
}

/** What an auditor pins: `name+hash+base64(0x01 || public key)`. */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  return keyText(name, keyId(name, publicKey), publicKey)
}

export function verifierOf(vkey: string, verifyEd25519: VerifyEd25519 = NOBLE.verifyEd25519): NoteVerifier {
  const { name, id, key } = readKey(vkey)
  if (keyId(name, key) !== id) throw new LedgerError('KEY_MALFORMED', 'the hash is not that of the key')
  return { name, keyId: id, verify: (message, signature) => signature.length === 64 && verifyEd25519(key, message, signature) }
}

/** The private key's text from a 32-byte seed (RFC 8032 §5.1.5), which is to come from a cryptographic random source. */
export function formatSigningKey(name: string, seed: Uint8Array): string {
  return PRIVATE_PREFIX + keyText(name, keyId(name, ed25519PublicKey(seed)), seed)
}

/** A signer that holds the key in memory. A key that is kept elsewhere needs only another `NoteSigner`. */
export function signerOf(skey: string): NoteSigner {
  const { name, id, seed } = readSigningKey(skey)
  return { name, keyId: id, sign: (message) => signEd25519(seed, message) }
}

export function verifierKeyOf(skey: string): string {
  const { name, seed } = readSigningKey(skey)
  return formatVerifierKey(name, ed25519PublicKey(seed))
}

function readSigningKey(skey: string): { name: string; id: string; seed: Uint8Array } {
  if (!skey.startsWith(PRIVATE_PREFIX)) throw new LedgerError('KEY_MALFORMED', 'not a private key')
  const { name, id, key } = readKey(skey.slice(PRIVATE_PREFIX.length))
  if (keyId(name, ed25519PublicKey(key)) !== id) throw new LedgerError('KEY_MALFORMED', 'the hash is not that of the key')
  return { name, id, seed: key }
}

/** The first four bytes of SHA-256(name || 0x0A || 0x01 || public key), in hexadecimal. */
function keyId(name: string, publicKey: Uint8Array): string {
  const hashed = NOBLE.sha256(concatBytes([toUtf8(name, 'KEY_MALFORMED'), Uint8Array.of(NEWLINE, ED25519), publicKey]))
  return toHex(hashed.subarray(0, 4))
}

function keyText(name: string, id: string, key: Uint8Array): string {
  if (!isKeyName(name)) throw new LedgerError('KEY_MALFORMED', 'a name with spaces or plus, or none')
  if (key.length !== KEY_BYTES) throw new LedgerError('KEY_MALFORMED', `a key of ${key.length} bytes instead of ${KEY_BYTES}`)
  return `${name}+${id}+${toBase64(concatBytes([Uint8Array.of(ED25519), key]))}`
}

function readKey(text: string): { name: string; id: string; key: Uint8Array } {
  const [, name = '', id = '', base64 = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text) ?? []
  if (!isKeyName(name)) throw new LedgerError('KEY_MALFORMED', 'not of the form name+hash+base64')
  const bytes = fromBase64(base64, 'KEY_MALFORMED', 1 + KEY_BYTES)
  if (bytes[0] !== ED25519) throw new LedgerError('KEY_MALFORMED', 'not an Ed25519 key')
  return { name, id, key: bytes.slice(1) }
}
