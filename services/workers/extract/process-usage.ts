import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

export interface Usage {
  residentBytes: number
  /** What the process has computed since its start, all threads together. */
  processorMs: number
}

const PS_MS_MAX = 2_000
/** The kernel counts in hundredths of a second towards user space, on every architecture that Node runs on (USER_HZ). */
const MS_PER_TICK = 10

/** Null where it can't be told: the process has ended, or the system has neither /proc nor `ps`. */
export async function readUsage(pid: number): Promise<Usage | null> {
  try {
    return existsSync('/proc/self/stat') ? fromProc(pid) : await fromPs(pid)
  } catch (error) {
    if (error instanceof Error) return null
    throw error
  }
}

function fromProc(pid: number): Usage | null {
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  if (resident === undefined) return null
  // pid (command) state …; the command may hold anything, so the last bracket counts. utime and stime are the 14th and 15th field (proc_pid_stat(5)).
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { residentBytes: Number(resident) * 1_024, processorMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK }
}

async function fromPs(pid: number): Promise<Usage | null> {
  const { stdout } = await promisify(execFile)('/bin/ps', ['-o', 'rss=,time=', '-p', String(pid)], { timeout: PS_MS_MAX })
  const [resident, time = ''] = stdout.trim().split(/\s+/)
  // `mm:ss.hh` or `hh:mm:ss`.
  const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return resident === undefined ? null : { residentBytes: Number(resident) * 1_024, processorMs: seconds * 1_000 }
}
