import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const WATCH_EVERY_MS = 100
const PS_MS_MAX = 2_000

/**
 * Calls `onExceeded` once when the resident memory of a process passes `bytesMax`: for where the kernel does not hold it. Weaker than a limit of the kernel,
 * since a process may allocate much between two looks. Returns what ends the watch.
 */
export function watchMemory(pid: number, bytesMax: number, onExceeded: () => void): () => void {
  let looking = false
  const timer = setInterval(async () => {
    if (looking) return
    looking = true
    const bytes = await residentBytes(pid)
    looking = false
    if (bytes <= bytesMax) return
    clearInterval(timer)
    onExceeded()
  }, WATCH_EVERY_MS)
  return () => clearInterval(timer)
}

/** 0 where it can't be told: the process has just ended, or the system has neither /proc nor `ps`. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const kibibytes = existsSync('/proc/self/status')
      ? /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      : (await promisify(execFile)('/bin/ps', ['-o', 'rss=', '-p', String(pid)], { timeout: PS_MS_MAX })).stdout.trim()
    return Number(kibibytes ?? 0) * 1_024
  } catch (error) {
    if (error instanceof Error) return 0
    throw error
  }
}
