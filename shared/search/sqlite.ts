import { Worker } from 'node:worker_threads'
import type { SearchStore } from './port.ts'
import type { SqliteIndex } from './sqlite-index.ts'
import { createWorkerChannel } from './worker-channel.ts'

/**
 * The embedded search store: one SQLite file (`path`; its folder exists), which several processes may open. Two threads keep the event loop free and
 * let a search run while a large document is written (WAL: a reader never waits for the writer, and sees what was committed before it began).
 * Errors: UNAVAILABLE (the thread died, hangs or is overloaded; the file is locked or cannot be opened), STORAGE_FULL, INTERNAL.
 */
export function createSqliteSearch(options: { path: string }): SearchStore {
  const start = () => new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: { path: options.path } })
  const writer = createWorkerChannel<SqliteIndex>(start)
  const reader = createWorkerChannel<SqliteIndex>(start)
  return {
    name: 'sqlite',
    replace: async (scope, points, expectTime) => {
      expectTime?.()
      await writer.call('replace', scope, points)
    },
    remove: (document) => writer.call('remove', document),
    count: (scope) => reader.call('count', scope),
    countDocument: (document) => reader.call('countDocument', document),
    query: (query) => reader.call('query', query),
    rebuild: null,
    ping: () => reader.call('ping'),
    async close() {
      await Promise.all([reader.close(), writer.close()])
    },
  }
}
