import { readUsage } from './process-usage.ts'

const WATCH_EVERY_MS = 100

/**
 * Calls `onExceeded` once when the resident memory of a process passes `bytesMax`: for where the kernel does not hold it. Weaker than a limit of the kernel,
 * since a process may allocate much between two looks. Returns what ends the watch.
 */
export function watchMemory(pid: number, bytesMax: number, onExceeded: () => void): () => void {
  let looking = false
  const timer = setInterval(async () => {
    if (looking) return
    looking = true
    const usage = await readUsage(pid)
    looking = false
    if (!usage || usage.residentBytes <= bytesMax) return
    clearInterval(timer)
    onExceeded()
  }, WATCH_EVERY_MS)
  return () => clearInterval(timer)
}
