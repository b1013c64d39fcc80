import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { FILES_MAX } from '../../shared/ledger/bundle.ts'
import type { BundleSource } from '../../shared/ledger/bundle-files.ts'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

const CHUNK_BYTES = 256 * 1024
/** Files beyond those that a manifest can name are reported; so many more that nobody has to list them. */
const ENTRIES_MAX = 2 * FILES_MAX

export interface FolderSource extends BundleSource {
  /** Of all files together. */
  bytes: number
}

/**
 * A bundle that lies in a folder. What is no regular file is never opened, a symbolic link least of all: it is listed under a name that no manifest holds.
 * Throws CliError FILE_NOT_FOUND, TOO_MANY_FILES. `onRead` hears of bytes as they are read.
 */
export async function openBundleFolder(folder: string, onRead: (bytes: number) => void): Promise<FolderSource> {
  const found: string[] = []
  let bytes = 0
  for await (const { path, stat } of entriesBelow(folder)) {
    if (found.length >= ENTRIES_MAX) throw new CliError('TOO_MANY_FILES', `more than ${ENTRIES_MAX} files`, EXIT.rejected)
    found.push(stat.isFile() ? path : `${path} (no regular file)`)
    bytes += stat.isFile() ? stat.size : 0
  }
  return {
    bytes,
    paths: async () => found,
    async *read(path) {
      for await (const chunk of createReadStream(join(folder, path), { highWaterMark: CHUNK_BYTES })) {
        onRead(chunk.length)
        yield chunk
      }
    },
  }
}

async function* entriesBelow(folder: string) {
  const folders = [folder]
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const name of await readdir(next)) {
      const at = join(next, name)
      const stat = await lstat(at)
      if (stat.isDirectory()) folders.push(at)
      else yield { path: relative(folder, at).split(sep).join('/'), stat }
    }
  }
}
