import { expect, test } from 'vitest'
import { deriveKey, hmac, newKey, seal, unseal, unwrapKey, WRAPPED_KEY_BYTES, wrapKey } from '../../../shared/blobs/keys.ts'

const FAILED = expect.objectContaining({ code: 'DECRYPTION_FAILED' })

test('a key is 32 bytes and never the same twice', () => {
  expect(newKey()).toHaveLength(32)
  expect(newKey().equals(newKey())).toBe(false)
})

test('a derived key follows RFC 5869 and differs for every label and key', () => {
  // RFC 5869 A.3 (SHA-256, no salt, no info), first 32 bytes of the output.
  const expected = '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d'
  expect(deriveKey(Buffer.alloc(22, 0x0b), '').toString('hex')).toBe(expected)
  const key = newKey()
  expect(deriveKey(key, 'a').equals(deriveKey(key, 'a'))).toBe(true)
  expect(deriveKey(key, 'a').equals(deriveKey(key, 'b'))).toBe(false)
  expect(deriveKey(key, 'a').equals(deriveKey(newKey(), 'a'))).toBe(false)
})

test('a wrapped key opens only under its key and its context', () => {
  const [kek, key] = [newKey(), newKey()]
  const wrapped = wrapKey(kek, key, 'tenant/1')
  expect(wrapped).toHaveLength(WRAPPED_KEY_BYTES)
  expect(unwrapKey(kek, wrapped, 'tenant/1').equals(key)).toBe(true)
  expect(() => unwrapKey(newKey(), wrapped, 'tenant/1')).toThrow(FAILED)
  expect(() => unwrapKey(kek, wrapped, 'tenant/2')).toThrow(FAILED)
  expect(() => unseal(kek, wrapped, 'tenant/1')).toThrow(FAILED)
  expect(() => wrapKey(kek, Buffer.alloc(16), 'tenant/1')).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
})

test('a sealed value opens only under its key and its context, and is another one each time', () => {
  const key = newKey()
  for (const plain of ['', 'Zoë', Buffer.from([0, 255, 0])]) {
    const sealed = seal(key, plain, 'row/1')
    expect(sealed[0]).toBe(1)
    expect(unseal(key, sealed, 'row/1').equals(Buffer.from(plain))).toBe(true)
    expect(seal(key, plain, 'row/1').equals(sealed)).toBe(false)
    expect(() => unseal(newKey(), sealed, 'row/1')).toThrow(FAILED)
    expect(() => unseal(key, sealed, 'row/2')).toThrow(FAILED)
  }
})

test('no bit of a sealed value can be changed, and no byte cut off or added', () => {
  const key = newKey()
  const sealed = seal(key, 'secret', 'row/1')
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => unseal(key, changed, 'row/1')).toThrow(FAILED)
  }
  for (let length = 0; length < sealed.length; length++) expect(() => unseal(key, sealed.subarray(0, length), 'row/1')).toThrow(FAILED)
  expect(() => unseal(key, Buffer.concat([sealed, Buffer.of(0)]), 'row/1')).toThrow(FAILED)
})

test('an HMAC tells apart parts that join to the same bytes', () => {
  const key = newKey()
  const macs = [
    hmac(key),
    hmac(key, ''),
    hmac(key, '', ''),
    hmac(key, 'abc'),
    hmac(key, 'ab', 'c'),
    hmac(key, 'a', 'bc'),
    hmac(key, 'abc', ''),
  ]
  expect(new Set(macs.map((mac) => mac.toString('hex'))).size).toBe(macs.length)
  expect(hmac(key, 'é', Buffer.from('x')).equals(hmac(key, Buffer.from('é'), 'x'))).toBe(true)
  expect(hmac(newKey(), 'abc').equals(hmac(key, 'abc'))).toBe(false)
})
