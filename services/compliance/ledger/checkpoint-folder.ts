import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Checkpoint } from '../../../shared/database/ledger-pushes.ts'
import { NOTE_BYTES_MAX } from '../../../shared/ledger/note.ts'

/** As many as a size has at most (2^53), so that names sort as sizes do. */
const SIZE_DIGITS = 16
/** Beside the logs, on their file system, so that a rename publishes a checkpoint whole. */
const INCOMING = '.incoming'
const ABANDONED_AFTER_MS = 60 * 60_000

/**
 * Keeps each checkpoint as a file of its own, `<folder>/<tenant>/<size>.checkpoint`, which is there whole or not at all, and on disk when this resolves. The folder has to
 * be there: where a disk is not mounted, none is made on this one. Throws AppError CHECKPOINT_CONFLICT where another checkpoint of this size is kept, which is
 * not written over, and what the file system says.
 */
export async function keepInFolder(folder: string, { tenantId, size, note }: Checkpoint): Promise<void> {
  const path = join(folder, tenantId, `${String(size).padStart(SIZE_DIGITS, '0')}.checkpoint`)
  const kept = await readIfThere(path)
  if (kept === note) return
  if (kept !== null) throw new AppError('CHECKPOINT_CONFLICT')
  await makeFolder(dirname(path))
  const incoming = join(folder, INCOMING)
  await makeFolder(incoming)
  await removeAbandoned(incoming)
  // A name of its own: a push that was given up, because the disk hung, may still be writing.
  const temporary = join(incoming, randomUUID())
  const file = await open(temporary, 'wx')
  try {
    await file.writeFile(note)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncFolder(dirname(path))
  await syncFolder(folder)
}

/** Of a file that is longer than any note the beginning, which is none. */
async function readIfThere(path: string): Promise<string | null> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(NOTE_BYTES_MAX))
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

/** What a killed push left. */
async function removeAbandoned(incoming: string): Promise<void> {
  const oldestMs = Date.now() - ABANDONED_AFTER_MS
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name)
    if ((await stat(path)).mtimeMs < oldestMs) await rm(path)
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Makes a new name in it durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
