import { EVENT_BYTES_MAX } from './canonical.ts'
import { LedgerError } from './ledger-error.ts'
import { NOBLE, type Sha256 } from './primitives.ts'

export const HASH_BYTES = 32
export const LEAF_PREFIX = 0x00
const NODE_PREFIX = 0x01

/** The hashes of an RFC 6962 §2.1 tree: the prefixes keep a leaf from passing for a node. All are of 32 bytes. */
export interface TreeHash {
  readonly leaf: (bytes: Uint8Array) => Uint8Array
  readonly node: (left: Uint8Array, right: Uint8Array) => Uint8Array
  /** The root of the tree without leaves: SHA-256 of nothing. */
  readonly empty: Uint8Array
}

export function createTreeHash(sha256: Sha256): TreeHash {
  // One buffer for all leaves that fit, and one for all nodes: hashing is synchronous, and a buffer for each would cost more than its hash.
  const prefixed = new Uint8Array(1 + EVENT_BYTES_MAX)
  const pair = new Uint8Array(1 + 2 * HASH_BYTES)
  pair[0] = NODE_PREFIX
  return {
    leaf: (bytes) => {
      const input = bytes.length < prefixed.length ? prefixed.subarray(0, 1 + bytes.length) : new Uint8Array(1 + bytes.length)
      input[0] = LEAF_PREFIX
      input.set(bytes, 1)
      return sha256(input)
    },
    node: (left, right) => {
      if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new LedgerError('OUT_OF_RANGE', 'a hash that is not of 32 bytes')
      pair.set(left, 1)
      pair.set(right, 1 + HASH_BYTES)
      return sha256(pair)
    },
    empty: sha256(new Uint8Array()),
  }
}

export const TREE: TreeHash = createTreeHash(NOBLE.sha256)
