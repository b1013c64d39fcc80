import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd } from './cleanup.ts'

const LINES_MAX = 10_000
const STDERR_CHARACTERS_MAX = 100_000
const LINE_WAIT_MS = 120_000
const POLL_MS = 20
/** The services drain for ten seconds. */
const STOP_MS = 30_000
/** Linux reports processor time in hundredths of a second, whatever the kernel counts in (proc(5), USER_HZ). */
const TICK_MS = 10
/** Nothing of the developer's environment reaches what is measured: a variable there could change what it does. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }

export interface Script {
  readonly pid: number
  /** Resolves with the first line of stdout or stderr, earlier ones included, that the pattern matches. Throws when the process ends before, or after two minutes. */
  line(pattern: RegExp): Promise<string>
  /** Sends a message to the script (`process.on('message')`) and resolves with the next message that comes back. Throws when the process ends before. */
  ask<Answer>(message: object): Promise<Answer>
  /** SIGTERM, and SIGKILL when that is not heeded. Throws when the process had ended by itself, or did not end well. Idempotent. */
  stop(): Promise<void>
}

/**
 * Runs a script on the Node that runs this, as a process of its own with `env` as its whole environment beside PATH. When we die, the channel
 * that `ask` uses breaks, and a script of ours then stops.
 */
export function startScript(path: string, argumentList: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Script {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...argumentList], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...ENVIRONMENT, ...env },
  })
  return supervise(child, path)
}

/** The same for a program that is not Node; it has no channel, so `ask` throws. */
export function startProgram(file: string, argumentList: readonly string[]): Script {
  return supervise(spawn(file, [...argumentList], { stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT }), file)
}

function supervise(child: ChildProcess, name: string): Script {
  const lines: string[] = []
  let ended: string | null = null
  for (const stream of [child.stdout, child.stderr]) {
    if (stream)
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        if (lines.length > LINES_MAX) lines.shift()
      })
  }
  const exited = new Promise<void>((resolve) => {
    const end = (how: string) => {
      ended ??= how
      resolve()
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (exitCode, signal) => end(exitCode === 0 ? 'well' : `with ${signal ?? `exit code ${exitCode}`}`))
  })
  const dead = () => new Error(`${name} ended ${ended}; it said: ${lines.join('\n').slice(-STDERR_CHARACTERS_MAX)}`)
  let stopped: Promise<void> | undefined
  const stop = async () => {
    if (ended !== null) throw dead()
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(timer)
    if (!['well', 'with SIGTERM'].includes(ended ?? '')) throw dead()
  }
  const cleanup = atEnd(async () => {
    if (ended === null) await script.stop()
  })
  const script: Script = {
    pid: child.pid ?? 0,
    line: async (pattern) => {
      const deadlineMs = Date.now() + LINE_WAIT_MS
      for (;;) {
        const found = lines.find((line) => pattern.test(line))
        if (found !== undefined) return found
        if (ended !== null) throw dead()
        if (Date.now() > deadlineMs) throw new Error(`waited for ${name} to print ${pattern}`)
        await sleep(POLL_MS)
      }
    },
    ask: (message) =>
      new Promise((resolve, reject) => {
        const lost = () => reject(dead())
        child.once('close', lost)
        child.once('message', (answer) => {
          child.off('close', lost)
          resolve(answer as never)
        })
        child.send(message)
      }),
    stop: () => {
      stopped ??= stop().finally(() => cleanup.done())
      return stopped
    },
  }
  return script
}

/** Processor time so far, in ms, of these processes and all that came from them, the ended and collected ones included. Throws when one of `pids` is gone. */
export function cpuMsOf(pids: readonly number[]): number {
  const processes = readProcesses()
  for (const pid of pids) if (!processes.has(pid)) throw new Error(`process ${pid} is gone`)
  return treeOf(pids, processes).reduce((sum, pid) => sum + (processes.get(pid)?.cpuTicks ?? 0), 0) * TICK_MS
}

export interface Memory<Result> {
  result: Result
  peakBytes: number
  /** Every sample in the order of time. */
  samples: { atMs: number; bytes: number }[]
}

/** Runs `work` and samples meanwhile how much memory these processes and all that come from them hold together; a page that several share counts once. */
export async function peakRssOf<Result>(pids: readonly number[], work: () => Promise<Result>, everyMs = 100): Promise<Memory<Result>> {
  const samples: { atMs: number; bytes: number }[] = []
  const startedAtMs = performance.now()
  const sample = () => samples.push({ atMs: performance.now() - startedAtMs, bytes: residentBytes(pids) })
  const stopping = new AbortController()
  const sampling = (async () => {
    while (!stopping.signal.aborted) {
      sample()
      await sleep(everyMs)
    }
  })()
  try {
    const result = await work()
    sample()
    return { result, samples, peakBytes: Math.max(...samples.map(({ bytes }) => bytes)) }
  } finally {
    stopping.abort()
    await sampling
  }
}

/** The proportional set size of the whole tree (proc(5), smaps_rollup): shared pages are divided among those that share them. */
function residentBytes(pids: readonly number[]): number {
  return treeOf(pids, readProcesses()).reduce((sum, pid) => sum + proportionalBytes(pid), 0)
}

function proportionalBytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readProc(`${pid}/smaps_rollup`) ?? '')?.[1]
  return Number(kilobytes ?? 0) * 1_024
}

interface Process {
  parent: number
  cpuTicks: number
}

function treeOf(pids: readonly number[], processes: ReadonlyMap<number, Process>): number[] {
  const tree = new Set(pids)
  // A set may grow while it is walked: what is added is visited as well.
  for (const pid of tree) for (const [child, { parent }] of processes) if (parent === pid) tree.add(child)
  return [...tree]
}

function readProcesses(): Map<number, Process> {
  const processes = new Map<number, Process>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readProc(`${name}/stat`) : null
    // The second field is the program's name in brackets, and may itself hold brackets and spaces: the rest begins with the third field.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (!fields) continue
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    processes.set(Number(name), { parent: Number(fields[1]), cpuTicks: ticks })
  }
  return processes
}

/** Null when the process has ended meanwhile. */
function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null
    throw error
  }
}
