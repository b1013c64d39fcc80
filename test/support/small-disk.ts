import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, symlinkSync, unlinkSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { startScript } from './process.ts'

const BECOME = resolve(import.meta.dirname, 'become.ts')
const IDLE = resolve(import.meta.dirname, 'idle.ts')
const SHARED_MEMORY = '/dev/shm'
/** What a test may take of the machine's memory to fill the file system that everybody shares. */
const FILLER_BYTES_MAX = 256 * 1024 * 1024
const FILLER_PIECE = Buffer.alloc(1024 * 1024)

export interface SmallDisk {
  /** The command under which a process sees the disk. */
  readonly under: readonly string[]
  /** Where this process sees what is on it. */
  readonly folder: string
}

/**
 * A file system at `path`, a place where there is nothing yet, on which `bytes` are free: a tmpfs in a mount namespace of its own, which needs no
 * privilege and ends with the test, or, where namespaces are forbidden as in many containers, a folder on their small /dev/shm. Throws, saying what
 * is missing, where there is neither.
 */
export async function smallDisk(path: string, bytes: number): Promise<SmallDisk> {
  const mount = `mount -t tmpfs -o size=${bytes},mode=700 tmpfs "$0" && exec "$@"`
  mkdirSync(path)
  const holder = startScript(BECOME, ['unshare', '--map-root-user', '--mount', 'sh', '-c', mount, path, process.execPath, IDLE, path])
  try {
    await holder.line(/^ready/)
  } catch (refused) {
    rmSync(path, { recursive: true })
    return sharedMemory(path, bytes, refused)
  }
  const pid = String(holder.pid)
  return {
    under: ['nsenter', '--preserve-credentials', '--user', '--mount', '--target', pid],
    folder: join('/proc', pid, 'root', path),
  }
}

function sharedMemory(path: string, bytes: number, refused: unknown): SmallDisk {
  const { bavail, bsize } = statfsSync(SHARED_MEMORY)
  const fillerBytes = bavail * bsize - bytes
  if (fillerBytes < 0 || fillerBytes > FILLER_BYTES_MAX)
    throw new Error(
      `this test fills a small file system: it needs user namespaces (unshare --map-root-user --mount, then a tmpfs), or a ${SHARED_MEMORY} with ` +
        `${bytes} to ${bytes + FILLER_BYTES_MAX} bytes free, and this one has ${bavail * bsize}`,
      { cause: refused },
    )
  const folder = mkdtempSync(join(SHARED_MEMORY, 'greffier-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  fill(join(folder, 'filler'), fillerBytes)
  symlinkSync(folder, path)
  return { under: ['env'], folder }
}

/** The file has no name: it ends with this process, however that ends. */
function fill(path: string, bytes: number): void {
  const filler = openSync(path, 'wx')
  unlinkSync(path)
  onTestFinished(() => closeSync(filler))
  for (let left = bytes; left > 0; ) left -= writeSync(filler, FILLER_PIECE, 0, Math.min(left, FILLER_PIECE.length))
}
