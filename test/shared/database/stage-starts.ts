import { setImmediate } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { vi } from 'vitest'
import type { WorkerLoop } from '../../../services/workers/loop.ts'
import type { StageHandler } from '../../../services/workers/stage.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Database } from '../../../shared/database/connection.ts'
import type { Tables } from '../../../shared/database/schema.ts'
import type { Ending, Position } from './stage-model.ts'

/** One start of the real worker loop, in a process of its own as far as the loop can tell. */
export interface Start {
  /** Does the next effect outside PostgreSQL. Resolves with where the start then waits, or null when it has ended. */
  work(): Promise<Position | null>
  /** Lets it run to its end, which is `ending` or, for a start that has been superseded, nothing. */
  end(ending: Ending): Promise<void>
  /** The loop gives the start up; its handler does not notice, and can still be let go on by `work`. */
  abandon(why: 'time' | 'shutdown'): Promise<void>
}

/** The handlers of one process, held at every position until the test lets them go on. */
export interface Reins {
  hold(handler: StageHandler): StageHandler
  pause(position: Position): Promise<void>
  ending(): Ending
  /** Null when the delivery ended without a handler. */
  take(process: { delivered: Promise<void>; loop: WorkerLoop; quiet: () => Promise<void> }): Promise<Start | null>
}

/** A database that says when nobody is in a transaction, or just about to begin one. */
export function watchTransactions(database: Database): { watched: Database; quiet: () => Promise<void> } {
  const open = new Set<Promise<boolean>>()
  const transaction = () => ({
    execute: <Result>(work: (tx: Transaction<Tables>) => Promise<Result>) => {
      const result = database.transaction().execute(work)
      const settled: Promise<boolean> = Promise.allSettled([result]).then(() => open.delete(settled))
      open.add(settled)
      return result
    },
  })
  const quiet = async () => {
    await setImmediate()
    while (open.size > 0) await Promise.all(open)
  }
  return { watched: { transaction, declare: database.declare } as unknown as Database, quiet }
}

/** A handler that is told nothing of its end does the most that a late one can do. */
const NEVER = new AbortController().signal

let lastTimeout = new AbortController()

/** From here on a stage's time is over when a test says so. Returns what gives the clock back. */
export function holdTime(): () => void {
  const spy = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    lastTimeout = new AbortController()
    return lastTimeout.signal
  })
  return () => spy.mockRestore()
}

export function takeReins(): Reins {
  let ending: Ending = 'ok'
  let running = false
  let arrived = Promise.withResolvers<Position>()
  let go = Promise.withResolvers<void>()
  const over = Promise.withResolvers<null>()

  const pause = async (position: Position) => {
    if (running) return
    arrived.resolve(position)
    await go.promise
  }
  const release = (error: Error | null) => {
    const { resolve, reject } = go
    go = Promise.withResolvers()
    arrived = Promise.withResolvers()
    if (error) reject(error)
    else resolve()
  }
  return {
    pause,
    ending: () => ending,
    hold: (handler) => async (run) => {
      try {
        await pause('begun')
        const result = await handler({ ...run, signal: NEVER })
        await pause('worked')
        const write: typeof result.write = async (tx) => {
          await result.write(tx)
          if (ending === 'rolled_back') throw new AppError('UNAVAILABLE')
        }
        return { ...result, write }
      } finally {
        over.resolve(null)
      }
    },
    take: async ({ delivered, loop, quiet }) => {
      const ended = delivered.then(() => null)
      if ((await Promise.race([arrived.promise, ended])) === null) return null
      const timeout = lastTimeout
      let end: Promise<null> = ended
      return {
        work: () => {
          release(null)
          return Promise.race([arrived.promise, end])
        },
        end: async (wanted) => {
          ending = wanted
          running = true
          release(errorOf(wanted))
          await ended
        },
        abandon: async (why) => {
          // Nobody waits for what the loop does then.
          end = over.promise.then(quiet).then(() => null)
          if (why === 'time') timeout.abort()
          // It would wait a moment for a handler that ends late, which is the test's to decide.
          else void loop.close(0)
          await ended
        },
      }
    },
  }
}

/** What the handler throws where it waits. */
function errorOf(ending: Ending): Error | null {
  switch (ending) {
    case 'ok':
    case 'no_text':
    case 'rolled_back':
      return null
    case 'transient':
      return new AppError('UNAVAILABLE')
    case 'poison':
      return new AppError('DOCUMENT_UNREADABLE')
    case 'refused':
      return new AppError('POLICY_REFUSED')
    case 'unknown':
      return new Error('unknown')
  }
}
