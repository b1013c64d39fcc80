import { describe, expect, test } from 'vitest'
import { openCheckpoint, signCheckpoint } from '../../../shared/ledger/checkpoint.ts'
import { type KeyRotation, signRotation, verifiersAt, verifyKeyChain } from '../../../shared/ledger/key-rotation.ts'
import { formatSigningKey, signerOf, verifierKeyOf } from '../../../shared/ledger/note-keys.ts'
import { TREE } from '../../../shared/ledger/tree-hash.ts'
import { ORIGIN } from '../../support/ledger-keys.ts'

const KEYS = [1, 2, 3].map((byte) => formatSigningKey(ORIGIN, new Uint8Array(32).fill(byte)))
const skey = (at: number) => KEYS[at] ?? expect.fail(`no key ${at}`)
const vkey = (at: number) => verifierKeyOf(skey(at))
const root = TREE.leaf(new Uint8Array())
const rotate = (from: number, to: number, size: number, change: Partial<KeyRotation> = {}, by = [from, to]) =>
  signRotation(
    { origin: ORIGIN, size, root, oldKey: vkey(from), newKey: vkey(to), ...change },
    { old: signerOf(skey(by[0] ?? 0)), new: signerOf(skey(by[1] ?? 0)) },
  )
const [toSecond, toThird] = await Promise.all([rotate(0, 1, 10), rotate(1, 2, 25)])

describe('a chain of keys', () => {
  test.each([0, 1, 2])('is the same whichever of its keys was pinned: %i', (pinned) => {
    const { keys } = verifyKeyChain(vkey(pinned), [toSecond, toThird], ORIGIN)
    expect(keys.map(({ vkey: text, fromSize }) => [text, fromSize])).toEqual([
      [vkey(0), 0],
      [vkey(1), 10],
      [vkey(2), 25],
    ])
  })

  test('lets each key sign only the trees of its time, and both at the exchange', async () => {
    const chain = verifyKeyChain(vkey(0), [toSecond, toThird], ORIGIN)
    const signersOf: [size: number, keys: number[]][] = [
      [1, [0]],
      [9, [0]],
      [10, [0, 1]],
      [11, [1]],
      [25, [1, 2]],
      [1_000, [2]],
    ]
    for (const [size, allowed] of signersOf) {
      for (const at of [0, 1, 2]) {
        const note = await signCheckpoint({ origin: ORIGIN, size, root, extensions: [] }, [signerOf(skey(at))])
        const open = () => openCheckpoint(note, ORIGIN, verifiersAt(chain, size))
        if (allowed.includes(at)) expect(open().size).toBe(size)
        else expect(open, `key ${at} at ${size}`).toThrow('NOTE_UNSIGNED')
      }
    }
  })

  test('without an exchange is the pinned key alone', () => {
    expect(verifiersAt(verifyKeyChain(vkey(1), [], ORIGIN), 5).map(({ keyId }) => keyId)).toEqual([vkey(1).split('+')[1]])
  })

  test('is refused where a statement is left out, put in another order, of another log, or of a smaller tree', async () => {
    for (const notes of [[toThird], [toThird, toSecond], [toSecond, toSecond]])
      expect(() => verifyKeyChain(vkey(0), notes, ORIGIN)).toThrow('ROTATION_WRONG')
    expect(() => verifyKeyChain(vkey(0), [toSecond], 'greffier.example/other')).toThrow('ROTATION_WRONG')
    const earlier = await rotate(1, 2, 9)
    expect(() => verifyKeyChain(vkey(0), [toSecond, earlier], ORIGIN)).toThrow('ROTATION_WRONG')
    const back = await rotate(1, 0, 30)
    expect(() => verifyKeyChain(vkey(0), [toSecond, back], ORIGIN)).toThrow('ROTATION_WRONG')
  })

  test('needs the signatures of both keys', async () => {
    const [text = ''] = toSecond.split('\n\n')
    const lines = toSecond.slice(text.length + 2).split(/(?<=\n)/)
    for (const kept of lines) expect(() => verifyKeyChain(vkey(0), [`${text}\n\n${kept}`], ORIGIN)).toThrow('ROTATION_WRONG')
    for (const by of [
      [2, 1],
      [0, 2],
    ]) {
      const forged = await rotate(0, 1, 10, {}, by)
      expect(() => verifyKeyChain(vkey(0), [forged], ORIGIN)).toThrow('ROTATION_WRONG')
    }
  })

  test('with any byte of a statement changed is refused', () => {
    for (let at = 0; at < toSecond.length; at += 3) {
      const changed = `${toSecond.slice(0, at)}${toSecond[at] === 'A' ? 'B' : 'A'}${toSecond.slice(at + 1)}`
      expect(() => verifyKeyChain(vkey(0), [changed], ORIGIN), `character ${at}`).toThrow(/_(MALFORMED|WRONG):/)
    }
  })

  test('is never signed as something else than a statement', async () => {
    await expect(rotate(0, 1, 10, { origin: 'a\nb' })).rejects.toThrow('ROTATION_MALFORMED')
    await expect(rotate(0, 0, 10)).rejects.toThrow('ROTATION_MALFORMED')
    await expect(rotate(0, 1, 10, { newKey: 'no key' })).rejects.toThrow('KEY_MALFORMED')
  })
})
