import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { AppError } from '../contracts/errors.ts'
import type { Cluster } from './embedded-cluster.ts'

/** How long a server that says that it is starting or stopping may take to make up its mind. */
const SETTLE_MS = 60_000
/** How long one whose file says `starting` may refuse connections. */
const LISTEN_MS = 5_000
const CONNECT_MS = 3_000
const POLL_MS = 50
/**
 * SIGINT ends sessions and writes a checkpoint; SIGQUIT does neither, loses nothing that was committed, and lets the next start recover.
 * PostgreSQL 18.4 may never end on a SIGINT that meets it while it recovers from the crash of one of its processes: hence the short bound.
 */
const STOP_FAST_MS = 10_000
const STOP_IMMEDIATE_MS = 15_000
/** Above any process id (Linux: 4194304 at most). */
const PID_OF_NOBODY = 2_147_483_646
/** SQLSTATE cannot_connect_now: starting up, shutting down or recovering. */
const CANNOT_CONNECT_NOW = '57P03'

interface PidFile {
  pid: number
  port: number
  status: string
  text: string
}

/** `postmaster.pid`: process id, data folder, start time, port, socket folder, address, shared memory key, status (src/include/utils/pidfile.h). */
export function readPidFile(folder: string): PidFile | undefined {
  const file = join(folder, 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const text = readIfThere(file)
  const lines = text.split('\n')
  return { pid: Number(lines[0] ?? ''), port: Number(lines[3] ?? ''), status: (lines[7] ?? '').trim(), text }
}

/**
 * Stops the server that a killed Greffier left in this folder; the caller holds the folder's lock, so a live server here has lost its owner.
 * The process in the file is touched only when it answers on its port as our own server: after a reboot the id may be anybody's.
 */
export async function clearPidFile(cluster: Cluster, log: (event: { event: 'orphan_stopped'; pid: number }) => void): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_MS
  const listenDeadlineMs = Date.now() + LISTEN_MS
  for (;;) {
    const file = readPidFile(cluster.folder)
    if (!file) return
    if (!isLive(file.pid)) return clearDead(cluster.folder, file)
    const answer = await whoAnswers(cluster, file.port)
    if (answer === 'ours') {
      await shutDown(file.pid, () => readPidFile(cluster.folder)?.pid !== file.pid)
      log({ event: 'orphan_stopped', pid: file.pid })
      return
    }
    const mayYetAnswer = answer === 'undecided' || (file.status !== 'ready' && Date.now() < listenDeadlineMs)
    if (!mayYetAnswer || Date.now() > deadlineMs) return disown(cluster.folder, file)
    await sleep(POLL_MS)
  }
}

/** Asks a server to end, then tells it to. Resolves when `hasEnded`; throws AppError UNAVAILABLE when it never does. */
export async function shutDown(pid: number, hasEnded: () => boolean): Promise<void> {
  for (const [signal, boundMs] of [
    ['SIGINT', STOP_FAST_MS],
    ['SIGQUIT', STOP_IMMEDIATE_MS],
  ] as const) {
    if (!hasEnded()) signalProcess(pid, signal)
    const deadlineMs = Date.now() + boundMs
    while (!hasEnded() && Date.now() < deadlineMs) await sleep(POLL_MS)
    if (hasEnded()) return
  }
  throw new AppError('UNAVAILABLE', `the embedded PostgreSQL (process ${pid}) does not stop`)
}

/** A plain stale file is the server's own business: it checks that no process of the dead server is left. An empty one would make it refuse. */
function clearDead(folder: string, file: PidFile): void {
  if (!(file.pid > 0)) rmSync(join(folder, 'postmaster.pid'), { force: true })
}

/** Takes the stranger's process id out, and keeps the shared memory key by which the server finds processes of its dead predecessor. */
function disown(folder: string, file: PidFile): void {
  const target = join(folder, 'postmaster.pid')
  writeFileSync(`${target}.new`, file.text.replace(/^.*/, String(PID_OF_NOBODY)), { mode: 0o600 })
  renameSync(`${target}.new`, target)
}

async function whoAnswers(cluster: Cluster, port: number): Promise<'ours' | 'stranger' | 'undecided'> {
  if (!(port > 0 && port < 65_536)) return 'stranger'
  const client = new Client({
    connectionString: cluster.ownerUrl(port, 'postgres'),
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
  })
  // A connection that breaks makes the awaited call reject; unheard, the event would end the process as well.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const answer = await client.query<{ data_directory: string }>('SHOW data_directory')
    return answer.rows[0]?.data_directory === cluster.folder ? 'ours' : 'stranger'
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === CANNOT_CONNECT_NOW ? 'undecided' : 'stranger'
  } finally {
    await client.end()
  }
}

function isLive(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

function signalProcess(pid: number, signal: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
