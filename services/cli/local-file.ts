import { constants, openAsBlob } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

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
    if (error instanceof CliError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new CliError('FILE_NOT_FOUND', 'there is no such file', EXIT.missing, { cause: error })
    throw new CliError('FILE_UNREADABLE', `the file cannot be read${code && ` (${code})`}`, EXIT.missing, { cause: error })
  }
}
