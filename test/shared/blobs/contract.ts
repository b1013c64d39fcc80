import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlobStore } from '../../../shared/blobs/port.ts'
import { AppError } from '../../../shared/contracts/errors.ts'

/** What every BlobStore must hold. `open` gives an empty store; `close` removes it. */
export function describeBlobStore(name: string, open: () => Promise<{ store: BlobStore; close: () => Promise<void> }>): void {
  describe(`a blob store: ${name}`, () => {
    let store: BlobStore
    let close: () => Promise<void>

    beforeAll(async () => {
      ;({ store, close } = await open())
    })
    afterAll(async () => close())

    test('has nothing to sweep before the first put', async () => {
      expect(await store.sweepTemporary(0)).toBe(0)
    })

    test.each([0, 1, 65_536, 3_000_001])('gives back the %i bytes that were put', async (length) => {
      const locator = newLocator()
      const bytes = randomBytes(length)
      await store.put(locator, chunked(bytes))
      expect(await store.exists(locator)).toBe(true)
      expect((await contents(store, locator)).equals(bytes)).toBe(true)
    })

    test('gives back a range, cut at the end of the blob', async () => {
      const locator = newLocator()
      await store.put(locator, Readable.from([Buffer.from('0123456789')]))
      const range = async (start?: number, end?: number) =>
        String(await contents(store, locator, { ...(start !== undefined && { start }), ...(end !== undefined && { end }) }))
      expect(await range(2, 5)).toBe('234')
      expect(await range(7)).toBe('789')
      expect(await range(undefined, 3)).toBe('012')
      expect(await range(8, 100)).toBe('89')
      expect(await range(4, 4)).toBe('')
      expect(await range(10)).toBe('')
      expect(await range(11, 20)).toBe('')
    })

    test('says NOT_FOUND for a blob that is not there, whatever the range', async () => {
      const locator = newLocator()
      expect(await store.exists(locator)).toBe(false)
      await expect(contents(store, locator)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await expect(contents(store, locator, { start: 3, end: 3 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })

    test('replaces a blob as a whole', async () => {
      const locator = newLocator()
      await store.put(locator, Readable.from([Buffer.from('a long first version')]))
      await store.put(locator, Readable.from([Buffer.from('second')]))
      expect(String(await contents(store, locator))).toBe('second')
    })

    test('two puts at once leave one of the two, whole', async () => {
      const locator = newLocator()
      const versions = [Buffer.alloc(500_000, 'a'), Buffer.alloc(700_000, 'b')] as const
      await Promise.all(versions.map((bytes) => store.put(locator, chunked(bytes))))
      const stored = await contents(store, locator)
      expect(versions.some((bytes) => bytes.equals(stored))).toBe(true)
    })

    test('a stream that fails half-way rejects with its own error and leaves what was there before', async () => {
      const [fresh, replaced] = [newLocator(), newLocator()]
      await store.put(replaced, Readable.from([Buffer.from('before')]))
      for (const locator of [fresh, replaced]) {
        const error = new AppError('UPLOAD_ABORTED')
        await expect(store.put(locator, failing(error))).rejects.toBe(error)
      }
      expect(await store.exists(fresh)).toBe(false)
      expect(String(await contents(store, replaced))).toBe('before')
      expect(await store.sweepTemporary(0)).toBe(0)
    })

    test('a stream that fails or closes before it was read leaves nothing', async () => {
      const locator = newLocator()
      const failed = new Readable({ read: () => undefined })
      const putting = store.put(locator, failed)
      const error = new AppError('UPLOAD_ABORTED')
      failed.destroy(error)
      await expect(putting).rejects.toBe(error)

      const closed = new Readable({ read: () => undefined }).destroy()
      await once(closed, 'close')
      await expect(store.put(locator, closed)).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
      expect(await store.exists(locator)).toBe(false)
      expect(await store.sweepTemporary(0)).toBe(0)
    })

    test('deletes, twice without complaint, and stores anew afterwards', async () => {
      const locator = newLocator()
      await store.put(locator, Readable.from([Buffer.from('gone soon')]))
      await store.delete(locator)
      await store.delete(locator)
      expect(await store.exists(locator)).toBe(false)
      await expect(contents(store, locator)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await store.put(locator, Readable.from([Buffer.from('back')]))
      expect(String(await contents(store, locator))).toBe('back')
    })

    test('deletes one blob, and no other of its tenant or of its document id', async () => {
      const [tenantId, documentId] = [randomUUID(), randomUUID()]
      const removed = `${tenantId}/${documentId}`
      const others = [`${tenantId}/${randomUUID()}`, `${randomUUID()}/${documentId}`]
      for (const locator of [removed, ...others]) await store.put(locator, Readable.from([Buffer.from(locator)]))
      await store.delete(removed)
      expect(await store.exists(removed)).toBe(false)
      for (const locator of others) expect(String(await contents(store, locator))).toBe(locator)
    })

    test.each(invalidLocators())('refuses the locator %j in every method', async (locator) => {
      const bytes = Readable.from([Buffer.from('x')])
      await expect(store.put(locator, bytes)).rejects.toMatchObject({ code: 'INTERNAL' })
      expect(bytes.destroyed).toBe(true)
      await expect(contents(store, locator)).rejects.toMatchObject({ code: 'INTERNAL' })
      await expect(store.exists(locator)).rejects.toMatchObject({ code: 'INTERNAL' })
      await expect(store.delete(locator)).rejects.toMatchObject({ code: 'INTERNAL' })
    })
  })
}

export function newLocator(): string {
  return `${randomUUID()}/${randomUUID()}`
}

async function contents(store: BlobStore, locator: string, range?: { start?: number; end?: number }): Promise<Buffer> {
  return buffer(await store.get(locator, range))
}

/** Pieces of an odd size, so that no boundary of theirs is one of the store's. */
function chunked(bytes: Buffer): Readable {
  const pieceBytes = 10_007
  const count = Math.ceil(bytes.length / pieceBytes)
  return Readable.from(Array.from({ length: count }, (_, n) => bytes.subarray(n * pieceBytes, (n + 1) * pieceBytes)))
}

function failing(error: Error): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.alloc(200_000, 'x')
      throw error
    })(),
  )
}

function invalidLocators(): string[] {
  const id = '0198c5a2-7c1e-7000-8000-00000000abcd'
  return [
    '',
    id,
    `${id}/`,
    `/${id}/${id}`,
    `${id}/..`,
    `../${id}`,
    `${id}/${id}/${id}`,
    `${id}/${id}/../x`,
    `${id}/${id.toUpperCase()}`,
    `${id}/${id}\n`,
  ]
}
