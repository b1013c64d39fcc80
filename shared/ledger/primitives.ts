import { hashes as edHashes, getPublicKey, sign, verify } from '@noble/ed25519'
import { sha256, sha512 } from '@noble/hashes/sha2.js'

// The library brings no hash of its own for its synchronous functions; this is how it takes one.
edHashes.sha512 = sha512

/**
 * What the ledger needs of cryptography. Everything takes `NOBLE` by default (pure JavaScript: the same code in Node and in a browser); a caller
 * on Node may pass `node:crypto` instead, which hashes short inputs several times faster. Both must give the same bytes.
 */
export interface Primitives {
  /** SHA-256 of one short input. */
  readonly sha256: Sha256
  /** SHA-256 of an input that comes in pieces. */
  readonly createSha256: () => { update(bytes: Uint8Array): unknown; digest(): Uint8Array }
  /**
   * The leaf hashes (`TreeHash.leaf`) of these lines in their order, made elsewhere while this thread goes on; several batches may be asked for at once. Where
   * it is left out, each line is hashed here.
   */
  readonly hashLeaves?: HashLeaves
  /** Ed25519 (RFC 8032): false for a wrong signature and for a key or signature that is none. */
  readonly verifyEd25519: VerifyEd25519
}

export type HashLeaves = (lines: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>
export type Sha256 = (bytes: Uint8Array) => Uint8Array
export type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

export const NOBLE: Primitives = {
  sha256: (bytes) => sha256(bytes),
  createSha256: () => sha256.create(),
  // RFC 8032's strict decoding; the library's default accepts more encodings (ZIP 215), for which other verifiers would disagree.
  verifyEd25519: (publicKey, message, signature) => verify(signature, message, publicKey, { zip215: false }),
}

/** Ed25519 (RFC 8032) under a 32-byte seed; deterministic. */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return sign(message, seed)
}

export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  return getPublicKey(seed)
}
