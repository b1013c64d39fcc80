import { type Database, openDatabase, reachable, withSystem } from '../database/connection.ts'
import {
  beginRebuild,
  type FinishedRebuild,
  findOpenRebuild,
  finishRebuild,
  markLeftBehind,
  readWantedFrom,
  takeRebuildLock,
} from '../database/store-rebuilds.ts'
import type { RebuildStep, SearchStore } from '../search/port.ts'
import { type Config, ConfigError } from './config.ts'
import { createSearch } from './search-store.ts'

/** `not_needed`: the store overwrites what it removes. `busy`: another process is at it. `blocked`: see RebuildResult. */
export type RebuildOutcome = { store: string } & (
  | { state: 'not_needed' | 'busy' }
  | { state: 'blocked'; snapshots: number }
  | ({ state: 'rebuilt'; points: number } & FinishedRebuild)
)

interface Watch {
  onStep(step: RebuildStep): void
  signal: AbortSignal
}

interface Services {
  search: SearchStore
  database: Database
  /** For the lock, which a connection of its own holds. */
  databaseUrl: string
  backupRetentionDays: number
}

/**
 * Builds the search store anew and puts on record what its bytes are gone of: all whose erasure was done when it began. The certificates that named it
 * are due again. Throws UNAVAILABLE where PostgreSQL or the store does not answer, or the lock is lost on the way: the next one goes on.
 */
export async function rebuildSearch(services: Services, { onStep, signal }: Watch): Promise<RebuildOutcome> {
  const { search, database, databaseUrl, backupRetentionDays } = services
  const store = search.name
  if (search.rebuild === null) return { store, state: 'not_needed' }
  const lock = await reachable(() => takeRebuildLock(databaseUrl))
  if (lock === null) return { store, state: 'busy' }
  let id = ''
  try {
    const result = await search.rebuild({
      wantedFrom: (documentIds) => withSystem(database, (tx) => readWantedFrom(tx, documentIds)),
      snapshotsAreBackups: backupRetentionDays > 0,
      onTakenUp: () =>
        withSystem(database, async (tx) => {
          const open = await findOpenRebuild(tx, store)
          if (open !== null) await finishRebuild(tx, open)
        }),
      onBegin: async () => {
        id = await withSystem(database, (tx) => beginRebuild(tx, store))
        for (let more = true; more; more = await withSystem(database, (tx) => markLeftBehind(tx, store, id))) lock.lost.throwIfAborted()
      },
      onStep,
      signal: AbortSignal.any([signal, lock.lost]),
    })
    if (result.state === 'blocked') return { store, ...result }
    // Another one may have taken up what this one began, and put more into it.
    lock.lost.throwIfAborted()
    return { store, ...result, ...(await withSystem(database, (tx) => finishRebuild(tx, id))) }
  } finally {
    await lock.release()
  }
}

/**
 * The same over what the configuration names, for an operator: an API key belongs to one tenant, and a rebuild is of all. Throws ConfigError where the
 * database is the embedded one, which is reached by the process that runs it alone.
 */
export async function runSearchRebuild(config: Config, watch: Watch): Promise<RebuildOutcome> {
  if (config.QDRANT_URL === undefined) return { store: 'sqlite', state: 'not_needed' }
  const { DATABASE_URL: databaseUrl } = config
  if (databaseUrl === undefined) throw new ConfigError('configuration: DATABASE_URL is required: a rebuild works beside the services')
  const search = createSearch(config)
  // What goes wrong with a connection fails the statement that needs it.
  const database = openDatabase(databaseUrl, () => undefined)
  try {
    return await rebuildSearch({ search, database, databaseUrl, backupRetentionDays: config.BACKUP_RETENTION_DAYS }, watch)
  } finally {
    await search.close()
    await database.destroy()
  }
}
