import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { AppError } from '../contracts/errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SEAL_VERSION = 1
const OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES

/** The size of what `wrapKey` returns. */
export const WRAPPED_KEY_BYTES = KEY_BYTES + OVERHEAD_BYTES

/** 32 random bytes. */
export function newKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** A 32-byte key that reveals nothing about `key` or about the key of another label (HKDF-SHA-256, RFC 5869; label is `info`, no salt). */
export function deriveKey(key: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), label, KEY_BYTES))
}

/** Encrypts a 32-byte key. It opens only under the same `kek` and `context`; never as a sealed column. */
export function wrapKey(kek: Buffer, key: Buffer, context: string): Buffer {
  if (key.length !== KEY_BYTES) throw new AppError('INTERNAL', `a key has ${KEY_BYTES} bytes`)
  return encrypt(kek, key, associated('key', context))
}

/** Throws AppError DECRYPTION_FAILED when the key, the context or a single bit differs. */
export function unwrapKey(kek: Buffer, wrapped: Buffer, context: string): Buffer {
  return decrypt(kek, wrapped, associated('key', context))
}

/** Encrypts the value of a database column: version (1 byte), nonce (12), ciphertext, tag (16). `context` names the row and the column. */
export function seal(key: Buffer, plain: Buffer | string, context: string): Buffer {
  return encrypt(key, typeof plain === 'string' ? Buffer.from(plain) : plain, associated('value', context))
}

/** Throws AppError DECRYPTION_FAILED when the key, the context or a single bit differs. */
export function unseal(key: Buffer, sealed: Buffer, context: string): Buffer {
  return decrypt(key, sealed, associated('value', context))
}

/** HMAC-SHA-256 (32 bytes) of the parts, each after its length in 8 bytes: ('ab', 'c') and ('a', 'bc') differ. A string is its UTF-8. */
export function hmac(key: Buffer, ...parts: (Buffer | string)[]): Buffer {
  const mac = createHmac('sha256', key)
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    const lengthBytes = Buffer.alloc(8)
    lengthBytes.writeBigUInt64BE(BigInt(bytes.length))
    mac.update(lengthBytes).update(bytes)
  }
  return mac.digest()
}

function associated(kind: 'key' | 'value', context: string): Buffer {
  return Buffer.from(`greffier/v${SEAL_VERSION}/${kind}\0${context}`)
}

/** Random nonces are safe for 2^32 messages under one key (NIST SP 800-38D, 8.3). */
function encrypt(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad)
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.of(SEAL_VERSION), nonce, body, cipher.getAuthTag()])
}

function decrypt(key: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  if (sealed.length < OVERHEAD_BYTES || sealed[0] !== SEAL_VERSION) throw new AppError('DECRYPTION_FAILED')
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
  const body = sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(body), decipher.final()])
  } catch (cause) {
    throw new AppError('DECRYPTION_FAILED', undefined, { cause })
  }
}
