import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The processes whose parent is `pid`. One that has ended and only waits to be reaped does not count. */
export function childrenOf(pid: number): number[] {
  return processes()
    .filter((process) => process.parent === pid)
    .map((process) => process.pid)
}

/** Those of `pids` that still run. */
export function alive(pids: number[]): number[] {
  const running = new Set(processes().map((process) => process.pid))
  return pids.filter((pid) => running.has(pid))
}

/** What a process has computed so far, all threads together; 0 when it is gone. */
export function processorSeconds(pid: number): number {
  return processes().find((process) => process.pid === pid)?.seconds ?? 0
}

interface Process {
  pid: number
  parent: number
  seconds: number
}

/** The kernel counts in hundredths of a second towards user space, on every architecture that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100

function processes(): Process[] {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs()
}

function fromProc(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    const path = `/proc/${name}/stat`
    if (!/^\d+$/.test(name) || !existsSync(path)) return []
    try {
      // pid (command) state parent …; the command may hold anything, so the last bracket counts.
      const stat = readFileSync(path, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
      return fields[0] === 'Z' ? [] : [{ pid: Number(name), parent: Number(fields[1]), seconds }]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return []
      throw error
    }
  })
}

function fromPs(): Process[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,time=']).toString().trim().split('\n')
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, parent, , time = '']) => ({ pid: Number(pid), parent: Number(parent), seconds: secondsOf(time) }))
}

/** `mm:ss.hh` or `hh:mm:ss`. */
function secondsOf(time: string): number {
  return time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
}
