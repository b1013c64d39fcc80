import type { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../contracts/errors.ts'

/** Beyond this many calls in waiting the next one is refused: a queue without an end only hides that the store is too slow. */
const PENDING_MAX = 256
/** From posting to answer, waiting in the queue included. */
const CALL_TIMEOUT_MS = 60_000

export interface WorkerRequest {
  call: number
  method: string
  args: unknown[]
}

export type WorkerResponse =
  | { call: number; ok: true; value: unknown }
  | { call: number; ok: false; code: ErrorCode; detail: string | undefined }

/** What the worker answers to: synchronous functions, of which `close` is the last to be called. */
export interface WorkerMethods {
  close(): void
}

export interface WorkerChannel<Methods extends WorkerMethods> {
  /** Throws the worker's AppError, or UNAVAILABLE when the worker died, hangs, is overloaded or was closed. */
  call<Name extends keyof Methods & string>(method: Name, ...args: Arguments<Methods[Name]>): Promise<Result<Methods[Name]>>
  /** Lets the calls in waiting finish first. */
  close(): Promise<void>
}

/** One worker thread behind promises. It is started by the first call, and again by the first call after it died. */
export function createWorkerChannel<Methods extends WorkerMethods>(start: () => Worker): WorkerChannel<Methods> {
  const pending = new Map<number, Pending>()
  let worker: Worker | null = null
  let calls = 0
  let closed = false

  function startWorker(): Worker {
    const started = start()
    let cause: unknown
    started.on('message', (response: WorkerResponse) => settle(response))
    started.on('error', (error) => {
      cause = error
    })
    started.on('exit', () => {
      if (worker === started) worker = null
      for (const [call, waiting] of pending) {
        if (waiting.worker === started)
          take(call)?.reject(new AppError('UNAVAILABLE', 'the worker thread of the search store ended', { cause }))
      }
    })
    return started
  }

  function settle(response: WorkerResponse): void {
    const waiting = take(response.call)
    if (response.ok) waiting?.resolve(response.value)
    else waiting?.reject(new AppError(response.code, response.detail))
  }

  function take(call: number): Pending | undefined {
    const waiting = pending.get(call)
    pending.delete(call)
    clearTimeout(waiting?.timer)
    return waiting
  }

  function post(method: string, args: unknown[]): Promise<unknown> {
    if (pending.size >= PENDING_MAX) return Promise.reject(new AppError('UNAVAILABLE', 'too many calls wait for the search store'))
    worker ??= startWorker()
    const target = worker
    const call = calls++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        take(call)?.reject(new AppError('UNAVAILABLE', 'the search store took too long'))
        void target.terminate()
      }, CALL_TIMEOUT_MS)
      pending.set(call, { worker: target, resolve, reject, timer })
      target.postMessage({ call, method, args } satisfies WorkerRequest)
    })
  }

  return {
    async call<Name extends keyof Methods & string>(method: Name, ...args: Arguments<Methods[Name]>) {
      if (closed) throw new AppError('UNAVAILABLE', 'the search store is closed')
      return (await post(method, args)) as Result<Methods[Name]>
    },
    async close() {
      closed = true
      const last = worker
      if (last === null) return
      try {
        await post('close', [])
      } finally {
        await last.terminate()
      }
    },
  }
}

interface Pending {
  worker: Worker
  resolve: (value: unknown) => void
  reject: (error: AppError) => void
  timer: NodeJS.Timeout
}

type Arguments<Method> = Method extends (...args: infer Args) => unknown ? Args : never
type Result<Method> = Method extends (...args: never[]) => infer Value ? Value : never
