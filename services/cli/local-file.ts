import { constants, openAsBlob } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

/** A key or a checkpoint. */
const SMALL_FILE_BYTES_MAX = 1_000_000

export interface LocalFile {
  name: string
  /** Read from the disk while it is sent; sending fails when the file changes meanwhile. */
  bytes: Blob
}

/** Throws CliError FILE_NOT_FOUND or FILE_UNREADABLE (no permission, a folder, a pipe). */
export async function openLocalFile(path: string): Promise<LocalFile> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new CliError('FILE_UNREADABLE', 'this is not a regular file', EXIT.missing)
    await access(path, constants.R_OK)
    return { name: basename(path), bytes: await openAsBlob(path) }
  } catch (error) {
    throw unreadable(error)
  }
}

/** The text of a small file. Throws as `openLocalFile`. */
export async function readSmallFile(path: string): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isFile() || found.size > SMALL_FILE_BYTES_MAX)
      throw new CliError('FILE_UNREADABLE', 'this is not a regular file of at most a megabyte', EXIT.missing)
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(error)
  }
}

function unreadable(error: unknown): CliError {
  if (error instanceof CliError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new CliError('FILE_NOT_FOUND', 'there is no such file', EXIT.missing, { cause: error })
  return new CliError('FILE_UNREADABLE', `the file cannot be read${code && ` (${code})`}`, EXIT.missing, { cause: error })
}
