import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openNote, parseNote, signNote } from '../../../shared/ledger/note.ts'
import { formatSigningKey, formatVerifierKey, signerOf, verifierKeyOf, verifierOf } from '../../../shared/ledger/note-keys.ts'

// The vectors of golang.org/x/mod/sumdb/note (note_test.go).
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const PETER_PRIVATE = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
const ENOCH = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const PETER_LINE = '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const ENOCH_LINE = '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n'
const both = `${TEXT}\n${PETER_LINE}${ENOCH_LINE}`
const names = (signers: { name: string }[]) => signers.map(({ name }) => name)
/** Each character once replaced by the next one. */
const bumped = (text: string) =>
  Array.from(text, (_, at) => text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) + 1) + text.slice(at + 1))
const pieces = (text: string) =>
  Array.from(text, (_, from) => Array.from(text.slice(from), (__, length) => text.slice(from, from + length + 1)))
    .flat()
    .filter((piece) => piece !== text)

describe('keys', () => {
  test('read the published verifier key, and no piece of it and none that differs in a character', () => {
    expect(verifierOf(PETER)).toMatchObject({ name: 'PeterNeumann', keyId: 'c74f20a3' })
    for (const wrong of [...pieces(PETER), ...bumped(PETER)]) expect(() => verifierOf(wrong), wrong).toThrow('KEY_MALFORMED')
  })

  test.each([
    ['a key of another length, with its own hash', 'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=='],
    ['another algorithm, with its own hash', 'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['a newline at the end', `${PETER}\n`],
    ['a hash in capitals', PETER.replace('c74f20a3', 'C74F20A3')],
  ])('refuse %s', (_, vkey) => {
    expect(() => verifierOf(vkey)).toThrow('KEY_MALFORMED')
  })

  test('read the published private key, and no piece of it and none that differs in a character', () => {
    expect(verifierKeyOf(PETER_PRIVATE)).toBe(PETER)
    for (const wrong of bumped(PETER_PRIVATE)) expect(() => signerOf(wrong), wrong).toThrow('KEY_MALFORMED')
    for (let cut = 1; cut < PETER_PRIVATE.length; cut += 1) {
      expect(() => signerOf(PETER_PRIVATE.slice(cut))).toThrow('KEY_MALFORMED')
      expect(() => signerOf(PETER_PRIVATE.slice(0, -cut))).toThrow('KEY_MALFORMED')
    }
  })

  test.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\nb', 'a\u2003b'])('are not named %j', (name) => {
    expect(() => formatVerifierKey(name, new Uint8Array(32))).toThrow('KEY_MALFORMED')
    expect(() => formatSigningKey(name, new Uint8Array(32))).toThrow('KEY_MALFORMED')
  })
})

describe('signing', () => {
  test('gives the published note', async () => {
    expect(await signNote(TEXT, [signerOf(PETER_PRIVATE)])).toBe(`${TEXT}\n${PETER_LINE}`)
  })

  test('agrees with node:crypto in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string(), async (seed, words) => {
        fc.pre(words.isWellFormed() && !/\p{Cc}/u.test(words))
        const skey = formatSigningKey('log.example', seed)
        const note = await signNote(`${words}\n`, [signerOf(skey)])
        const ours = parseNote(note).signatures[0]?.signature ?? expect.fail('no signature')
        const { x, privateKey, publicKey } = nodeKey(seed)
        expect(Buffer.from(verifierKeyOf(skey).split('+').slice(2).join('+'), 'base64').subarray(1)).toEqual(x)
        expect(Buffer.from(ours)).toEqual(sign(null, Buffer.from(`${words}\n`), privateKey))
        const byNode = verifierOf(verifierKeyOf(skey), (_, message, signature) => verify(null, message, publicKey, signature))
        expect(openNote(note, [byNode]).text).toBe(`${words}\n`)
      }),
      { numRuns: 10 },
    )
  })

  test('takes a signer that answers later, and refuses a text that is none', async () => {
    const { name, keyId, sign: at } = signerOf(PETER_PRIVATE)
    expect(await signNote(TEXT, [{ name, keyId, sign: async (message) => at(message) }])).toBe(`${TEXT}\n${PETER_LINE}`)
    for (const text of ['abc', 'a\u0001\n', 'a\ud800\n'])
      await expect(signNote(text, [signerOf(PETER_PRIVATE)])).rejects.toThrow('NOTE_MALFORMED')
    await expect(signNote(TEXT, [])).rejects.toThrow('NOTE_MALFORMED')
  })
})

describe('opening', () => {
  test('says whose signatures hold and ignores those of unknown keys', () => {
    expect(openNote(both, [verifierOf(PETER)])).toMatchObject({ text: TEXT, unknown: [{ name: 'EnochRoot', keyId: 'af0cfe78' }] })
    expect(names(openNote(both, [verifierOf(PETER), verifierOf(ENOCH)]).signers)).toEqual(['PeterNeumann', 'EnochRoot'])
    expect(names(openNote(`${TEXT}\n${PETER_LINE}${PETER_LINE}`, [verifierOf(PETER)]).signers)).toEqual(['PeterNeumann'])
  })

  test('reads a signed tree head of sum.golang.org', () => {
    const sumdb = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
    const note =
      'go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n' +
      '— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n'
    expect(openNote(note, [verifierOf(sumdb)]).text).toContain('6476701')
    expect(() => openNote(note.replace('6476701', '6476702'), [verifierOf(sumdb)])).toThrow('SIGNATURE_WRONG')
  })

  test('trusts no note that no known key signed', () => {
    expect(() => openNote(both, [])).toThrow('NOTE_UNSIGNED')
    expect(() => openNote(`${TEXT}\n${ENOCH_LINE}`, [verifierOf(PETER)])).toThrow('NOTE_UNSIGNED')
    // A key that shares the name or the hash, but not both, is another key.
    expect(() => openNote(`${TEXT}\n${PETER_LINE.replace('PeterNeumann', 'CarmenSandiego')}`, [verifierOf(PETER)])).toThrow('NOTE_UNSIGNED')
    expect(() => openNote(`${TEXT}\n${PETER_LINE.replace('x08g', 'xxxx')}`, [verifierOf(PETER)])).toThrow('NOTE_UNSIGNED')
  })

  test('refuses the whole note for one wrong signature by a known key', () => {
    const wrong = PETER_LINE.replace('UG/S', 'UG/T')
    expect(() => openNote(`${TEXT}\n${wrong}${ENOCH_LINE}`, [verifierOf(PETER), verifierOf(ENOCH)])).toThrow('SIGNATURE_WRONG')
    expect(() => openNote(`${TEXT}\n${PETER_LINE}${wrong}`, [verifierOf(PETER)])).toThrow('SIGNATURE_WRONG')
    const longer = `${PETER_LINE.slice(0, 60)}ABCD${PETER_LINE.slice(60)}`
    expect(() => openNote(`${TEXT}\n${longer}`, [verifierOf(PETER)])).toThrow('SIGNATURE_WRONG')
  })

  test('opens no note of which one bit was changed', () => {
    const note = new TextEncoder().encode(`${TEXT}\n${PETER_LINE}`)
    const verifiers = [verifierOf(PETER)]
    for (let bit = 0; bit < note.length * 8; bit += 7) {
      const changed = note.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte))
      expect(() => openNote(changed, verifiers), `bit ${bit}`).toThrow(/NOTE_MALFORMED|NOTE_UNSIGNED|SIGNATURE_WRONG/)
    }
  })

  test.each([
    ['no signatures', TEXT],
    ['an empty line and no signatures', `${TEXT}\n`],
    ['no newline at the end', `${TEXT}\n${PETER_LINE.slice(0, -1)}`],
    ['a control character', `\u0001${TEXT}\n${PETER_LINE}`],
    ['a carriage return', `${TEXT}\n${PETER_LINE.replace('\n', '\r\n')}`],
    ['a name with a space', `${TEXT}\n${PETER_LINE.replace('PeterNeumann', 'Bad Name')}`],
    ['a name with a plus', `${TEXT}\n${PETER_LINE.replace('PeterNeumann', 'Bad+Name')}`],
    ['a line that is no signature', `${TEXT}\n${PETER_LINE}Unexpected line.\n`],
    ['a signature without bytes', `${TEXT}\n— PeterNeumann x08gow==\n`],
    ['another spelling of the base64', `${TEXT}\n${PETER_LINE.replace('nAM=', 'nAN=')}`],
    ['101 signatures', `${TEXT}\n${PETER_LINE.repeat(101)}`],
    ['more than a megabyte', `${'a'.repeat(1_000_000)}\n\n${PETER_LINE}`],
  ])('refuses a note with %s', (_, note) => {
    expect(() => openNote(note, [verifierOf(PETER)])).toThrow('NOTE_MALFORMED')
  })

  test('refuses bytes that are not UTF-8', () => {
    expect(() => parseNote(Uint8Array.from([0xff, ...new TextEncoder().encode(both)]))).toThrow('NOTE_MALFORMED')
  })

  test('reads the example of the specification', () => {
    const example =
      'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n' +
      '— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n'
    expect(parseNote(example)).toMatchObject({
      text: 'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n',
      signatures: [{ name: 'quasimodo.example/salvatore', keyId: '367ba04b' }],
    })
  })
})

/** The same key for node:crypto: PKCS #8 is a fixed prefix before the seed (RFC 8410 §7). */
function nodeKey(seed: Uint8Array) {
  const prefix = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(0, -32)
  const privateKey = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  return { x: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32), privateKey, publicKey }
}
