import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../shared/ledger/bytes.ts'
import { verifyConsistency, verifyInclusion } from '../../../shared/ledger/merkle.ts'
import {
  appendLeaves,
  consistencyProof,
  decodeEdge,
  type Edge,
  edgeAt,
  encodeEdge,
  inclusionProofs,
  type ReadTiles,
  rootAt,
  rootOf,
} from '../../../shared/ledger/tiles.ts'
import { TREE } from '../../../shared/ledger/tree-hash.ts'
import { entries, MemoryLog, naiveRoot } from '../../support/ledger-log.ts'

/** Beyond two full tiles of level 1 nothing new happens that a second full tile of level 0 does not show; but one tree has three levels. */
const SIZE = 70_000
const large = new MemoryLog()
large.append(entries(SIZE))

describe('appending', () => {
  test('in batches of any size gives the root and the tiles of one batch', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 8 }), (batches) => {
        const stepwise = new MemoryLog()
        let size = 0
        for (const batch of batches) {
          // What an adapter stores between two transactions.
          stepwise.edge = decodeEdge(stepwise.edge.size, encodeEdge(stepwise.edge))
          stepwise.append(entries(batch, size))
          size += batch
          expect(toHex(stepwise.root)).toBe(toHex(naiveRoot(stepwise.leafHashes)))
        }
        const once = new MemoryLog()
        once.append(entries(size))
        expect(once.tiles).toEqual(stepwise.tiles)
      }),
      { numRuns: 30 },
    )
  })

  test('stores the tiles that C2SP tlog-tiles names for 70,000 leaves', () => {
    const widths = (level: number) => [...large.tiles].filter(([id]) => id.startsWith(`${level}/`)).map(([, { length }]) => length / 32)
    expect(widths(0)).toEqual([...Array(273).fill(256), 112])
    expect(widths(1)).toEqual([256, 17])
    expect(widths(2)).toEqual([1])
    expect(large.tiles.size).toBe(277)
  })

  test('touches as few tiles of a large tree as of a small one', () => {
    const batch = entries(300).map((entry) => TREE.leaf(entry))
    const far: Edge = { size: 2 ** 40, hashes: [TREE.empty] }
    const near: Edge = { size: 256, hashes: [TREE.empty] }
    expect(appendLeaves(far, batch).tiles.length).toBe(appendLeaves(near, batch).tiles.length)
    expect(appendLeaves(far, batch).edge.hashes.length).toBeLessThanOrEqual(41)
  })

  test('refuses a hash that is none, and an edge that is not that of its size', () => {
    expect(() => appendLeaves(large.edge, [new Uint8Array(31)])).toThrow('OUT_OF_RANGE')
    expect(() => decodeEdge(3, new Uint8Array(32))).toThrow('OUT_OF_RANGE')
    expect(() => rootOf({ size: 3, hashes: [TREE.empty] })).toThrow('PROOF_WRONG')
  })
})

describe('reading', () => {
  test('the edge comes back from the tiles, for now and for every earlier size', async () => {
    expect(await edgeAt(SIZE, large.read)).toEqual(large.edge)
    for (const size of [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 69_999]) {
      const root = await rootAt(size, large.read)
      expect(toHex(root)).toBe(toHex(naiveRoot(large.leafHashes.slice(0, size))))
      if (size === 65_537) {
        const { edge } = appendLeaves(await edgeAt(size, large.read), large.leafHashes.slice(size))
        expect(edge).toEqual(large.edge)
      }
    }
  })

  test('any leaf is proven from at most six tiles and two earlier trees from at most eight', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: SIZE }), fc.nat(), fc.nat(), async (size, leaf, old) => {
        const [index, oldSize] = [leaf % size, old % size]
        const root = await rootAt(size, large.read)
        large.tilesRead = 0
        const [hashes = expect.fail('no proof')] = await inclusionProofs(size, [index], large.read)
        expect(large.tilesRead).toBeLessThanOrEqual(6)
        verifyInclusion({ index, size, leafHash: large.leafHashes[index] ?? expect.fail(), hashes, root })
        large.tilesRead = 0
        const consistency = await consistencyProof(oldSize, size, large.read)
        expect(large.tilesRead).toBeLessThanOrEqual(8)
        verifyConsistency({ oldSize, oldRoot: await rootAt(oldSize, large.read), newSize: size, newRoot: root, hashes: consistency })
      }),
      { numRuns: 60 },
    )
  })

  test('many proofs are one read in which no tile comes twice', async () => {
    let reads = 0
    const read: ReadTiles = (ids) => {
      reads += 1
      expect(new Set(ids.map(({ level, index }) => `${level}/${index}`)).size).toBe(ids.length)
      return large.read(ids)
    }
    await inclusionProofs(SIZE, [0, 1, 2, 300, 69_999], read)
    expect(reads).toBe(1)
  })

  test('a tile that is missing or short is said, never guessed', async () => {
    const missing: ReadTiles = async (ids) => (await large.read(ids)).map((tile, at) => (at === 0 ? tile.slice(32) : tile))
    await expect(inclusionProofs(SIZE, [5], missing)).rejects.toThrow('TILE_MISSING')
    await expect(rootAt(SIZE + 1, large.read)).rejects.toThrow('TILE_MISSING')
    await expect(inclusionProofs(5, [5], large.read)).rejects.toThrow('OUT_OF_RANGE')
    await expect(consistencyProof(6, 5, large.read)).rejects.toThrow('OUT_OF_RANGE')
  })
})
