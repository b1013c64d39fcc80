import { createHash, hash } from 'node:crypto'
import { NOBLE, type Primitives } from '../ledger/primitives.ts'
import { createTreeHash, type TreeHash } from '../ledger/tree-hash.ts'

/** Hashes by OpenSSL; signatures stay with the strict verifier that the core brings, so that both run the same rules. */
export const NODE_PRIMITIVES: Primitives = {
  ...NOBLE,
  sha256,
  createSha256: () => createHash('sha256'),
}

/** By way of a text with one character for each byte: making a Buffer outside the heap costs Node more than hashing an event does. */
function sha256(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'latin1')
  const digest = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at += 1) digest[at] = text.charCodeAt(at)
  return digest
}

export const NODE_TREE: TreeHash = createTreeHash(NODE_PRIMITIVES.sha256)
