import { createHash, randomBytes } from 'node:crypto'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline as piped } from 'node:stream/promises'
import { AppError } from '../contracts/errors.ts'
import { type FrameCipher, NONCE_PREFIX_BYTES, openFrames, sealFrames } from './frames.ts'
import { deriveKey, newKey, unwrapKey, WRAPPED_KEY_BYTES, wrapKey } from './keys.ts'
import { locator } from './locator.ts'
import type { BlobStore } from './port.ts'

/**
 * Envelope encryption of originals. Each document has a random key; it is stored once, wrapped by the tenant key, in the header of the document's own
 * object, and nowhere in PostgreSQL. Deleting that object therefore destroys every column sealed under the document's key at the same moment,
 * in the heap, the write-ahead log and the backups of the database. Lose the object and the columns are lost.
 *
 * Object: magic (4 bytes), version (1), wrapped document key (61), nonce prefix (7), then the frames of frames.ts.
 */
export interface DocumentKeys {
  /** Seals the document's database columns. */
  column: Buffer
  /** Keys the salted commitments of the record. */
  commitment: Buffer
}

interface DocumentPlace {
  tenantId: string
  documentId: string
}

export interface DocumentAccess extends DocumentPlace {
  /** 32 bytes, unwrapped. */
  tenantKey: Buffer
}

export interface Vault {
  /**
   * Encrypts and stores `source` under a new document key; hashes and counts the plain bytes in the same pass. Rejects with the source's own error or the
   * store's (AppError STORAGE_FULL), and nothing remains. Always uses up or destroys `source`.
   * Writing a second time replaces the document's key: columns sealed under the old one never open again.
   */
  write(to: DocumentAccess & { source: Readable }): Promise<{ keys: DocumentKeys; bytes: number; sha256: Buffer }>
  /** Reads the header only. Throws AppError ORIGINAL_MISSING when there is no object, DECRYPTION_FAILED when it is not this document's. */
  keys(of: DocumentAccess): Promise<DocumentKeys>
  /** `plain` gives only bytes that were authenticated, and fails with AppError DECRYPTION_FAILED at the first frame that was not. Errors as `keys`. */
  read(from: DocumentAccess): Promise<{ keys: DocumentKeys; plain: Readable }>
  /** Idempotent, durable when it resolves. */
  destroy(place: DocumentPlace): Promise<void>
  exists(place: DocumentPlace): Promise<boolean>
  locator(tenantId: string, documentId: string): string
}

const MAGIC = Buffer.from('GRFB')
const VERSION = 1
const WRAPPED_KEY_START = MAGIC.length + 1
const NONCE_PREFIX_START = WRAPPED_KEY_START + WRAPPED_KEY_BYTES
const HEADER_BYTES = NONCE_PREFIX_START + NONCE_PREFIX_BYTES

export function createVault(store: BlobStore): Vault {
  return {
    async write({ tenantKey, tenantId, documentId, source }) {
      const place = locator(tenantId, documentId)
      const documentKey = newKey()
      const header = newHeader(tenantKey, documentKey, place)
      const hash = createHash('sha256')
      let bytes = 0
      const frames = sealFrames(frameCipher(documentKey, header, place), (plain) => {
        hash.update(plain)
        bytes += plain.length
      })
      frames.push(header)
      await putAll(store, place, source, frames)
      return { keys: documentKeys(documentKey), bytes, sha256: hash.digest() }
    },

    async keys({ tenantKey, tenantId, documentId }) {
      const place = locator(tenantId, documentId)
      return documentKeys(openHeader(tenantKey, await readHeader(store, place), place))
    },

    async read({ tenantKey, tenantId, documentId }) {
      const place = locator(tenantId, documentId)
      const header = await readHeader(store, place)
      const documentKey = openHeader(tenantKey, header, place)
      const frames = openFrames(frameCipher(documentKey, header, place))
      const body = await getOriginal(store, place, { start: HEADER_BYTES })
      return { keys: documentKeys(documentKey), plain: joined(body, frames) }
    },

    destroy: ({ tenantId, documentId }) => store.delete(locator(tenantId, documentId)),
    exists: ({ tenantId, documentId }) => store.exists(locator(tenantId, documentId)),
    locator,
  }
}

/** Both halves end before this does. The store's error is the cause or carries it: a failing source fails the stream that the store reads. */
async function putAll(store: BlobStore, place: string, source: Readable, frames: Transform): Promise<void> {
  const feeding = piped(source, frames)
  const storing = store.put(place, frames).catch((error) => {
    frames.destroy(error)
    throw error
  })
  const [fed, stored] = await Promise.allSettled([feeding, storing])
  if (stored.status === 'rejected') throw stored.reason
  if (fed.status === 'rejected') throw fed.reason
}

/** Whichever end fails or is left first closes the other. */
function joined(body: Readable, frames: Transform): Readable {
  return pipeline(body, frames, (error) => {
    // `plain` carries the error to its reader, however late that one comes.
    if (error) frames.destroy(error)
  })
}

function newHeader(tenantKey: Buffer, documentKey: Buffer, place: string): Buffer {
  const wrapped = wrapKey(wrappingKey(tenantKey), documentKey, place)
  return Buffer.concat([MAGIC, Buffer.of(VERSION), wrapped, randomBytes(NONCE_PREFIX_BYTES)])
}

async function readHeader(store: BlobStore, place: string): Promise<Buffer> {
  return buffer(await getOriginal(store, place, { start: 0, end: HEADER_BYTES }))
}

/** Throws AppError DECRYPTION_FAILED. The nonce prefix is authenticated by the frames, not here. */
function openHeader(tenantKey: Buffer, header: Buffer, place: string): Buffer {
  const known = header.length === HEADER_BYTES && header.subarray(0, MAGIC.length).equals(MAGIC) && header[MAGIC.length] === VERSION
  if (!known) throw new AppError('DECRYPTION_FAILED')
  return unwrapKey(wrappingKey(tenantKey), header.subarray(WRAPPED_KEY_START, NONCE_PREFIX_START), place)
}

async function getOriginal(store: BlobStore, place: string, range: { start: number; end?: number }): Promise<Readable> {
  try {
    return await store.get(place, range)
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') throw new AppError('ORIGINAL_MISSING', undefined, { cause: error })
    throw error
  }
}

function frameCipher(documentKey: Buffer, header: Buffer, place: string): FrameCipher {
  return {
    key: deriveKey(documentKey, 'greffier/v1/document/blob'),
    noncePrefix: header.subarray(NONCE_PREFIX_START),
    associated: Buffer.concat([header, Buffer.from(place)]),
  }
}

function documentKeys(documentKey: Buffer): DocumentKeys {
  return {
    column: deriveKey(documentKey, 'greffier/v1/document/column'),
    commitment: deriveKey(documentKey, 'greffier/v1/document/commitment'),
  }
}

function wrappingKey(tenantKey: Buffer): Buffer {
  return deriveKey(tenantKey, 'greffier/v1/tenant/document-keys')
}
