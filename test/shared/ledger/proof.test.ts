import { describe, expect, test } from 'vitest'
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { formatConsistencyProof, parseConsistencyProof } from '../../../shared/ledger/consistency-proof.ts'
import { parseNote, signNote } from '../../../shared/ledger/note.ts'
import { signerOf, verifierOf } from '../../../shared/ledger/note-keys.ts'
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../../shared/ledger/proof.ts'
import { formatRangeProof, parseRangeProof, verifyRangeProof } from '../../../shared/ledger/range-proof.ts'
import { consistencyProof, inclusionProofs, rangeProof, rootAt } from '../../../shared/ledger/tiles.ts'
import { TREE } from '../../../shared/ledger/tree-hash.ts'
import { KEYS, ORIGIN, VKEYS } from '../../support/ledger-keys.ts'
import { entries, flip, MemoryLog } from '../../support/ledger-log.ts'

const SIZE = 23
const log = new MemoryLog()
log.append(entries(SIZE))
const signer = signerOf(KEYS.first)
const verifiers = [verifierOf(VKEYS.first)]
const checkpointAt = async (size: number, origin = ORIGIN) =>
  signCheckpoint({ origin, size, root: await rootAt(size, log.read), extensions: [] }, [signer])
const leafAt = (index: number) => log.leafHashes[index] ?? expect.fail()
const EXAMPLE =
  'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
  '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n'

describe('a checkpoint', () => {
  test('is read as in the example of the specification, and written with the same bytes', () => {
    const { text } = parseNote(EXAMPLE)
    const checkpoint = parseCheckpoint(text)
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163, extensions: [] })
    expect(formatCheckpoint(checkpoint)).toBe(text)
    const extended = `${text}one line\nanother\n`
    expect(parseCheckpoint(extended).extensions).toEqual(['one line', 'another'])
    expect(formatCheckpoint(parseCheckpoint(extended))).toBe(extended)
  })

  test.each([
    ['an origin alone', 'log\n'],
    ['no origin', '\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'],
    ['a size with a leading zero', 'log\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'],
    ['a negative size', 'log\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'],
    ['a size that no number holds', 'log\n9007199254740993\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'],
    ['a root of 31 bytes', 'log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n'],
    ['a root in another spelling', 'log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n'],
    ['no newline at the end', 'log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='],
    ['an empty extension', 'log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n'],
    ['an empty tree with a root', 'log\n0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'],
  ])('is refused with %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow('CHECKPOINT_MALFORMED')
  })

  test('counts only for its log and under its key', async () => {
    const note = await checkpointAt(5)
    expect(openCheckpoint(note, ORIGIN, verifiers)).toMatchObject({ size: 5, root: await rootAt(5, log.read) })
    expect(() => openCheckpoint(note, 'greffier.example/other', verifiers)).toThrow('ORIGIN_WRONG')
    expect(() => openCheckpoint(note, ORIGIN, [verifierOf(VKEYS.stranger)])).toThrow('NOTE_UNSIGNED')
    await expect(checkpointAt(5, 'a\nb')).rejects.toThrow('CHECKPOINT_MALFORMED')
  })
})

describe('tlog-proof@v1', () => {
  const proofOf = async (index: number, extra: Uint8Array | null = null) => {
    const [hashes = []] = await inclusionProofs(SIZE, [index], log.read)
    return formatTlogProof({ index, hashes, checkpoint: await checkpointAt(SIZE), extra })
  }
  const claim = (index: number) => ({ leafHash: leafAt(index), origin: ORIGIN, verifiers })

  test('is read as in the example of the specification', () => {
    const example =
      'c2sp.org/tlog-proof@v1\nextra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\nindex 73894\n' +
      'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n' +
      'EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\nRoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n' +
      'AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n\nexample.com/fancylog\n109482\n' +
      'sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— example.com/fancylog hI2DJwroloI=\n'
    const read = parseTlogProof(example)
    expect(read.index).toBe(73894)
    expect(new TextDecoder().decode(read.extra ?? undefined)).toMatch(/^age-v1\.2\.1-darwin-arm64\.tar\.gz/)
    expect(formatTlogProof(read)).toBe(example)
    expect(read.hashes.length).toBe(5)
    expect(parseCheckpoint(parseNote(read.checkpoint).text).size).toBe(109482)
  })

  test('proves every leaf and nothing else, with and without extra data', async () => {
    for (let index = 0; index < SIZE; index += 1) {
      const proof = await proofOf(index, index % 2 === 0 ? null : Uint8Array.of(index))
      expect(verifyTlogProof(proof, claim(index))).toMatchObject({ index, checkpoint: { size: SIZE } })
      expect(formatTlogProof(parseTlogProof(proof))).toBe(proof)
      expect(() => verifyTlogProof(proof, claim((index + 1) % SIZE))).toThrow('PROOF_WRONG')
      expect(() => verifyTlogProof(proof.replace(`index ${index}`, `index ${(index + 1) % SIZE}`), claim(index))).toThrow('PROOF_WRONG')
    }
  })

  test('with any byte changed is not verified', async () => {
    const proof = await proofOf(7)
    for (let at = 0; at < proof.length; at += 1) {
      const changed = `${proof.slice(0, at)}${proof[at] === 'A' ? 'B' : 'A'}${proof.slice(at + 1)}`
      expect(() => verifyTlogProof(changed, claim(7)), `character ${at}`).toThrow(/_(MALFORMED|WRONG|UNSIGNED):/)
    }
  })

  test.each([
    ['another first line', 'wrong-header\nindex 0\n\ncheckpoint\n'],
    ['extra data that is no base64', 'c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n'],
    ['no index', 'c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n'],
    ['extra data after the index', 'c2sp.org/tlog-proof@v1\nindex 0\nextra YWdl\n\ncheckpoint\n'],
    ['two indices', 'c2sp.org/tlog-proof@v1\nindex 0\nindex 0\n\ncheckpoint\n'],
    ['an index that is no number', 'c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n'],
    ['a negative index', 'c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n'],
    ['a hash that is no base64', 'c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n'],
    ['a hash of 64 bytes', `c2sp.org/tlog-proof@v1\nindex 0\n${btoa('\0'.repeat(64))}\n\ncheckpoint\n`],
    ['107 hashes', `c2sp.org/tlog-proof@v1\nindex 0\n${`${btoa('\0'.repeat(32))}\n`.repeat(107)}\ncheckpoint\n`],
  ])('is refused with %s', (_, proof) => {
    expect(() => parseTlogProof(proof)).toThrow('PROOF_MALFORMED')
  })
})

describe('a range proof', () => {
  const proofOf = async (from: number, to: number, size: number) =>
    formatRangeProof({ from, to, hashes: await rangeProof(size, { from, to }, log.read), checkpoint: await checkpointAt(size) })
  const claim = (leafHashes: readonly Uint8Array[]) => ({ leafHashes, origin: ORIGIN, verifiers })

  test('proves every run of leaves of small trees, and no run that differs from it', async () => {
    for (const size of [0, 1, 2, 7, 8, 11]) {
      for (let from = 0; from <= size; from += 1) {
        for (let to = from; to <= size; to += 1) {
          const proof = await proofOf(from, to, size)
          const run = log.leafHashes.slice(from, to)
          expect(verifyRangeProof(proof, claim(run))).toMatchObject({ from, to })
          const wrong = [
            [...run, TREE.leaf(new Uint8Array())],
            ...run.map((_, at) => run.filter((__, place) => place !== at)),
            ...run.map((_, at) => run.map((hash, place) => (place === at ? flip(hash) : hash))),
            ...run.slice(1).map((_, at) => [...run.slice(0, at), leafAt(from + at + 1), leafAt(from + at), ...run.slice(at + 2)]),
          ]
          for (const leaves of wrong)
            expect(() => verifyRangeProof(proof, claim(leaves)), `${from}-${to} of ${size}`).toThrow('PROOF_WRONG')
        }
      }
    }
  }, 120_000)

  test('ends at its last leaf, however many follow', async () => {
    const endless = (function* () {
      for (;;) yield leafAt(0)
    })()
    const proof = await proofOf(0, 2, 4)
    expect(() => verifyRangeProof(proof, { leafHashes: endless, origin: ORIGIN, verifiers })).toThrow('PROOF_WRONG')
  })

  test('holds at most two hashes for each doubling of the log', async () => {
    const large = new MemoryLog()
    large.append(entries(20_000))
    expect((await rangeProof(20_000, { from: 9_999, to: 10_002 }, large.read)).length).toBeLessThanOrEqual(2 * 15)
  })

  test('is refused with a hash more, less, changed or moved, or for another range', async () => {
    const proof = parseRangeProof(await proofOf(5, 9, SIZE))
    const run = log.leafHashes.slice(5, 9)
    const [first = TREE.empty, second = TREE.empty, ...more] = proof.hashes
    const wrong = [
      { ...proof, hashes: [...proof.hashes, first] },
      { ...proof, hashes: proof.hashes.slice(1) },
      { ...proof, hashes: [second, first, ...more] },
      { ...proof, hashes: proof.hashes.map((hash, at) => (at === 3 ? flip(hash) : hash)) },
      { ...proof, from: 6, to: 10 },
      { ...proof, to: 8 },
      { ...proof, to: SIZE + 1 },
    ]
    for (const one of wrong) expect(() => verifyRangeProof(formatRangeProof(one), claim(run))).toThrow('PROOF_WRONG')
    expect(() => parseRangeProof(formatRangeProof({ ...proof, from: 10 }))).toThrow('PROOF_MALFORMED')
    expect(() => parseRangeProof(formatRangeProof(proof).replace('range 5', 'range 05'))).toThrow('PROOF_MALFORMED')
  })
})

test('a consistency proof is read as it was written, and nothing else is read', async () => {
  const proof = { newSize: SIZE, hashes: await consistencyProof(9, SIZE, log.read), checkpoint: await checkpointAt(9) }
  const text = formatConsistencyProof(proof)
  expect(parseConsistencyProof(text)).toEqual(proof)
  for (const wrong of [text.replace('/1', '/2'), text.replace('new-size', 'size'), text.replace(`new-size ${SIZE}`, 'new-size 0x17')])
    expect(() => parseConsistencyProof(wrong)).toThrow('PROOF_MALFORMED')
  expect(() => formatConsistencyProof({ ...proof, checkpoint: 'not a note' })).toThrow('NOTE_MALFORMED')
  expect(await signNote('a note\n', [signer])).toContain('a note')
})
