// Canonical JSON (RFC 8785) of the values that the record allows: strings, safe integers, booleans, null, lists and plain objects.
// Everything that JSON would drop or change in silence (undefined, floats, -0, dates, `toJSON`, holes, accessors, symbols) is refused here, before
// `canonicalize` writes the text: a leaf hash must stand for exactly one value, and a value for exactly one hash.
import canonicalize from 'canonicalize'
import { fromUtf8, toUtf8 } from './bytes.ts'
import { LedgerError } from './ledger-error.ts'

/** The limit of an entry in a tiled log (C2SP tlog-tiles, "Log entries": the length is a uint16). */
export const EVENT_BYTES_MAX = 65_535
const DEPTH_MAX = 32

export type CanonicalValue = string | number | boolean | null | CanonicalValue[] | { [key: string]: CanonicalValue }

/** The bytes that are hashed as a leaf. Throws `NOT_CANONICAL`, naming the place as a path of keys. */
export function canonicalBytes(value: unknown, bytesMax: number = EVENT_BYTES_MAX): Uint8Array {
  const bytes = toUtf8(canonicalText(value), 'NOT_CANONICAL')
  if (bytes.length > bytesMax) throw new LedgerError('NOT_CANONICAL', `${bytes.length} bytes, more than ${bytesMax}`)
  return bytes
}

/**
 * The value of canonical bytes. Only the bytes that `canonicalBytes` would write are read: a key twice, white space, another order, another spelling
 * of a number or a character are all refused, with `NOT_CANONICAL`.
 */
export function readCanonical(bytes: Uint8Array, bytesMax: number = EVENT_BYTES_MAX): CanonicalValue {
  if (bytes.length > bytesMax) throw new LedgerError('NOT_CANONICAL', `${bytes.length} bytes, more than ${bytesMax}`)
  const text = fromUtf8(bytes, 'NOT_CANONICAL')
  const value = parse(text)
  if (canonicalText(value) !== text) throw new LedgerError('NOT_CANONICAL', 'the bytes are not the canonical form of their value')
  return value as CanonicalValue
}

function canonicalText(value: unknown): string {
  allow(value, '$', 0)
  const text = canonicalize(value)
  if (text === undefined) throw new LedgerError('NOT_CANONICAL', 'the value has no canonical form')
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LedgerError('NOT_CANONICAL', 'not JSON', { cause })
  }
}

/** The depth also ends cycles. `path` is of keys and positions only: it goes into error messages, where no content may. */
function allow(value: unknown, path: string, depth: number): void {
  if (depth > DEPTH_MAX) throw refused(path, `deeper than ${DEPTH_MAX} levels, or a cycle`)
  switch (typeof value) {
    case 'boolean':
      return
    case 'string':
      if (!value.isWellFormed()) throw refused(path, 'a lone surrogate')
      return
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw refused(path, 'a number that is no safe integer')
      return
    case 'object':
      if (Array.isArray(value)) allowList(value, path, depth)
      else if (value !== null) allowObject(value, path, depth)
      return
    default:
      throw refused(path, `a value of type ${typeof value}`)
  }
}

function allowList(list: unknown[], path: string, depth: number): void {
  if (Object.getPrototypeOf(list) !== Array.prototype) throw refused(path, 'a list of another class')
  // Each position is one own key, `length` is one more: fewer keys are holes, more are properties that JSON would drop.
  if (Reflect.ownKeys(list).length !== list.length + 1) throw refused(path, 'a list with holes or with properties of its own')
  for (let at = 0; at < list.length; at += 1) allow(ownValue(list, String(at), path), `${path}[${at}]`, depth + 1)
}

function allowObject(object: object, path: string, depth: number): void {
  const prototype = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) throw refused(path, 'an object of a class')
  for (const key of Reflect.ownKeys(object)) {
    if (typeof key === 'symbol') throw refused(path, 'a symbol as a key')
    if (!key.isWellFormed()) throw refused(path, 'a lone surrogate in a key')
    allow(ownValue(object, key, path), `${path}.${key}`, depth + 1)
  }
}

function ownValue(object: object, key: string, path: string): unknown {
  const property = Object.getOwnPropertyDescriptor(object, key)
  if (!property?.enumerable || !('value' in property)) throw refused(path, 'an accessor, a hidden property or a hole')
  return property.value
}

function refused(path: string, what: string): LedgerError {
  return new LedgerError('NOT_CANONICAL', `${path}: ${what}`)
}
