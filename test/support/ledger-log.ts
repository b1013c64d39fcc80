import { appendLeaves, type Edge, EMPTY_EDGE, type ReadTiles, rootOf } from '../../shared/ledger/tiles.ts'
import { TREE } from '../../shared/ledger/tree-hash.ts'

const HASH_BYTES = 32

/** A log in memory, stored as an adapter would: the edge beside the tiles, whose bytes only grow at their end. */
export class MemoryLog {
  edge: Edge = EMPTY_EDGE
  readonly leafHashes: Uint8Array[] = []
  readonly tiles = new Map<string, Uint8Array>()
  tilesRead = 0

  append(entries: readonly Uint8Array[]): void {
    const leafHashes = entries.map((entry) => TREE.leaf(entry))
    const { edge, tiles } = appendLeaves(this.edge, leafHashes)
    for (const { level, index, offset, hashes } of tiles) {
      const stored = this.tiles.get(`${level}/${index}`) ?? new Uint8Array()
      if (stored.length !== offset * HASH_BYTES) throw new Error(`tile ${level}/${index} has ${stored.length} bytes, not ${offset} hashes`)
      this.tiles.set(`${level}/${index}`, Uint8Array.from([...stored, ...hashes]))
    }
    this.edge = edge
    for (const hash of leafHashes) this.leafHashes.push(hash)
  }

  get root(): Uint8Array {
    return rootOf(this.edge)
  }

  readonly read: ReadTiles = async (ids) => {
    this.tilesRead += ids.length
    return ids.map(({ level, index }) => this.tiles.get(`${level}/${index}`) ?? new Uint8Array())
  }
}

/** The tree's root as RFC 6962 §2.1 defines it, to compare with. */
export function naiveRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  const [only, ...more] = leafHashes
  if (only === undefined) return TREE.empty
  if (more.length === 0) return only
  const middle = 2 ** Math.floor(Math.log2(leafHashes.length - 1))
  return TREE.node(naiveRoot(leafHashes.slice(0, middle)), naiveRoot(leafHashes.slice(middle)))
}

export function entries(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => new TextEncoder().encode(`entry ${from + at}`))
}

/** The same hash with one bit changed. */
export function flip(hash: Uint8Array, bit = 0): Uint8Array {
  return hash.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte))
}
