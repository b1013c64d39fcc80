// The stored form of the tree, for an adapter that keeps it (PostgreSQL). The layout is that of C2SP tlog-tiles ("Merkle Tree"):
//
//   A tile is up to 256 consecutive hashes of 32 bytes at one level. Level 0 holds leaf hashes; a hash at level l + 1 is that of a full tile at
//   level l. So one row per (log, level, index) with a `bytea` of at most 8,192 bytes, and 1/255 more hashes than leaves altogether.
//
// Appending. Keep the `Edge` (the tree's size and at most 53 hashes) in the row of the log. In one transaction, under the log's lock:
//   const { edge, tiles } = appendLeaves(decodeEdge(row.size, row.edge), leafHashes)
//   for each of `tiles`: insert its hashes, or put them at byte `offset × 32` of the row that is there (only its newest tile grows, at its end)
//   write `edge.size` and `encodeEdge(edge)`; sign a checkpoint over `rootOf(edge)`.
// Nothing is read but the edge, and the work depends on the batch, not on the tree.
//
// Proving. Every function below reads tiles through one call of `ReadTiles`: at ten million leaves at most six tiles for an inclusion proof.
// A tile that grew since may be longer than asked for: its first hashes never change.
import { concatBytes } from './bytes.ts'
import { CompactRange, checkRange, foldNodes, type NodeId, rangeNodes } from './compact-range.ts'
import { LedgerError } from './ledger-error.ts'
import { consistencyRanges, inclusionRanges, type LeafRange } from './merkle.ts'
import { HASH_BYTES, TREE, type TreeHash } from './tree-hash.ts'

const TILE_LEVELS = 8
const TILE_HASHES = 2 ** TILE_LEVELS

/** The right edge of the tree of `size` leaves: the hashes of its perfect subtrees, from left to right. */
export interface Edge {
  readonly size: number
  readonly hashes: readonly Uint8Array[]
}
export const EMPTY_EDGE: Edge = { size: 0, hashes: [] }

/** `hashes` (a multiple of 32 bytes) go into the tile from its hash number `offset` on. */
export interface TileWrite {
  level: number
  index: number
  offset: number
  hashes: Uint8Array
}

/** `width`: how many hashes of the tile are needed at least, 1 to 256. */
export interface TileId {
  level: number
  index: number
  width: number
}

/** Answers in the order of the question; each tile once. A tile that is not there is left out as an empty array. */
export type ReadTiles = (tiles: readonly TileId[]) => Promise<readonly Uint8Array[]>

/** The new edge and the hashes to store, of each tile in one piece, level by level and from left to right. */
export function appendLeaves(edge: Edge, leafHashes: readonly Uint8Array[], tree: TreeHash = TREE): { edge: Edge; tiles: TileWrite[] } {
  const range = rangeOf(edge, tree)
  const writes = new Map<string, { level: number; index: number; offset: number; hashes: Uint8Array[] }>()
  const store = (node: NodeId, hash: Uint8Array): void => {
    if (node.level % TILE_LEVELS !== 0) return
    const { level, index, offset } = place(node)
    const write = writes.get(`${level}/${index}`) ?? { level, index, offset, hashes: [] }
    write.hashes.push(hash)
    writes.set(`${level}/${index}`, write)
  }
  for (const hash of leafHashes) {
    if (hash.length !== HASH_BYTES) throw new LedgerError('OUT_OF_RANGE', 'a leaf hash that is not of 32 bytes')
    range.push(0, hash, store)
  }
  const tiles = [...writes.values()].sort((left, right) => left.level - right.level || left.index - right.index)
  return {
    edge: { size: range.to, hashes: range.hashes },
    tiles: tiles.map((write) => ({ ...write, hashes: concatBytes(write.hashes) })),
  }
}

export function rootOf(edge: Edge, tree: TreeHash = TREE): Uint8Array {
  return rangeOf(edge, tree).root()
}

/** The hashes of the edge in one piece, for a column beside its size. */
export function encodeEdge(edge: Edge): Uint8Array {
  return concatBytes(edge.hashes)
}

export function decodeEdge(size: number, bytes: Uint8Array): Edge {
  const nodes = rangeNodes(0, size)
  if (bytes.length !== nodes.length * HASH_BYTES)
    throw new LedgerError('OUT_OF_RANGE', `${bytes.length} bytes are no edge of ${size} leaves`)
  return { size, hashes: nodes.map((_, at) => bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES)) }
}

/** The edge of the tree when it had `size` leaves, from its tiles: to resume, and to check the stored edge. */
export async function edgeAt(size: number, readTiles: ReadTiles, tree: TreeHash = TREE): Promise<Edge> {
  return { size, hashes: await readNodes(size, rangeNodes(0, size), readTiles, tree) }
}

export async function rootAt(size: number, readTiles: ReadTiles, tree: TreeHash = TREE): Promise<Uint8Array> {
  return rootOf(await edgeAt(size, readTiles, tree), tree)
}

/** One proof for each index, in their order, in the tree of `size` leaves (RFC 6962 §2.1.1), all from one read. */
export async function inclusionProofs(
  size: number,
  indices: readonly number[],
  readTiles: ReadTiles,
  tree: TreeHash = TREE,
): Promise<Uint8Array[][]> {
  const ranges = indices.map((index) => inclusionRanges(index, size))
  const hashes = await subtreeHashes(size, ranges.flat(), readTiles, tree)
  return ranges.map(({ length }) => hashes.splice(0, length))
}

/** The tree of `oldSize` leaves as a prefix of that of `newSize` (RFC 6962 §2.1.2). */
export async function consistencyProof(
  oldSize: number,
  newSize: number,
  readTiles: ReadTiles,
  tree: TreeHash = TREE,
): Promise<Uint8Array[]> {
  return subtreeHashes(newSize, consistencyRanges(oldSize, newSize), readTiles, tree)
}

/** The subtrees beside the leaves [from, to) in the tree of `size` leaves, for `range-proof.ts`. */
export async function rangeProof(
  size: number,
  { from, to }: LeafRange,
  readTiles: ReadTiles,
  tree: TreeHash = TREE,
): Promise<Uint8Array[]> {
  checkRange(from, to)
  return readNodes(size, [...rangeNodes(0, from), ...rangeNodes(to, size)], readTiles, tree)
}

function rangeOf(edge: Edge, tree: TreeHash): CompactRange {
  const range = new CompactRange(0, tree)
  range.pushNodes(edge.size, edge.hashes)
  return range
}

async function subtreeHashes(size: number, ranges: readonly LeafRange[], readTiles: ReadTiles, tree: TreeHash): Promise<Uint8Array[]> {
  const nodes = ranges.map(({ from, to }) => rangeNodes(from, to))
  const hashes = await readNodes(size, nodes.flat(), readTiles, tree)
  return nodes.map(({ length }) => foldNodes(hashes.splice(0, length), tree))
}

async function readNodes(size: number, nodes: readonly NodeId[], readTiles: ReadTiles, tree: TreeHash): Promise<Uint8Array[]> {
  const wanted = new Map(
    nodes.map(place).map(({ level, index }) => [`${level}/${index}`, { level, index, width: width(size, level, index) }]),
  )
  const ids = [...wanted.values()]
  const read = ids.length === 0 ? [] : await readTiles(ids)
  const tiles = new Map([...wanted.keys()].map((key, at) => [key, read[at]]))
  return nodes.map((node) => {
    const { level, index, offset, count } = place(node)
    const tile = tiles.get(`${level}/${index}`)
    if (tile === undefined || tile.length < width(size, level, index) * HASH_BYTES || tile.length % HASH_BYTES !== 0)
      throw new LedgerError('TILE_MISSING', `tile ${index} of level ${level} is missing or short for ${size} leaves`)
    return perfectRoot(tile, offset, count, tree)
  })
}

/** Where the hashes are from which a node is made: all in one tile, as a node covers an aligned power of two of them. */
function place({ level, index }: NodeId): { level: number; index: number; offset: number; count: number } {
  const count = 2 ** (level % TILE_LEVELS)
  const first = index * count
  return { level: Math.floor(level / TILE_LEVELS), index: Math.floor(first / TILE_HASHES), offset: first % TILE_HASHES, count }
}

function width(size: number, level: number, index: number): number {
  return Math.min(TILE_HASHES, Math.floor(size / TILE_HASHES ** level) - index * TILE_HASHES)
}

function perfectRoot(tile: Uint8Array, offset: number, count: number, tree: TreeHash): Uint8Array {
  if (count === 1) return tile.slice(offset * HASH_BYTES, (offset + 1) * HASH_BYTES)
  const half = count / 2
  return tree.node(perfectRoot(tile, offset, half, tree), perfectRoot(tile, offset + half, half, tree))
}
