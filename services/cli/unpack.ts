import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, realpath, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import { FILES_MAX, isBundlePath, MANIFEST } from '../../shared/ledger/bundle.ts'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

export type UnpackProgress = (file: { path: string; bytes: number; bytesDone: number; files: number }) => void

/**
 * Unpacks a bundle's archive into `folder`, which has to be missing or empty. It appears there whole, by one rename, or not at all; where anything goes wrong
 * nothing of it is left. The archive has to end with the manifest: one that was cut off does not. Returns how many files there are.
 */
export async function unpackBundle(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  { signal, progress }: { signal: AbortSignal; progress: UnpackProgress },
): Promise<number> {
  const target = await freeFolder(folder)
  const beside = join(dirname(target), `.${randomUUID()}.partial`)
  await mkdir(dirname(target), { recursive: true })
  await mkdir(beside, { mode: 0o700 })
  try {
    const files = await writeFiles(archive, beside, { signal, progress })
    await putInPlace(beside, target)
    return files
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    throw error
  }
}

/** Its absolute path, symbolic links followed. Throws CliError FOLDER_IN_USE where there is something in it, or it is none. */
export async function freeFolder(folder: string): Promise<string> {
  try {
    const found = await realpath(folder)
    if ((await readdir(found)).length > 0) throw new CliError('FOLDER_IN_USE', 'the folder is not empty', EXIT.usage)
    return found
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return resolve(folder)
    if (codeOf(error) === 'ENOTDIR') throw new CliError('FOLDER_IN_USE', 'this is not a folder', EXIT.usage, { cause: error })
    throw error
  }
}

async function writeFiles(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  { signal, progress }: { signal: AbortSignal; progress: UnpackProgress },
): Promise<number> {
  const entries = extract()
  const fed = pipeline(Readable.from(archive, { objectMode: false }), entries, { signal })
  const seen = new Set<string>()
  let last = ''
  const written = async () => {
    for await (const entry of entries) {
      const { name, size = 0, type } = entry.header
      if (type !== 'file' || !isBundlePath(name) || seen.has(name) || seen.size >= FILES_MAX + 1)
        throw broken('the archive holds something that no bundle does')
      seen.add(name)
      last = name
      const path = join(folder, name)
      await mkdir(dirname(path), { recursive: true })
      let bytesDone = 0
      const counted = async function* () {
        for await (const chunk of entry as AsyncIterable<Uint8Array>) {
          bytesDone += chunk.length
          progress({ path: name, bytes: size, bytesDone, files: seen.size })
          yield chunk
        }
      }
      await pipeline(counted(), createWriteStream(path, { flags: 'wx' }), { signal })
    }
  }
  const [reading, writing] = await Promise.allSettled([fed, written().catch((error: unknown) => stop(entries, error))])
  if (signal.aborted) throw signal.reason
  // Where the connection breaks, that is the cause, and the archive's end only follows from it.
  if (writing.status === 'rejected' && writing.reason instanceof CliError) throw writing.reason
  if (reading.status === 'rejected') throw reading.reason
  if (writing.status === 'rejected') throw writing.reason
  if (last !== MANIFEST) throw broken('the archive ended before its manifest')
  return seen.size
}

function stop(entries: ReturnType<typeof extract>, error: unknown): never {
  entries.destroy(error instanceof Error ? error : new Error('a file could not be written', { cause: error }))
  throw error
}

async function putInPlace(beside: string, target: string): Promise<void> {
  // A rename replaces an empty folder, but not on Windows.
  if (process.platform === 'win32') await rmdir(target).catch(ignoreMissing)
  await rename(beside, target)
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

function broken(message: string): CliError {
  return new CliError('BUNDLE_BROKEN', message, EXIT.protocol)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
