import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFilesystemBlobs } from '../../../shared/blobs/filesystem.ts'
import { describeBlobStore, newLocator } from './contract.ts'

const CHILD = join(import.meta.dirname, 'limited-put.ts')

describeBlobStore('files', async () => {
  const root = await mkdtemp(join(tmpdir(), 'greffier-blobs-'))
  return { store: createFilesystemBlobs(join(root, 'new', 'folder')), close: () => rm(root, { recursive: true }) }
})

describe('blobs as files', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'greffier-blobs-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  test('stand where their locator says, readable by their owner alone', async () => {
    const locator = newLocator()
    await createFilesystemBlobs(root).put(locator, Readable.from([Buffer.from('x')]))
    const path = objectPath(root, locator)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    for (const folder of [dirname(path), dirname(dirname(path)), join(root, 'objects'), join(root, 'incoming')]) {
      expect((await stat(folder)).mode & 0o777).toBe(0o700)
    }
  })

  test('deleting overwrites the head on the disk, also where a second name keeps the file', async () => {
    const store = createFilesystemBlobs(root)
    const locator = newLocator()
    await store.put(locator, Readable.from([Buffer.alloc(10_000, 'k')]))
    const kept = await open(objectPath(root, locator))
    await store.delete(locator)
    const left = await kept.readFile()
    await kept.close()
    expect(left.subarray(0, 4_096).equals(Buffer.alloc(4_096))).toBe(true)
    expect(left.length).toBe(10_000)
  })

  test('a full disk is STORAGE_FULL and leaves nothing', async () => {
    const locator = newLocator()
    const [limitBytes, wantedBytes] = [300_000, 500_000]
    const { stdout } = await promisify(execFile)('prlimit', [
      `--fsize=${limitBytes}`,
      process.execPath,
      CHILD,
      root,
      locator,
      String(wantedBytes),
    ])
    expect(stdout).toBe('STORAGE_FULL\n')
    expect(await files(root)).toEqual([])
    // The same process without the limit stores it: the limit was the reason.
    const free = await promisify(execFile)(process.execPath, [CHILD, root, locator, String(wantedBytes)])
    expect(free.stdout).toBe('stored\n')
  })

  test('a process killed while it writes leaves no blob, and its leftover is swept', async () => {
    const locator = newLocator()
    const child = spawn(process.execPath, [CHILD, root, locator, 'endless'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    expect(String((await once(child.stdout, 'data'))[0])).toBe('writing\n')
    child.kill('SIGKILL')
    await exited
    const store = createFilesystemBlobs(root)
    expect(await store.exists(locator)).toBe(false)
    expect((await files(root)).length).toBe(1)
    expect(await store.sweepTemporary(0)).toBe(1)
    expect(await files(root)).toEqual([])
  })

  test('sweeping spares what is younger than the limit, and every blob', async () => {
    const store = createFilesystemBlobs(root)
    const locator = newLocator()
    await store.put(locator, Readable.from([Buffer.from('x')]))
    const longAgo = new Date(Date.now() - 3_600_000)
    await utimes(objectPath(root, locator), longAgo, longAgo)
    await writeFile(join(root, 'incoming', 'young'), 'x')
    await writeFile(join(root, 'incoming', 'old'), 'x')
    await utimes(join(root, 'incoming', 'old'), longAgo, longAgo)
    expect(await store.sweepTemporary(1_800_000)).toBe(1)
    expect(await readdir(join(root, 'incoming'))).toEqual(['young'])
    expect(await store.exists(locator)).toBe(true)
  })
})

/** The documented layout, written down a second time on purpose. */
function objectPath(root: string, locator: string): string {
  const [tenantId = '', documentId = ''] = locator.split('/')
  return join(root, 'objects', tenantId, createHash('sha256').update(documentId).digest('hex').slice(0, 2), documentId)
}

async function files(root: string): Promise<string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  return found.filter((entry) => entry.isFile()).map((entry) => entry.name)
}
