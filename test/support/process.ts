import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { waitUntil } from './wait.ts'

const LINES_MAX = 10_000
const STDERR_CHARACTERS_MAX = 100_000

export interface ProcessExit {
  exitCode: number | null
  signal: NodeJS.Signals | null
}

export interface ScriptProcess {
  readonly pid: number
  /** Resolves with the first line of stdout, earlier ones included, that the pattern matches. Throws with stderr when the process ends before, or after a minute. */
  line(pattern: RegExp): Promise<string>
  kill(signal: NodeJS.Signals): void
  readonly exited: Promise<ProcessExit>
  stderr(): string
}

/**
 * Runs one of our scripts on the Node that runs the tests. Killed with -9 when the test that started it is over, should it still live.
 * `env` is added to our own environment. `onLine` hears every line of stdout, of which `line` sees the first ones alone.
 */
export function startScript(
  path: string,
  argumentList: readonly string[] = [],
  env: Record<string, string> = {},
  onLine: (line: string) => void = () => undefined,
): ScriptProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...argumentList], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const lines: string[] = []
  let errors = ''
  let ended = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (lines.length < LINES_MAX) lines.push(line)
    onLine(line)
  })
  child.stderr.on('data', (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-STDERR_CHARACTERS_MAX)
  })
  const exited = new Promise<ProcessExit>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => {
      ended = true
      resolve({ exitCode, signal })
    })
  })
  const pid = child.pid
  if (pid === undefined) throw new Error(`cannot start ${path}`)
  onTestFinished(async () => {
    if (!ended) child.kill('SIGKILL')
    await exited
  })
  return {
    pid,
    exited,
    kill: (signal) => {
      child.kill(signal)
    },
    stderr: () => errors,
    line: async (pattern) => {
      const found = () => lines.find((line) => pattern.test(line))
      await waitUntil(() => ended || found() !== undefined, `${path} to print ${pattern}`)
      const line = found()
      if (line === undefined) throw new Error(`${path} ended without printing ${pattern}; it said: ${errors}`)
      return line
    },
  }
}

/** A zombie counts as ended: in a container there may be nobody to collect it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'ENOENT')) return false
    throw error
  }
}

/** SIGSTOP has taken effect: State T in proc_pid_status(5). */
export function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}
