import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { atEnd } from './cleanup.ts'

/** statfs(2), TMPFS_MAGIC. */
const TMPFS = 0x01021994
const REAPER = resolve(import.meta.dirname, '../test/setup/reaper.ts')

let runFolder: string | undefined

/** On a disk: in memory nothing is ever durable, and what durability costs could not be measured. */
export function temporaryFolder(): { path: string; remove(): void } {
  runFolder ??= openRunFolder()
  const path = mkdtempSync(join(runFolder, 'part-'))
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 10 })
  const cleanup = atEnd(async () => remove())
  return {
    path,
    remove: () => {
      cleanup.done()
      remove()
    },
  }
}

/** One folder for all of a run. The reaper removes it when the run is over, kill -9 included, after ending every process that was started with a path inside. */
function openRunFolder(): string {
  const parent = [tmpdir(), '/var/tmp'].find((path) => statfsSync(path).type !== TMPFS)
  if (parent === undefined) throw new Error('there is no folder on a disk: set TMPDIR to one')
  const folder = mkdtempSync(join(parent, 'greffier-bench-'))
  const reaper = spawn(process.execPath, [REAPER, folder], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
  reaper.unref()
  ;(reaper.stdin as Socket).unref()
  return folder
}
