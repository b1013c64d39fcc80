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

function processes(): { pid: number; parent: number }[] {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs()
}

function fromProc(): { pid: number; parent: number }[] {
  return readdirSync('/proc').flatMap((name) => {
    const path = `/proc/${name}/stat`
    if (!/^\d+$/.test(name) || !existsSync(path)) return []
    try {
      // pid (command) state parent …; the command may hold anything, so the last bracket counts.
      const stat = readFileSync(path, 'latin1')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent) }]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return []
      throw error
    }
  })
}

function fromPs(): { pid: number; parent: number }[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=']).toString().trim().split('\n')
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }))
}
