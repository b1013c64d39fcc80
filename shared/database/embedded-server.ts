import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../contracts/errors.ts'
import { type Binaries, SERVER_ENVIRONMENT } from './embedded-binaries.ts'
import type { Cluster } from './embedded-cluster.ts'
import { clearPidFile, readPidFile, shutDown } from './embedded-orphan.ts'

/** Crash recovery replays up to max_wal_size of changes. */
const START_MS = 120_000
/** Processes of a dead server may take a while to notice. */
const CLEARANCE_MS = 60_000
const POLL_MS = 25
const RETRY_MS = 200
/** Below the range from which systems take ports for outgoing connections (Linux from 32768): a client that retries there could connect to itself. */
const PORT_MIN = 20_000
const PORT_MAX = 32_000
const PORT_TRIES_MAX = 100
const LOG_BYTES_MAX = 1024 * 1024
const LOG_TRIM_MS = 60_000

export interface Exit {
  signal: string | null
  exitCode: number | null
}

export interface Server {
  readonly pid: number
  readonly port: number
  readonly exited: Promise<Exit>
  stop(): Promise<void>
}

interface StartOptions {
  cluster: Cluster
  binaries: Binaries
  durable: boolean
  /** A free one when undefined. */
  port: number | undefined
  logFile: string
  log: (event: { event: 'orphan_stopped'; pid: number } | { event: 'started'; pid: number; port: number; durationMs: number }) => void
  /** Asked between attempts: true ends them. */
  cancelled: () => boolean
}

/** Resolves when the server accepts connections. Throws AppError UNAVAILABLE with the server's last words. */
export async function startServer(options: StartOptions): Promise<Server> {
  const startedAtMs = Date.now()
  for (;;) {
    await clearPidFile(options.cluster, options.log)
    const port = options.port ?? (await freePort())
    const attempt = await tryStart(options, port)
    if (typeof attempt !== 'string') {
      options.log({ event: 'started', pid: attempt.pid, port, durationMs: Date.now() - startedAtMs })
      return attempt
    }
    if (!isPassing(attempt) || options.cancelled() || Date.now() - startedAtMs > CLEARANCE_MS)
      throw new AppError('UNAVAILABLE', `the embedded PostgreSQL did not start: ${lastFatal(attempt)}`)
    await sleep(RETRY_MS)
  }
}

/** Someone else took the port, or processes of a dead server have not ended yet. */
function isPassing(serverOutput: string): boolean {
  return /Address already in use|could not create any TCP\/IP sockets|shared memory block .* is still in use|lock file "postmaster.pid"/.test(
    serverOutput,
  )
}

function lastFatal(serverOutput: string): string {
  const lines = serverOutput.split('\n').filter((line) => /FATAL|PANIC|rror/.test(line))
  return lines.at(-1)?.trim() ?? 'it said nothing'
}

/** The server, or what it wrote before it ended. */
async function tryStart(options: StartOptions, port: number): Promise<Server | string> {
  const deadlineMs = Date.now() + START_MS
  const log = openLog(options.logFile)
  const command = options.binaries.command('postgres', settings(options, port))
  // A session of its own: Ctrl-C in the terminal must not reach the database before we have drained.
  const child = spawn(command.file, command.arguments, {
    detached: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
    env: SERVER_ENVIRONMENT,
    windowsHide: true,
  })
  closeSync(log.descriptor)
  const exited = exitOf(child)
  let ended = false
  void exited.then(() => {
    ended = true
  })
  while (!ended && child.pid !== undefined && Date.now() < deadlineMs) {
    const file = readPidFile(options.cluster.folder)
    if (file?.pid === child.pid && file.status === 'ready') return supervise(child.pid, port, exited, options.logFile)
    await sleep(POLL_MS)
  }
  if (child.pid === undefined) throw new AppError('UNAVAILABLE', `cannot run ${command.file}`)
  await shutDown(child.pid, () => ended)
  return readFileSync(options.logFile).subarray(log.offset).toString()
}

function supervise(pid: number, port: number, exited: Promise<Exit>, logFile: string): Server {
  let ended = false
  const trim = setInterval(() => trimLog(logFile), LOG_TRIM_MS).unref()
  void exited.then(() => {
    ended = true
    clearInterval(trim)
  })
  return { pid, port, exited, stop: () => shutDown(pid, () => ended) }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.on('error', () => resolve({ signal: null, exitCode: null }))
    child.on('exit', (exitCode, signal) => resolve({ signal, exitCode }))
  })
}

/** Nothing outlives a power cut, and several tests at once may each start every service. */
const FOR_TESTS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: 300 }

function settings(options: StartOptions, port: number): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '64MB',
    max_wal_size: '512MB',
    // No content may reach the log: no statement, no row in a DETAIL, no message of a failed statement (which may quote a value).
    log_destination: 'stderr',
    logging_collector: 'off',
    log_statement: 'none',
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_min_duration_statement: -1,
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
    ...(options.durable ? {} : FOR_TESTS),
  }
  return ['-D', options.cluster.folder, ...Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (await isFree(port)) return port
  }
  throw new AppError('UNAVAILABLE', `no free port between ${PORT_MIN} and ${PORT_MAX}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function openLog(file: string): { descriptor: number; offset: number } {
  const descriptor = openSync(file, 'a', 0o600)
  if (fstatSync(descriptor).size > LOG_BYTES_MAX) ftruncateSync(descriptor, 0)
  return { descriptor, offset: fstatSync(descriptor).size }
}

/** The server appends, so it goes on at the new end. */
function trimLog(file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) truncateSync(file, 0)
}
