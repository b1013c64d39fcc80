import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFilesystemBlobs } from '../../../shared/blobs/filesystem.ts'
import { newKey } from '../../../shared/blobs/keys.ts'
import type { BlobStore } from '../../../shared/blobs/port.ts'
import { createVault, type DocumentAccess, type Vault } from '../../../shared/blobs/vault.ts'
import { AppError } from '../../../shared/contracts/errors.ts'

/** The format, written down a second time on purpose: magic 4, version 1, wrapped key 61, nonce prefix 7; frames of 64 KiB and a tag of 16. */
const HEADER_BYTES = 73
const FRAME_BYTES = 65_536
const SEALED_FRAME_BYTES = FRAME_BYTES + 16
const FAILED = { code: 'DECRYPTION_FAILED' }

let root: string
let store: BlobStore
let vault: Vault
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'greffier-vault-'))
  store = createFilesystemBlobs(root)
  vault = createVault(store)
})
afterAll(() => rm(root, { recursive: true }))

describe('a document in the vault', () => {
  test.each([0, 1, 65_536, 65_537, 5 * 1_048_576])('of %i bytes comes back as it was, with its hash and size', async (length) => {
    const access = newAccess()
    const plain = randomBytes(length)
    const written = await vault.write({ ...access, source: Readable.from([plain.subarray(0, 1_000), plain.subarray(1_000)]) })
    expect(written.bytes).toBe(length)
    expect(written.sha256.equals(createHash('sha256').update(plain).digest())).toBe(true)
    const read = await vault.read(access)
    expect((await buffer(read.plain)).equals(plain)).toBe(true)
    expect(read.keys).toEqual(written.keys)
    expect(await vault.keys(access)).toEqual(written.keys)
  })

  test('has keys of its own, two different ones', async () => {
    const [first, second] = [newAccess(), newAccess()]
    const keys = [await write(first, 'same'), await write({ ...second, tenantKey: first.tenantKey }, 'same')]
    const distinct = new Set(keys.flatMap(({ keys: { column, commitment } }) => [column.toString('hex'), commitment.toString('hex')]))
    expect(distinct.size).toBe(4)
  })

  test('is found whatever the case of its id', async () => {
    const access = newAccess()
    await write(access, 'text')
    expect(await contents({ ...access, documentId: access.documentId.toUpperCase() })).toEqual(Buffer.from('text'))
    expect(vault.locator(access.tenantId.toUpperCase(), access.documentId)).toBe(`${access.tenantId}/${access.documentId}`)
  })

  test('leaves no plain text on the disk', async () => {
    const access = newAccess()
    const marker = 'Marker-of-plain-text'
    const { keys } = await write(access, marker.repeat(20_000))
    const object = await readFile(await objectPath(access))
    for (const secret of [marker, access.tenantKey, keys.column, keys.commitment]) expect(object.includes(secret)).toBe(false)
  })

  test('is gone with its keys when it is destroyed', async () => {
    const access = newAccess()
    await write(access, 'text')
    expect(await vault.exists(access)).toBe(true)
    await vault.destroy(access)
    await vault.destroy(access)
    expect(await vault.exists(access)).toBe(false)
    await expect(vault.keys(access)).rejects.toMatchObject({ code: 'ORIGINAL_MISSING' })
    await expect(vault.read(access)).rejects.toMatchObject({ code: 'ORIGINAL_MISSING' })
  })

  test('does not open under another tenant key', async () => {
    const access = { ...newAccess() }
    await write(access, 'text')
    await expect(vault.keys({ ...access, tenantKey: newKey() })).rejects.toMatchObject(FAILED)
    await expect(vault.read({ ...access, tenantKey: newKey() })).rejects.toMatchObject(FAILED)
  })
})

describe('a changed object is caught', () => {
  test('whichever bit was flipped, before any byte is given out', async () => {
    const access = newAccess()
    await write(access, 'a small document')
    const object = await readFile(await objectPath(access))
    expect(object.length).toBe(HEADER_BYTES + 'a small document'.length + 16)
    for (let bit = 0; bit < object.length * 8; bit++) {
      const changed = Buffer.from(object)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      await replaceObject(access, changed)
      const seen: Buffer[] = []
      await expect(collect(access, seen), `bit ${bit}`).rejects.toMatchObject(FAILED)
      expect(Buffer.concat(seen).length).toBe(0)
    }
    await replaceObject(access, object)
    expect(String(await contents(access))).toBe('a small document')
  })

  test('in a late frame, after only the frames before it', async () => {
    const access = newAccess()
    const plain = randomBytes(3 * FRAME_BYTES)
    await write(access, plain)
    const object = await readFile(await objectPath(access))
    object[HEADER_BYTES + 2 * SEALED_FRAME_BYTES] = (object[HEADER_BYTES + 2 * SEALED_FRAME_BYTES] ?? 0) ^ 1
    await replaceObject(access, object)
    const seen: Buffer[] = []
    await expect(collect(access, seen)).rejects.toMatchObject(FAILED)
    expect(Buffer.concat(seen).equals(plain.subarray(0, Buffer.concat(seen).length))).toBe(true)
    expect(Buffer.concat(seen).length).toBeLessThanOrEqual(2 * FRAME_BYTES)
  })

  test('when it is cut at or around any boundary', async () => {
    const access = newAccess()
    await write(access, randomBytes(3 * FRAME_BYTES + 5))
    const object = await readFile(await objectPath(access))
    const boundaries = [0, 4, 5, 66, HEADER_BYTES, ...[1, 2, 3].map((frames) => HEADER_BYTES + frames * SEALED_FRAME_BYTES), object.length]
    const cuts = boundaries.flatMap((at) => [at - 1, at, at + 1]).filter((at) => at >= 0 && at < object.length)
    for (const length of cuts) {
      await replaceObject(access, object.subarray(0, length))
      await expect(contents(access), `cut to ${length}`).rejects.toMatchObject(FAILED)
    }
  })

  test('when frames are moved, repeated, dropped or added', async () => {
    const access = newAccess()
    await write(access, randomBytes(3 * FRAME_BYTES))
    const object = await readFile(await objectPath(access))
    const header = object.subarray(0, HEADER_BYTES)
    const [a, b, c] = [0, 1, 2].map((n) =>
      object.subarray(HEADER_BYTES + n * SEALED_FRAME_BYTES, HEADER_BYTES + (n + 1) * SEALED_FRAME_BYTES),
    ) as [Buffer, Buffer, Buffer]
    for (const frames of [
      [b, a, c],
      [a, a, b, c],
      [b, c],
      [a, c],
      [a, b, c, c],
      [a, b, c, Buffer.of(0)],
      [a, b, c, Buffer.alloc(16)],
      [],
    ]) {
      await replaceObject(access, Buffer.concat([header, ...frames]))
      await expect(contents(access)).rejects.toMatchObject(FAILED)
    }
    await replaceObject(access, Buffer.concat([header, a, b, c]))
    expect((await contents(access)).length).toBe(3 * FRAME_BYTES)
  })

  test('when it is, in whole or in part, the object of another document of the same tenant', async () => {
    const mine = newAccess()
    const other = { ...newAccess(), tenantId: mine.tenantId, tenantKey: mine.tenantKey }
    await write(mine, 'mine')
    await write(other, 'other')
    const [own, foreign] = [await readFile(await objectPath(mine)), await readFile(await objectPath(other))]
    await replaceObject(mine, foreign)
    await expect(vault.keys(mine)).rejects.toMatchObject(FAILED)
    await expect(contents(mine)).rejects.toMatchObject(FAILED)
    await replaceObject(mine, Buffer.concat([own.subarray(0, HEADER_BYTES), foreign.subarray(HEADER_BYTES)]))
    await expect(contents(mine)).rejects.toMatchObject(FAILED)
  })

  test('and the error waits for a reader who comes late', async () => {
    const access = newAccess()
    await write(access, 'text')
    const object = await readFile(await objectPath(access))
    object[HEADER_BYTES] = (object[HEADER_BYTES] ?? 0) ^ 1
    await replaceObject(access, object)
    const { plain } = await vault.read(access)
    await expect.poll(() => plain.closed).toBe(true)
    await expect(buffer(plain)).rejects.toMatchObject(FAILED)
  })
})

describe('streams', () => {
  test('a source that fails half-way rejects with its own error and leaves nothing', async () => {
    const access = newAccess()
    const error = new AppError('DOCUMENT_TOO_LARGE')
    async function* tooLarge() {
      yield Buffer.alloc(300_000)
      throw error
    }
    const before = (await files()).length
    await expect(vault.write({ ...access, source: Readable.from(tooLarge()) })).rejects.toBe(error)
    expect(await vault.exists(access)).toBe(false)
    expect((await files()).length).toBe(before)
  })

  test('a source that closes early without an error is no complete document', async () => {
    const access = newAccess()
    const source = new Readable({ read: () => undefined })
    source.push('the first half')
    const writing = vault.write({ ...access, source })
    source.once('data', () => source.destroy())
    await expect(writing).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect(await vault.exists(access)).toBe(false)
  })

  test('a store that fails rejects with its error and closes a source that stands still', async () => {
    const full = new AppError('STORAGE_FULL')
    const broken: BlobStore = { ...store, put: async () => Promise.reject(full) }
    const source = new Readable({ read: () => undefined })
    await expect(createVault(broken).write({ ...newAccess(), source })).rejects.toBe(full)
    expect(source.destroyed).toBe(true)
  })

  test.each(['before it reads', 'after the first piece', 'at the end'])('a reader who stops %s leaves no file open', async (when) => {
    const access = newAccess()
    await write(access, randomBytes(2_000_000))
    const opened: Readable[] = []
    const watched: BlobStore = {
      ...store,
      get: async (...call) => {
        const bytes = await store.get(...call)
        opened.push(bytes)
        return bytes
      },
    }
    const { plain } = await createVault(watched).read(access)
    if (when === 'before it reads') plain.destroy()
    if (when === 'after the first piece') for await (const _ of plain) break
    if (when === 'at the end') await buffer(plain)
    expect(opened.length).toBe(2)
    // `close` of a file stream comes after its descriptor was closed.
    await expect.poll(() => opened.every((bytes) => bytes.closed)).toBe(true)
  })

  test('200 MB pass in both directions without being held in memory', async () => {
    const access = newAccess()
    const [pieces, pieceBytes, growthBytesMax] = [3_200, 65_536, 150_000_000]
    const peak = { start: heldBytes(), most: 0 }
    const measure = () => {
      peak.most = Math.max(peak.most, heldBytes() - peak.start)
    }
    function* source() {
      for (let n = 0; n < pieces; n++) {
        measure()
        yield Buffer.alloc(pieceBytes, n)
      }
    }
    const { bytes } = await vault.write({ ...access, source: Readable.from(source()) })
    expect(bytes).toBe(pieces * pieceBytes)
    let read = 0
    for await (const piece of (await vault.read(access)).plain) {
      measure()
      read += piece.length
    }
    expect(read).toBe(bytes)
    expect(peak.most).toBeLessThan(growthBytesMax)
    await vault.destroy(access)
  })
})

function newAccess(): DocumentAccess {
  return { tenantKey: newKey(), tenantId: randomUUID(), documentId: randomUUID() }
}

function write(access: DocumentAccess, plain: string | Buffer) {
  return vault.write({ ...access, source: Readable.from([Buffer.from(plain)]) })
}

async function contents(access: DocumentAccess): Promise<Buffer> {
  return buffer((await vault.read(access)).plain)
}

/** Keeps in `seen` what was given out before the error. */
async function collect(access: DocumentAccess, seen: Buffer[]): Promise<void> {
  for await (const piece of (await vault.read(access)).plain) seen.push(piece)
}

async function files(): Promise<string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

async function objectPath({ documentId }: DocumentAccess): Promise<string> {
  const path = (await files()).find((name) => name.endsWith(documentId))
  expect(path).toBeDefined()
  return path ?? ''
}

async function replaceObject(access: DocumentAccess, bytes: Buffer): Promise<void> {
  await writeFile(await objectPath(access), bytes)
}

function heldBytes(): number {
  const { rss, arrayBuffers } = process.memoryUsage()
  return Math.max(rss, arrayBuffers)
}
