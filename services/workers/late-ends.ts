import { START_MS_MAX } from '../../shared/database/open-starts.ts'
import { errorFields, type Log } from '../../shared/runtime/log.ts'
import { waitAtMost } from './wait-at-most.ts'

const PAUSE_MS = 2_000
const TRIES_MAX = Math.ceil(START_MS_MAX / PAUSE_MS)

interface Late {
  key: { document_id: string; stage: string }
}

/** Starts whose end is said after the loop has let go of them: their handlers went on, or the database could not be told. */
export interface LateEnds<Start extends Late> {
  /** Says it when `work` has settled, again and again until the database has heard it. */
  follow(start: Start, work: Promise<unknown>): void
  /** Resolves when all of them have said so, at the latest after `graceMs`; from then on nothing is tried a second time. */
  close(graceMs: number): Promise<void>
}

/** `say` throws where the database does not hear it; what is said twice is said once. */
export function createLateEnds<Start extends Late>(log: Log, say: (start: Start) => Promise<void>): LateEnds<Start> {
  const following = new Set<Promise<void>>()
  const closing = new AbortController()
  const end = async (start: Start, work: Promise<unknown>) => {
    await Promise.allSettled([work])
    for (let tries = 1; ; tries++) {
      try {
        return await say(start)
      } catch (error) {
        const { document_id: documentId, stage } = start.key
        if (tries === 1) log.warn({ documentId, stage, ...errorFields(error) }, 'a late start could not say that it has ended')
      }
      if (closing.signal.aborted || tries === TRIES_MAX) return
      await waitAtMost(PAUSE_MS, closing.signal)
    }
  }
  return {
    follow: (start, work) => {
      const followed = end(start, work).finally(() => following.delete(followed))
      following.add(followed)
    },
    close: async (graceMs) => {
      const ended = new AbortController()
      const all = Promise.all(following).finally(() => ended.abort())
      await Promise.race([all, waitAtMost(graceMs, ended.signal)])
      closing.abort()
    },
  }
}
