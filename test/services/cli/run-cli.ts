import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable, Writable } from 'node:stream'
import type { CommandContext } from '../../../services/cli/context.ts'
import { createOutput } from '../../../services/cli/output.ts'
import { API_KEY } from './fake-server.ts'

const MAIN = resolve(import.meta.dirname, '../../../services/cli/main.ts')

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

interface CliRun {
  url?: string | undefined
  env?: Record<string, string>
  cwd?: string
  /** Left out, there is none. */
  stdin?: string
  /** Options of Node. */
  node?: readonly string[]
}

/** The real program in a process of its own, with nothing of this process's GREFFIER_* environment. `exited` never rejects. */
export function startCli(args: readonly string[], { url, env = {}, cwd, stdin, node = [] }: CliRun = {}) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...node, MAIN, ...args], {
    env: { PATH: '/usr/bin:/bin', ...(url ? { GREFFIER_URL: url, GREFFIER_API_KEY: API_KEY } : {}), ...env },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'ipc'],
    ...(cwd ? { cwd } : {}),
  })
  child.stdin?.end(stdin)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // Not the child's own 'close', which does not come after child.disconnect().
  const ended = [child.stdout, child.stderr].map((stream) => new Promise((done) => stream?.on('close', done)))
  const exitCode = new Promise<number | null>((done) => child.on('exit', done))
  const exited = Promise.all([exitCode, ...ended]).then(([code]): Finished => ({ code, stdout, stderr }))
  return { child, exited, stdout: () => stdout, stderr: () => stderr }
}

export function runCli(args: readonly string[], run: CliRun = {}): Promise<Finished> {
  return startCli(args, run).exited
}

/** A folder of files that is gone after `work`. */
export async function withFiles<T>(files: Record<string, string | Buffer>, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'cli-test-'))
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A context for a command run inside this process, and what it printed. */
export function testContext(options: { json?: boolean; interrupted?: AbortSignal; dataDir?: string; port?: number } = {}) {
  const out: string[] = []
  const err: string[] = []
  const stderr = sink(err)
  const context: CommandContext = {
    config: { url: undefined, apiKey: undefined, dataDir: options.dataDir ?? '/nowhere', port: options.port ?? 0, logLevel: 'warn' },
    output: createOutput(sink(out), stderr, options.json ?? false),
    stdin: Readable.from([]),
    stderr,
    interrupted: options.interrupted ?? new AbortController().signal,
  }
  return { context, stdout: () => out.join(''), stderr: () => err.join('') }
}

function sink(into: string[]): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => {
      into.push(String(chunk))
      done()
    },
  })
}
