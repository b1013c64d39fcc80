import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../contracts/errors.ts'
import { parseLocator } from './locator.ts'
import type { BlobStore } from './port.ts'
import { isStorageFull, systemCode } from './system-errors.ts'

const OBJECTS = 'objects'
const INCOMING = 'incoming'
const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600
/** Folders that are remembered as durable, some 150 bytes each; a tenant has up to 256. */
const DURABLE_FOLDERS_MAX = 20_000
/** What delete overwrites: one disk block, in which the vault's header with the wrapped key lies. */
const OVERWRITTEN_BYTES = 4_096

/**
 * Blobs as files: `<root>/objects/<tenant id>/<first 2 hex digits of SHA-256 of the document id>/<document id>`, mode 0600 in folders of mode 0700.
 * `<root>/incoming/` holds what is being written; both are on one file system, so that a rename publishes a blob whole. Folders are never removed.
 */
export function createFilesystemBlobs(root: string): BlobStore {
  const durable = new Set<string>()
  return {
    name: 'filesystem',

    // All of it happens inside the pipeline: it listens to `bytes` from the first tick, and destroys it when a step fails.
    async put(locator, bytes) {
      await pipeline(bytes, (chunks: AsyncIterable<Buffer>) => publish(root, durable, locator, chunks))
    },

    async get(locator, { start = 0, end = Number.POSITIVE_INFINITY } = {}) {
      const file = await openOrNull(objectPath(root, locator), 'r')
      if (!file) throw new AppError('NOT_FOUND')
      if (start < end) return file.createReadStream({ start, end: end - 1 })
      await file.close()
      return Readable.from([])
    },

    async exists(locator) {
      return (await statOrNull(objectPath(root, locator))) !== null
    },

    async delete(locator) {
      const path = objectPath(root, locator)
      const file = await openOrNull(path, 'r+')
      try {
        await rm(path, { force: true })
        await syncDirectory(dirname(path))
        if (file) await overwriteHead(file)
      } finally {
        await file?.close()
      }
    },

    async sweepTemporary(olderThanMs) {
      const oldestMs = Date.now() - olderThanMs
      let removed = 0
      for await (const name of fileNames(join(root, INCOMING))) {
        const path = join(root, INCOMING, name)
        const found = await statOrNull(path)
        if (!found || found.mtimeMs > oldestMs) continue
        await rm(path, { force: true })
        removed++
      }
      return removed
    },
  }
}

function objectPath(root: string, locator: string): string {
  const { tenantId, documentId } = parseLocator(locator)
  const group = createHash('sha256').update(documentId).digest('hex').slice(0, 2)
  return join(root, OBJECTS, tenantId, group, documentId)
}

/** Temporary file, data to disk, rename, folders to disk: after a crash at any point there is the whole blob or none. */
async function publish(root: string, durable: Set<string>, locator: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const path = objectPath(root, locator)
  const group = dirname(path)
  const tenant = dirname(group)
  const temporary = join(root, INCOMING, randomUUID())
  let leftover = temporary
  try {
    if (!durable.has(group)) {
      await mkdir(dirname(temporary), { recursive: true, mode: DIRECTORY_MODE })
      await mkdir(group, { recursive: true, mode: DIRECTORY_MODE })
    }
    await writeDurably(temporary, chunks)
    await rename(temporary, path)
    leftover = path
    await syncDirectory(group)
    if (durable.has(group)) return
    // The folders above may be as new as the file. They are synced even when they look old: a concurrent put may have made them a moment ago.
    for (const folder of [tenant, dirname(tenant), root]) await syncDirectory(folder)
    if (durable.size >= DURABLE_FOLDERS_MAX) durable.clear()
    durable.add(group)
  } catch (error) {
    durable.delete(group)
    await rm(leftover, { force: true })
    throw isStorageFull(error) ? new AppError('STORAGE_FULL', undefined, { cause: error }) : error
  }
}

async function writeDurably(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE)
  try {
    await file.writeFile(chunks)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** The file is unlinked already. Destroys the wrapped key on disks that overwrite in place; on a copy-on-write or flash disk it may outlive this. */
async function overwriteHead(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  await file.write(Buffer.alloc(Math.min(size, OVERWRITTEN_BYTES)), 0, undefined, 0)
  await file.datasync()
}

async function syncDirectory(path: string): Promise<void> {
  const folder = await openOrNull(path, 'r')
  if (!folder) return
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Of the files in a folder; none when it is missing, because the first put makes it. */
async function* fileNames(path: string): AsyncGenerator<string> {
  const folder = await nullWhenMissing(opendir(path))
  if (!folder) return
  for await (const entry of folder) {
    if (entry.isFile()) yield entry.name
  }
}

const openOrNull = (path: string, flags: string) => nullWhenMissing(open(path, flags))
const statOrNull = (path: string) => nullWhenMissing(stat(path))

async function nullWhenMissing<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw error
  }
}
