import { createHash, hash } from 'node:crypto'
import { NOBLE, type Primitives } from '../ledger/primitives.ts'
import { createTreeHash, type TreeHash } from '../ledger/tree-hash.ts'

/** Hashes by OpenSSL; signatures stay with the strict verifier that the core brings, so that both run the same rules. */
export const NODE_PRIMITIVES: Primitives = {
  ...NOBLE,
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  createSha256: () => createHash('sha256'),
}

export const NODE_TREE: TreeHash = createTreeHash(NODE_PRIMITIVES.sha256)
