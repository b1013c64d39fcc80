import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../contracts/errors.ts'

const POLL_MS = 100
/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5

export interface FolderLock {
  release(): void
}

/**
 * One process per data folder: creates the folder (mode 0700) and locks a file in it. The operating system holds the lock and drops it however the
 * process ends, kill -9 included, so there is nothing stale to clean up. SQLite is only the portable way to a file lock, which Node itself does not offer;
 * the file stays empty. Throws AppError UNAVAILABLE when another process still holds it after `waitMs`.
 */
export async function lockFolder(folder: string, fileName: string, waitMs: number): Promise<FolderLock> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const database = new DatabaseSync(join(folder, fileName))
  try {
    const deadlineMs = Date.now() + waitMs
    while (!tryLock(database)) {
      if (Date.now() >= deadlineMs)
        throw new AppError('UNAVAILABLE', `another Greffier is using the data folder ${folder}; stop it or set DATA_DIR`)
      await sleep(POLL_MS)
    }
  } catch (error) {
    database.close()
    throw error
  }
  return { release: () => database.close() }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    // In memory: there is nothing to roll back, so no journal file need lie about.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  }
}
