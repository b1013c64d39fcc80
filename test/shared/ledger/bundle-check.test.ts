import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openLeafHashing } from '../../../shared/blobs/leaf-hashing.ts'
import { EVENTS, LEAVES, MANIFEST, RANGE_PROOF } from '../../../shared/ledger/bundle.ts'
import { type BundleVerdict, checkBundle } from '../../../shared/ledger/bundle-check.ts'
import { canonicalBytes } from '../../../shared/ledger/canonical.ts'
import { signCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { signerOf } from '../../../shared/ledger/note-keys.ts'
import { NOBLE } from '../../../shared/ledger/primitives.ts'
import { TREE } from '../../../shared/ledger/tree-hash.ts'
import { type BundleParts, bytesOf, eventAt, linesOf, makeBundle, seal, sourceOf } from '../../support/ledger-bundle.ts'
import { KEYS, ORIGIN, VKEYS } from '../../support/ledger-keys.ts'
import { entries, flip, MemoryLog } from '../../support/ledger-log.ts'

const PINS = { vkey: VKEYS.first }
const check = (files: BundleParts, pins: Parameters<typeof checkBundle>[1] = PINS) => checkBundle(sourceOf(files), pins)
const changed = (files: BundleParts, path: string, content: Uint8Array | string) =>
  new Map(files).set(path, typeof content === 'string' ? bytesOf(content) : content)
const without = (files: BundleParts, path: string) => new Map([...files].filter(([name]) => name !== path))
const codes = ({ problems }: BundleVerdict) => problems.map(({ code, path, leaf }) => `${code} ${path}${leaf === null ? '' : ` ${leaf}`}`)
const idAt = (leaf: number) => eventAt(leaf).event_id

const whole = await makeBundle({ size: 40, earlier: [13, 32], proven: [0, 7, 39] })
const part = await makeBundle({ size: 100, from: 37, to: 71, earlier: [20, 80], proven: [50] })
const rotated = await makeBundle({ size: 60, from: 30, to: 60, earlier: [20], rotatedAt: 45 })
/** Several batches of what is hashed together. */
const long = await makeBundle({ size: 30_000 })

describe('a whole bundle', () => {
  test.each([
    ['of a whole log', whole, 0, 40],
    ['of a run of its leaves', part, 37, 71],
    ['of a log whose key was exchanged', rotated, 30, 60],
  ])('%s', async (_, { files }, from, to) => {
    expect(await check(files)).toMatchObject({ status: 'whole', problems: [], origin: ORIGIN, from, to, events: to - from, more: 0 })
  })

  test('whose reader pinned the key that came later', async () => {
    expect(await check(rotated.files, { vkey: VKEYS.second })).toMatchObject({ status: 'whole' })
  })

  test('of a log without events, and of no leaves of a log with some', async () => {
    for (const size of [0, 5])
      expect(await check((await makeBundle({ size, from: 0, to: 0 })).files)).toMatchObject({ status: 'whole', events: 0 })
  })

  test('of twenty thousand files, whose manifest is longer than other notes may be', async () => {
    const { files, log } = await makeBundle({ size: 3 })
    for (let at = 0; at < 20_000; at += 1) files.set(`attachments/${at}`, bytesOf(String(at)))
    await seal(files, { size: 3, root: log.root, from: 0, to: 3 }, signerOf(KEYS.first))
    expect(files.get(MANIFEST)?.length).toBeGreaterThan(1_000_000)
    expect(await checkBundle(sourceOf(files, 65_536), PINS)).toMatchObject({ status: 'whole' })
  })

  test('whose events are hashed in another thread, in chunks of any size, and not where that thread has ended', async () => {
    const hashing = openLeafHashing()
    for (const { files } of [whole, part, rotated])
      for (const chunkBytes of [31, 4_096])
        expect(await checkBundle(sourceOf(files, chunkBytes), PINS, hashing.primitives)).toEqual(await check(files))
    const removed = changed(whole.files, EVENTS, (whole.files.get(EVENTS) ?? new Uint8Array()).slice(200))
    expect(await checkBundle(sourceOf(removed), PINS, hashing.primitives)).toEqual(await check(removed))
    const interrupted = checkBundle(sourceOf(long.files, 4_096), PINS, hashing.primitives)
    await hashing.close()
    await expect(interrupted).rejects.toThrow('the thread that hashes has ended')
    await expect(checkBundle(sourceOf(whole.files), PINS, hashing.primitives)).rejects.toThrow('the thread that hashes has ended')
  })

  test('of many batches of events, hashed in either thread', async () => {
    const hashing = openLeafHashing()
    for (const primitives of [hashing.primitives, NOBLE])
      expect(await checkBundle(sourceOf(long.files, 65_536), PINS, primitives)).toMatchObject({ status: 'whole', events: 30_000 })
    await hashing.close()
  })

  test('with other primitives and chunks of any size', async () => {
    const primitives = {
      ...NOBLE,
      sha256: (bytes: Uint8Array) => createHash('sha256').update(bytes).digest(),
      createSha256: () => createHash('sha256'),
    }
    for (const chunkBytes of [1, 31, 4_096, 1_000_000])
      expect(await checkBundle(sourceOf(whole.files, chunkBytes), PINS, primitives)).toMatchObject({ status: 'whole' })
  })
})

describe('any byte of any file', () => {
  const cases = [...[whole, part, rotated].flatMap(({ files }) => [...files.keys()].map((path) => ({ files, path })))]
  test('changed, taken away or added is caught', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cases),
        fc.nat(),
        fc.nat(7),
        fc.constantFrom('flip', 'cut', 'add', 'truncate'),
        async (one, place, bit, how) => {
          const content = [...(one.files.get(one.path) ?? [])]
          const at = place % content.length
          const byte = content[at] ?? 0
          if (how === 'flip') content[at] = byte ^ (1 << bit)
          if (how === 'cut') content.splice(at, 1)
          if (how === 'add') content.splice(at, 0, byte)
          if (how === 'truncate') content.length = at
          const verdict = await check(changed(one.files, one.path, Uint8Array.from(content)))
          expect(verdict.status).toBe('tampered')
        },
      ),
      { numRuns: 300 },
    )
  }, 180_000)

  test('the last newline of the events, which no leaf holds, is one of them', async () => {
    const events = whole.files.get(EVENTS) ?? new Uint8Array()
    expect((await check(changed(whole.files, EVENTS, events.slice(0, -1)))).problems).toMatchObject([
      { code: 'FILE_CHANGED', path: EVENTS },
    ])
  })

  test('missing is incomplete, and says which file', async () => {
    for (const { files, path } of cases.filter((one) => one.path !== 'rotations/0')) {
      const verdict = await check(without(files, path))
      expect(verdict.status, path).toBe('incomplete')
      expect(codes(verdict)).toContain(`FILE_MISSING ${path}`)
    }
  })

  test('named twice by an archive is refused', async () => {
    const source = sourceOf(whole.files)
    const twice = { ...source, paths: async () => [...whole.files.keys(), EVENTS] }
    expect(codes(await checkBundle(twice, PINS))).toEqual(['FILE_ADDED events.jsonl'])
  })

  test('put beside the others is named', async () => {
    expect(codes(await check(changed(whole.files, 'extra.txt', 'more')))).toEqual(['FILE_ADDED extra.txt'])
  })
})

describe('events', () => {
  const lines = whole.events
  const tamper = async (edit: (events: Uint8Array[]) => Uint8Array[]) => {
    const verdict = await check(changed(whole.files, EVENTS, linesOf(edit([...lines]))))
    expect(verdict.status).toBe('tampered')
    expect(codes(verdict)).toContain('FILE_CHANGED events.jsonl')
    return verdict.problems.filter(({ code }) => code.startsWith('EVENT_'))
  }
  const forged = canonicalBytes(eventAt(999))

  test('changed: the leaf, the event and the one before it are named', async () => {
    const edited = canonicalBytes(eventAt(17, { operation: 'Erase' }))
    expect(await tamper((events) => events.with(17, edited))).toEqual([
      {
        code: 'EVENT_CHANGED',
        path: EVENTS,
        leaf: 17,
        event_id: idAt(17),
        what: `leaf 17, after event ${idAt(16)}, is not what was logged`,
      },
    ])
  })

  test.each([0, 20, 39])('removed: leaf %i', async (leaf) => {
    const problems = await tamper((events) => events.toSpliced(leaf, 1))
    expect(problems).toMatchObject([{ code: 'EVENT_REMOVED', leaf, event_id: null }])
    expect(problems[0]?.what).toContain(leaf === 0 ? 'before every other event' : idAt(leaf - 1))
  })

  test('removed in a row', async () => {
    expect(await tamper((events) => events.toSpliced(10, 5))).toMatchObject(
      [10, 11, 12, 13, 14].map((leaf) => ({ code: 'EVENT_REMOVED', leaf })),
    )
  })

  test.each([0, 20, 40])('added where leaf %i belongs', async (leaf) => {
    expect(await tamper((events) => events.toSpliced(leaf, 0, forged))).toMatchObject([{ code: 'EVENT_ADDED', leaf, event_id: idAt(999) }])
  })

  test('repeated', async () => {
    expect(await tamper((events) => events.toSpliced(20, 0, lines[5] ?? forged))).toMatchObject([
      { code: 'EVENT_ADDED', leaf: 20, event_id: idAt(5) },
    ])
  })

  test('in another order', async () => {
    const swapped = await tamper((events) => events.with(8, lines[9] ?? forged).with(9, lines[8] ?? forged))
    expect(swapped).toMatchObject([{ code: 'EVENT_MOVED', event_id: idAt(8) }])
    const far = await tamper((events) => events.with(3, lines[30] ?? forged).with(30, lines[3] ?? forged))
    expect(far).toMatchObject([
      { code: 'EVENT_MOVED', leaf: 3, event_id: idAt(3) },
      { code: 'EVENT_MOVED', leaf: 30, event_id: idAt(30) },
    ])
    const last = await tamper((events) => [...events.slice(1), lines[0] ?? forged])
    expect(last).toMatchObject([{ code: 'EVENT_MOVED', leaf: 0, event_id: idAt(0) }])
  })

  test('several at once are each named', async () => {
    const problems = await tamper((events) => events.toSpliced(35, 1).toSpliced(25, 0, forged).with(12, forged))
    expect(problems.map(({ code, leaf }) => [code, leaf])).toEqual([
      ['EVENT_CHANGED', 12],
      ['EVENT_ADDED', 25],
      ['EVENT_REMOVED', 35],
    ])
  })

  test('that are no events, too long or none at all', async () => {
    expect(await tamper((events) => events.with(4, bytesOf('no json')))).toMatchObject([{ code: 'EVENT_CHANGED', leaf: 4, event_id: null }])
    expect(await tamper((events) => events.with(4, new Uint8Array(200_000).fill(65)))).toMatchObject([{ code: 'EVENT_CHANGED', leaf: 4 }])
    expect(await tamper(() => [])).toHaveLength(40)
  })

  test('of a bundle signed anew by another key, or resealed without the log’s, are not trusted', async () => {
    const files = changed(whole.files, EVENTS, linesOf(lines.toSpliced(5, 1)))
    await seal(files, { size: 40, root: whole.log.root, from: 0, to: 40 }, signerOf(KEYS.stranger))
    const verdict = await check(files)
    expect(verdict.status).toBe('tampered')
    expect(codes(verdict)).toEqual(['NOTE_UNSIGNED bundle.note', 'ROOT_WRONG events.jsonl', 'EVENT_REMOVED events.jsonl 5'])
  })

  test('resealed even by the log’s key do not lead to the root', async () => {
    const files = changed(whole.files, EVENTS, linesOf(lines.toSpliced(5, 1)))
    files.set(LEAVES, Buffer.concat(whole.log.leafHashes.toSpliced(5, 1)))
    await seal(files, { size: 40, root: whole.log.root, from: 0, to: 40 }, signerOf(KEYS.first))
    expect(codes(await check(files))).toEqual(['ROOT_WRONG leaves', 'ROOT_WRONG events.jsonl'])
  })

  test('with bytes behind the last leaf hash are refused, even signed by the log’s key', async () => {
    const files = changed(whole.files, LEAVES, Buffer.concat([...whole.log.leafHashes, Uint8Array.of(1, 2, 3)]))
    await seal(files, { size: 40, root: whole.log.root, from: 0, to: 40 }, signerOf(KEYS.first))
    expect(await check(files)).toMatchObject({ status: 'tampered', problems: [{ code: 'ROOT_WRONG', path: LEAVES }, {}] })
  })

  test('are right where only the list of their hashes was changed', async () => {
    const leaves = Buffer.concat(whole.log.leafHashes.map((hash, at) => (at === 6 ? flip(hash) : hash)))
    const verdict = await check(changed(whole.files, LEAVES, leaves))
    expect(codes(verdict)).toEqual(['ROOT_WRONG leaves', 'FILE_CHANGED leaves 6', 'FILE_CHANGED leaves'])
  })

  test('without the list are still held to the root', async () => {
    expect(codes(await check(without(whole.files, LEAVES)))).not.toContain('ROOT_WRONG events.jsonl')
    const edited = changed(without(whole.files, LEAVES), EVENTS, linesOf(lines.toSpliced(5, 1)))
    expect(codes(await check(edited))).toContain('ROOT_WRONG events.jsonl')
  })

  test('of a long log: memory and the list of problems have a bound', async () => {
    const size = 5_000
    const long = await makeBundle({ size })
    const other = Array.from({ length: size }, (_, leaf) => canonicalBytes(eventAt(leaf, { step: 'other' })))
    const verdict = await check(changed(long.files, EVENTS, linesOf(other)))
    expect(verdict).toMatchObject({ status: 'tampered', events: size })
    expect(verdict.problems.length).toBeLessThanOrEqual(1_000)
    expect(verdict.problems.length + verdict.more).toBeGreaterThanOrEqual(size)
    const removed = await check(changed(long.files, EVENTS, linesOf(long.events.toSpliced(2_000, 400))))
    expect(removed.problems.filter(({ leaf }) => leaf !== null).map(({ code, leaf }) => [code, leaf])).toEqual(
      Array.from({ length: 400 }, (_, at) => ['EVENT_REMOVED', 2_000 + at]),
    )
    const half = await check(changed(long.files, EVENTS, linesOf(long.events.toSpliced(2_000, 2_500))))
    expect(half.problems.every(({ code }) => ['EVENT_REMOVED', 'ROOT_WRONG'].includes(code))).toBe(true)
    // With the file itself and the root: each of the 2,500 leaves is told or counted, and none of those behind them.
    expect(half.problems.length + half.more).toBe(2_500 + 2)
  })
})

describe('the history', () => {
  const other = new MemoryLog()
  other.append([...entries(3), ...whole.events.slice(3)])
  const foreign = (size: number, key = KEYS.first) => {
    const rewritten = new MemoryLog()
    rewritten.append([...entries(3), ...whole.events.slice(3, size)])
    return signCheckpoint({ origin: ORIGIN, size, root: rewritten.root, extensions: [] }, [signerOf(key)])
  }

  test('is whole with a checkpoint that the reader kept, wherever it lies', async () => {
    for (const size of [0, 1, 13, 21, 40])
      expect(await check(whole.files, { ...PINS, knownCheckpoint: await whole.checkpointAt(size) }), `${size}`).toMatchObject({
        status: 'whole',
      })
    for (const size of [20, 37, 55, 71, 80, 100])
      expect(await check(part.files, { ...PINS, knownCheckpoint: await part.checkpointAt(size) }), `${size}`).toMatchObject({
        status: 'whole',
      })
  })

  test('is incomplete where nothing leads from the kept checkpoint to the bundle', async () => {
    for (const size of [19, 36, 72, 99]) {
      const verdict = await check(part.files, { ...PINS, knownCheckpoint: await part.checkpointAt(size) })
      expect(verdict.status).toBe('incomplete')
      expect(codes(verdict)).toEqual(['UNPROVEN the known checkpoint'])
    }
    const later = await makeBundle({ size: 50 })
    expect((await check(whole.files, { ...PINS, knownCheckpoint: await later.checkpointAt(50) })).status).toBe('incomplete')
  })

  test('that was rewritten is caught by a kept checkpoint', async () => {
    for (const size of [5, 13, 40]) {
      const verdict = await check(whole.files, { ...PINS, knownCheckpoint: await foreign(size) })
      expect(codes(verdict)).toEqual(['HISTORY_WRONG the known checkpoint'])
      expect(verdict.status).toBe('tampered')
    }
    const unsigned = await check(whole.files, { ...PINS, knownCheckpoint: await foreign(13, KEYS.stranger) })
    expect(codes(unsigned)).toEqual(['NOTE_UNSIGNED the known checkpoint'])
  })

  test('is held to key exchanges: their tree must be a beginning of the log', async () => {
    const early = await makeBundle({ size: 60, from: 50, to: 60, rotatedAt: 45 })
    expect(codes(await check(early.files))).toEqual(['UNPROVEN rotations/0'])
    const proven = await makeBundle({ size: 60, from: 50, to: 60, rotatedAt: 45, earlier: [45] })
    expect(await check(proven.files)).toMatchObject({ status: 'whole' })
  })
})

describe('what is pinned', () => {
  test('decides: another key, another log, a broken key', async () => {
    const stranger = await check(whole.files, { vkey: VKEYS.stranger })
    expect(stranger).toMatchObject({ status: 'tampered', size: null })
    expect(codes(stranger)).toEqual(['FILE_CHANGED log.vkey', 'NOTE_UNSIGNED bundle.note', 'NOTE_UNSIGNED checkpoint'])
    expect(codes(await check(whole.files, { ...PINS, origin: 'greffier.example/other' }))).toContain('ORIGIN_WRONG bundle.note')
    await expect(check(whole.files, { vkey: 'no key' })).rejects.toThrow('KEY_MALFORMED')
  })

  test('files of two bundles are not mixed', async () => {
    const longer = await makeBundle({ size: 41 })
    const mixed = changed(whole.files, 'checkpoint', longer.files.get('checkpoint') ?? '')
    expect(codes(await check(mixed))).toContain('ROOT_WRONG checkpoint')
    const range = changed(whole.files, RANGE_PROOF, part.files.get(RANGE_PROOF) ?? '')
    expect(codes(await check(range))).toContain('PROOF_WRONG range-proof')
    const manifest = changed(whole.files, MANIFEST, longer.files.get(MANIFEST) ?? '')
    expect((await check(manifest)).status).toBe('tampered')
  })

  test('a second signature on the manifest, which nobody would check, is refused', async () => {
    const note = new TextDecoder().decode(whole.files.get(MANIFEST))
    const verdict = await check(changed(whole.files, MANIFEST, `${note}— someone.example AAAAAAA=\n`))
    expect(codes(verdict)).toEqual(['BUNDLE_MALFORMED bundle.note'])
  })

  test('a file of rules that is not what its name is the hash of is refused even when it is signed', async () => {
    const { files, log } = await makeBundle({ size: 3 })
    const enclosing = async (rules: string, hashed: string) => {
      const path = `rules/policy-${createHash('sha256').update(hashed).digest('hex')}.yaml`
      const more = new Map(files).set(path, bytesOf(rules))
      await seal(more, { size: 3, root: log.root, from: 0, to: 3 }, signerOf(KEYS.first))
      return [path, await check(more)] as const
    }
    expect((await enclosing('allow: false', 'allow: false'))[1]).toMatchObject({ status: 'whole' })
    const [path, verdict] = await enclosing('allow: true', 'allow: false')
    expect(verdict).toMatchObject({ status: 'tampered', problems: [{ code: 'FILE_CHANGED', path }] })
  })

  test('a proof of a leaf that is not in the bundle, or of another leaf, is refused even when it is signed', async () => {
    const files = new Map(whole.files)
    files.set('proofs/3', files.get('proofs/7') ?? new Uint8Array())
    await seal(files, { size: 40, root: whole.log.root, from: 0, to: 40 }, signerOf(KEYS.first))
    expect(codes(await check(files))).toEqual(['PROOF_WRONG proofs/3'])
  })
})

test('a leaf hash is that of the bytes of a line', () => {
  expect(TREE.leaf(whole.events[0] ?? new Uint8Array())).toEqual(whole.log.leafHashes[0])
})
