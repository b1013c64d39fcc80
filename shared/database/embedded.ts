import { join } from 'node:path'
import { AppError } from '../contracts/errors.ts'
import { type LaunchStrategy, loadBinaries } from './embedded-binaries.ts'
import { openCluster } from './embedded-cluster.ts'
import { lockFolder } from './embedded-lock.ts'
import { provision } from './embedded-provision.ts'
import { type Server, startServer } from './embedded-server.ts'

/** An old instance may still be draining: so long a new one waits for its folder. */
const LOCK_WAIT_MS = 15_000
/** A server that dies more often than this within the window has a cause that another restart does not cure. */
const CRASHES_MAX = 5
const CRASH_WINDOW_MS = 10 * 60_000

export interface EmbeddedPostgresOptions {
  /** Created with mode 0700. Holds `postgres/` (the cluster), `postgres.json` (passwords), `postgres.log` and `postgres.lock`. */
  dataDir: string
  log?: (event: EmbeddedPostgresEvent) => void
  /** false gives up fsync: for tests only. */
  durable?: boolean
  lockWaitMs?: number
  /** How the binaries are run; found out by default (see embedded-binaries.ts). */
  strategy?: LaunchStrategy
}

/** Identifiers and figures only: each may be logged as it is. */
export type EmbeddedPostgresEvent =
  | { event: 'initialised'; durationMs: number }
  | { event: 'orphan_stopped'; pid: number }
  | { event: 'started'; pid: number; port: number; durationMs: number }
  | { event: 'crashed'; pid: number; signal: string | null; exitCode: number | null }
  | { event: 'given_up'; crashes: number }
  | { event: 'stopped'; pid: number }

/** `restarted`: same port, same data, open connections were lost. `given_up`: there is no server any more, and none will come. */
export type EmbeddedPostgresCrash = { outcome: 'restarted'; pid: number } | { outcome: 'given_up'; error: AppError }

export interface EmbeddedPostgres {
  /** Database `greffier` as superuser: for migrations. */
  readonly ownerUrl: string
  /** Database `greffier` as the role `greffier_service`, which may connect and nothing more until a migration grants it more. */
  readonly serviceUrl: string
  readonly port: number
  /** Of the server that runs now: another one after a crash. */
  readonly pid: number
  /** Fast shutdown; resolves when the server is gone and the folder is free. Idempotent. Throws AppError UNAVAILABLE when it does not end. */
  stop(): Promise<void>
  onCrash(callback: (crash: EmbeddedPostgresCrash) => void): void
}

/**
 * Starts the PostgreSQL server that came from npm on a free port of 127.0.0.1, with its data in a folder that nobody else uses meanwhile.
 * A server that a killed Greffier left running is stopped first. A server that dies while we live is started again on the same port.
 * Throws AppError UNAVAILABLE: another Greffier uses the folder, the platform has no binaries, or the server does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined)
  const durable = options.durable ?? true
  const binaries = await loadBinaries(options.strategy)
  const lock = await lockFolder(options.dataDir, 'postgres.lock', options.lockWaitMs ?? LOCK_WAIT_MS)
  const callbacks: ((crash: EmbeddedPostgresCrash) => void)[] = []
  const crashedAtMs: number[] = []
  let server: Server
  let stopping = false
  let recovery: Promise<void> = Promise.resolve()
  let stopped: Promise<void> | undefined

  try {
    const cluster = await openCluster({ dataDir: options.dataDir, binaries, durable, log })
    const launch = (port?: number) =>
      startServer({ cluster, binaries, durable, port, logFile: join(cluster.dataDir, 'postgres.log'), log, cancelled: () => stopping })
    server = await launch()
    try {
      await provision(cluster, server.port)
    } catch (error) {
      await server.stop()
      throw error
    }
    watch(server, launch)
    return {
      ownerUrl: cluster.ownerUrl(server.port, 'greffier'),
      serviceUrl: cluster.serviceUrl(server.port, 'greffier'),
      port: server.port,
      get pid() {
        return server.pid
      },
      stop: () => {
        stopped ??= stop()
        return stopped
      },
      onCrash: (callback) => {
        callbacks.push(callback)
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }

  async function stop(): Promise<void> {
    stopping = true
    try {
      await recovery
      await server.stop()
      log({ event: 'stopped', pid: server.pid })
    } finally {
      lock.release()
    }
  }

  function watch(current: Server, launch: (port: number) => Promise<Server>): void {
    void current.exited.then((exit) => {
      if (stopping) return
      log({ event: 'crashed', pid: current.pid, signal: exit.signal, exitCode: exit.exitCode })
      recovery = recover(current.port, launch)
    })
  }

  /** Never rejects: its outcome goes to the callbacks. */
  async function recover(port: number, launch: (port: number) => Promise<Server>): Promise<void> {
    const nowMs = Date.now()
    crashedAtMs.push(nowMs)
    const recent = crashedAtMs.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS).length
    try {
      if (recent > CRASHES_MAX) throw new AppError('UNAVAILABLE', `the embedded PostgreSQL died ${recent} times within ten minutes`)
      server = await launch(port)
      watch(server, launch)
    } catch (error) {
      if (stopping) return
      log({ event: 'given_up', crashes: recent })
      const given =
        error instanceof AppError ? error : new AppError('UNAVAILABLE', 'the embedded PostgreSQL did not come back', { cause: error })
      for (const callback of callbacks) callback({ outcome: 'given_up', error: given })
      return
    }
    for (const callback of callbacks) callback({ outcome: 'restarted', pid: server.pid })
  }
}
