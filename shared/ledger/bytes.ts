import { LedgerError, type LedgerErrorCode } from './ledger-error.ts'

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** UTF-8. A lone surrogate is refused: the encoder would replace it, and two texts would share one hash. */
export function toUtf8(text: string, code: LedgerErrorCode): Uint8Array {
  if (!text.isWellFormed()) throw new LedgerError(code, 'the text holds a lone surrogate')
  return ENCODER.encode(text)
}

/** The text of these bytes; a byte order mark stays in it, so that bytes and text always say the same. */
export function fromUtf8(bytes: Uint8Array, code: LedgerErrorCode): string {
  try {
    return DECODER.decode(bytes)
  } catch (cause) {
    throw new LedgerError(code, 'not UTF-8', { cause })
  }
}

/** Standard base64 with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Strict: no white space, padding where it belongs, unused bits zero, so that each value has one spelling. `length` in bytes. */
export function fromBase64(text: string, code: LedgerErrorCode, length?: number): Uint8Array {
  if (!BASE64.test(text)) throw new LedgerError(code, 'not base64')
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  if (toBase64(bytes) !== text) throw new LedgerError(code, 'not the canonical base64 of its bytes')
  if (length !== undefined && bytes.length !== length) throw new LedgerError(code, `${bytes.length} bytes of base64 instead of ${length}`)
  return bytes
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Of a text that is known to be hexadecimal. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}

/** An ASCII decimal without leading zeroes that a number holds exactly. */
export function readDecimal(text: string, code: LedgerErrorCode): number {
  const value = Number(text)
  if (!/^(?:0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(value)) throw new LedgerError(code, 'not a decimal number')
  return value
}

/** Nothing here is secret, so it need not take constant time. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false
  return true
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
