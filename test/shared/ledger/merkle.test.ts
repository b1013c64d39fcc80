import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../shared/ledger/bytes.ts'
import { CompactRange, foldNodes, rangeNodes } from '../../../shared/ledger/compact-range.ts'
import { type ConsistencyClaim, type InclusionClaim, verifyConsistency, verifyInclusion } from '../../../shared/ledger/merkle.ts'
import { consistencyProof, inclusionProofs } from '../../../shared/ledger/tiles.ts'
import { createTreeHash, TREE } from '../../../shared/ledger/tree-hash.ts'
import { entries, flip, MemoryLog, naiveRoot } from '../../support/ledger-log.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const PROOF_WRONG = expect.objectContaining({ code: 'PROOF_WRONG' })
const SIZE_MAX = 20

// The reference vectors of Certificate Transparency (merkletree tests), as in github.com/transparency-dev/merkle: testonly/constants.go and proof/verify_test.go.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(hex)
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const N01 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'
const N11 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e'
const N21 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'
const N04 = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b'
const N13 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0'
const N20 = 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'
const N10 = 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'
const N00 = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
const N12 = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a'
const N06 = 'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f'
const INCLUSION: [index: number, size: number, proof: string[]][] = [
  [0, 1, []],
  [0, 8, [N01, N11, N21]],
  [5, 8, [N04, N13, N20]],
  [2, 3, [N10]],
  [1, 5, [N00, N11, N04]],
]
const CONSISTENCY: [from: number, to: number, proof: string[]][] = [
  [1, 1, []],
  [1, 8, [N01, N11, N21]],
  [6, 8, [N12, N13, N20]],
  [2, 5, [N11, N04]],
  [6, 7, [N12, N06, N20]],
]

const reference = new MemoryLog()
reference.append(LEAVES)
const log = new MemoryLog()
log.append(entries(SIZE_MAX))
const ROOT = Array.from({ length: SIZE_MAX + 1 }, (_, size) => naiveRoot(log.leafHashes.slice(0, size)))
const rootAt = (size: number) => ROOT[size] ?? expect.fail(`no root of ${size} leaves`)
const leafAt = (index: number) => log.leafHashes[index] ?? expect.fail(`no leaf ${index}`)

describe('the published vectors', () => {
  test.each(ROOTS.map((root, size) => [size, root] as const))('the root of %i leaves', (size, root) => {
    const grown = new MemoryLog()
    grown.append(LEAVES.slice(0, size))
    expect(toHex(grown.root)).toBe(root)
    expect(toHex(naiveRoot(grown.leafHashes))).toBe(root)
  })

  test.each(INCLUSION)('inclusion of leaf %i in %i', async (index, size, proof) => {
    const [hashes = expect.fail('no proof')] = await inclusionProofs(size, [index], reference.read)
    expect(hashes.map(toHex)).toEqual(proof)
    verifyInclusion({ index, size, leafHash: TREE.leaf(LEAVES[index] ?? expect.fail()), hashes, root: hex(ROOTS[size] ?? '') })
  })

  test.each(CONSISTENCY)('consistency of %i with %i', async (oldSize, newSize, proof) => {
    const hashes = await consistencyProof(oldSize, newSize, reference.read)
    expect(hashes.map(toHex)).toEqual(proof)
    verifyConsistency({ oldSize, newSize, hashes, oldRoot: hex(ROOTS[oldSize] ?? ''), newRoot: hex(ROOTS[newSize] ?? '') })
  })
})

/** Every claim that is a proof in all but one thing. */
function wrongInclusions(claim: InclusionClaim): InclusionClaim[] {
  const { index, size, hashes, root, leafHash } = claim
  return [
    ...[index - 1, index + 1, index ^ 2, size - 1 - index].filter((other) => other !== index).map((other) => ({ ...claim, index: other })),
    { ...claim, size: size * 2 },
    ...wrongLists(hashes, [root, leafHash]).map((list) => ({ ...claim, hashes: list })),
    { ...claim, leafHash: flip(leafHash) },
    { ...claim, leafHash: leafHash.slice(1) },
    { ...claim, root: flip(root, 255) },
  ]
}

function wrongLists(hashes: readonly Uint8Array[], strangers: Uint8Array[]): Uint8Array[][] {
  const swapped = hashes
    .slice(1)
    .map((_, at) => hashes.map((hash, place) => (place === at ? hashes[at + 1] : place === at + 1 ? hashes[at] : hash)))
  return [
    ...hashes.map((_, at) => hashes.map((hash, place) => (place === at ? flip(hash, 37) : hash))),
    ...hashes.map((_, at) => hashes.filter((_, place) => place !== at)),
    ...swapped.map((list) => list.filter((hash) => hash !== undefined)),
    ...strangers.flatMap((stranger) => [
      [...hashes, stranger],
      [stranger, ...hashes],
    ]),
    [...hashes, new Uint8Array()],
  ]
}

describe('inclusion', () => {
  test('every leaf of every tree is proven, and no claim that differs in one thing', async () => {
    for (let size = 1; size <= SIZE_MAX; size += 1) {
      const proofs = await inclusionProofs(size, [...Array(size).keys()], log.read)
      for (const [index, hashes] of proofs.entries()) {
        const claim = { index, size, leafHash: leafAt(index), hashes, root: rootAt(size) }
        verifyInclusion(claim)
        for (const wrong of wrongInclusions(claim)) expect(() => verifyInclusion(wrong), JSON.stringify(wrong)).toThrow(PROOF_WRONG)
      }
    }
  })

  test('a node does not pass for a leaf', () => {
    const [left, right] = [leafAt(0), leafAt(1)]
    const pretended = TREE.leaf(Uint8Array.from([...left, ...right]))
    expect(() => verifyInclusion({ index: 0, size: 1, leafHash: pretended, hashes: [], root: rootAt(2) })).toThrow(PROOF_WRONG)
  })

  test('a claim that is no number of a leaf is refused', () => {
    for (const index of [-1, 0.5, Number.NaN, 2 ** 60])
      expect(() => verifyInclusion({ index, size: 4, leafHash: leafAt(0), hashes: [], root: rootAt(4) })).toThrow(PROOF_WRONG)
  })
})

describe('consistency', () => {
  test('every tree is the beginning of every later one, and no claim that differs in one thing is proven', async () => {
    for (let newSize = 1; newSize <= SIZE_MAX; newSize += 1) {
      for (let oldSize = 0; oldSize <= newSize; oldSize += 1) {
        const hashes = await consistencyProof(oldSize, newSize, log.read)
        const claim: ConsistencyClaim = { oldSize, newSize, hashes, oldRoot: rootAt(oldSize), newRoot: rootAt(newSize) }
        verifyConsistency(claim)
        const wrong = [
          ...wrongLists(hashes, [claim.oldRoot, claim.newRoot]).map((list) => ({ ...claim, hashes: list })),
          { ...claim, oldRoot: flip(claim.oldRoot) },
          ...(oldSize === 0
            ? []
            : [
                { ...claim, newRoot: flip(claim.newRoot) },
                { ...claim, oldSize: oldSize - 1 },
                { ...claim, oldSize: newSize + 1 },
              ]),
          ...(oldSize === 0 || oldSize === newSize
            ? []
            : [
                { ...claim, newSize: newSize * 2 },
                { ...claim, oldRoot: claim.newRoot, newRoot: claim.oldRoot },
              ]),
        ]
        for (const one of wrong) expect(() => verifyConsistency(one), `${oldSize} of ${newSize}`).toThrow(PROOF_WRONG)
      }
    }
  })

  test('two logs that parted ways are not proven to be one', async () => {
    const other = new MemoryLog()
    other.append(entries(7))
    other.append(entries(6, 100))
    const hashes = await consistencyProof(9, 13, other.read)
    expect(() => verifyConsistency({ oldSize: 9, newSize: 13, hashes, oldRoot: rootAt(9), newRoot: other.root })).toThrow(PROOF_WRONG)
  })
})

test('a run of leaves is covered by the fewest perfect subtrees, whatever its place', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 50 }), fc.integer({ min: 0, max: 2 ** 50 }), (from, length) => {
      const nodes = rangeNodes(from, from + length)
      let at = from
      for (const { level, index } of nodes) {
        expect(index * 2 ** level).toBe(at)
        at += 2 ** level
      }
      expect(at).toBe(from + length)
      // No two neighbours are siblings: they would be one node.
      for (const [place, { level, index }] of nodes.entries()) {
        const next = nodes[place + 1]
        expect(next?.level === level && index % 2 === 0).toBe(false)
      }
      expect(nodes.length).toBeLessThanOrEqual(2 * 51)
    }),
  )
})

test('a run that grows leaf by leaf is known by those subtrees, from wherever it begins', () => {
  for (let from = 0; from <= SIZE_MAX; from += 1) {
    const range = new CompactRange(from, TREE)
    for (let to = from; to < SIZE_MAX; to += 1) {
      range.push(0, leafAt(to))
      const nodes = rangeNodes(from, to + 1).map(({ level, index }) =>
        naiveRoot(log.leafHashes.slice(index * 2 ** level, (index + 1) * 2 ** level)),
      )
      expect(range.hashes.map(toHex)).toEqual(nodes.map(toHex))
    }
    if (from > 0) expect(() => range.root()).toThrow('OUT_OF_RANGE')
  }
  expect(() => new CompactRange(1, TREE).push(1, leafAt(0))).toThrow('OUT_OF_RANGE')
})

test('another SHA-256 gives the same tree', () => {
  const tree = createTreeHash((bytes) => createHash('sha256').update(bytes).digest())
  const hashes = entries(5).map((entry) => tree.leaf(entry))
  expect(
    toHex(
      foldNodes(
        [
          tree.node(
            tree.node(hashes[0] ?? TREE.empty, hashes[1] ?? TREE.empty),
            tree.node(hashes[2] ?? TREE.empty, hashes[3] ?? TREE.empty),
          ),
          hashes[4] ?? TREE.empty,
        ],
        tree,
      ),
    ),
  ).toBe(toHex(rootAt(5)))
  expect(() => tree.node(TREE.empty.slice(1), TREE.empty)).toThrow('OUT_OF_RANGE')
})
