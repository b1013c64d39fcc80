import { parentPort, workerData } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../contracts/errors.ts'
import { openSqliteIndex, type SqliteIndex } from './sqlite-index.ts'
import type { WorkerRequest, WorkerResponse } from './worker-channel.ts'

/** The thread that SQLite blocks instead of the event loop: one request, one response, in order. */
if (parentPort === null) throw new Error('sqlite-worker.ts runs as a worker thread')
const port = parentPort

let opened: SqliteIndex | null = null
port.on('message', (request: WorkerRequest) => port.postMessage(answer(request)))

/** Opened by the first request, so that a file which cannot be opened is that request's error. */
function answer({ call, method, args }: WorkerRequest): WorkerResponse {
  if (method === 'close' && opened === null) return { call, ok: true, value: undefined }
  try {
    opened ??= openSqliteIndex((workerData as { path: string }).path)
    const run = opened[method as keyof SqliteIndex] as (...args: unknown[]) => unknown
    return { call, ok: true, value: run(...args) }
  } catch (error) {
    return { call, ok: false, ...classify(error) }
  }
}

/** Result codes: https://www.sqlite.org/rescode.html. The message stays here: it may quote a value. */
function classify(error: unknown): { code: ErrorCode; detail: string | undefined } {
  if (error instanceof AppError) return { code: error.code, detail: error.detail }
  const extended = error instanceof Error && 'errcode' in error ? Number(error.errcode) : null
  if (extended === null) return { code: 'INTERNAL', detail: error instanceof Error ? error.name : typeof error }
  const primary = extended & 0xff
  const detail = `SQLite result code ${extended}`
  if (primary === SQLITE_FULL) return { code: 'STORAGE_FULL', detail }
  return { code: SQLITE_AWAY.has(primary) ? 'UNAVAILABLE' : 'INTERNAL', detail }
}

const SQLITE_FULL = 13
/** BUSY, LOCKED, READONLY, IOERR, CANTOPEN, PROTOCOL: the file is there for somebody else, or not there. */
const SQLITE_AWAY: ReadonlySet<number> = new Set([5, 6, 8, 10, 14, 15])
