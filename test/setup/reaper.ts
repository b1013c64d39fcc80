// Cleans up after a test run however it ends, kill -9 included: waits until its standard input closes, which happens when the run is over or dead,
// then ends every process that was started with a path inside the run's folder, and removes the folder. Started by servers.ts.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 50
const END_MS = 5_000

const folder = process.argv[2]
if (folder === undefined) throw new Error('usage: reaper.ts <folder of the run>')
process.stdin.resume()
process.stdin.once('close', () => void reap(folder))

async function reap(runFolder: string): Promise<void> {
  // SIGQUIT lets PostgreSQL free its shared memory.
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    for (const pid of processesOf(runFolder)) signalIfAlive(pid, signal)
    const deadlineMs = Date.now() + END_MS
    while (processesOf(runFolder).length > 0 && Date.now() < deadlineMs) await sleep(POLL_MS)
  }
  rmSync(runFolder, { recursive: true, force: true, maxRetries: 10 })
}

/** By command line, which /proc shows on Linux; elsewhere the servers' own exit handlers must do. */
function processesOf(runFolder: string): number[] {
  if (process.platform !== 'linux') return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.filter((pid) => commandLine(pid).includes(`${runFolder}/`)).map(Number)
}

/** Empty for a process that has just ended and for a zombie. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return ''
    throw error
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
