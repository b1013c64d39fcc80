import { mkdir } from 'node:fs/promises'
import { AppError } from '../../shared/contracts/errors.ts'
import { authenticate } from '../../shared/database/api-keys.ts'
import { type EmbeddedPostgres, type EmbeddedPostgresEvent, startEmbeddedPostgres } from '../../shared/database/embedded.ts'
import type { Config } from '../../shared/runtime/config.ts'
import { createFirstKey } from '../../shared/runtime/first-key.ts'
import { createHttpServer } from '../../shared/runtime/http.ts'
import { createLog, type Log } from '../../shared/runtime/log.ts'
import { openPlatform, type Platform } from '../../shared/runtime/platform.ts'
import { addCompliance } from '../compliance/app.ts'
import { startCompliance } from '../compliance/run.ts'
import { addIngest } from '../ingest/app.ts'
import { addRetrieval } from '../retrieval/app.ts'
import { startWorkers } from '../workers/run.ts'
import { createLocalKey, readLocalKey, writeLocal } from './local.ts'
import { readMasterKey } from './master-key.ts'

export interface Standalone {
  url: string
  /** A key with every scope; on a new data folder the first one there is. */
  apiKey: string
  firstStart: boolean
  /** Resolves with the reason when the system can no longer run: the embedded database server died too often to be restarted. */
  failed: Promise<AppError>
  /** Stops taking requests, drains the workers, stops the database server. */
  close(): Promise<void>
}

/** Every service in this process, over the embedded database unless DATABASE_URL names another. Leaves `local.json` in DATA_DIR for the command line. */
export async function startStandalone(config: Config): Promise<Standalone> {
  const log = createLog(config.LOG_LEVEL, 'standalone')
  await mkdir(config.DATA_DIR, { recursive: true, mode: 0o700 })
  const postgres =
    config.DATABASE_URL === undefined
      ? await startEmbeddedPostgres({ dataDir: config.DATA_DIR, log: (event) => logDatabase(log, event) })
      : null
  const failed = new Promise<AppError>((resolve) => {
    postgres?.onCrash((crash) => {
      if (crash.outcome === 'given_up') resolve(crash.error)
    })
  })
  const closing: (() => Promise<void>)[] = postgres ? [() => postgres.stop()] : []
  const close = async () => {
    const steps = await inOrder(closing.splice(0).reverse())
    const failure = steps.find((step) => step.status === 'rejected')
    if (failure) throw failure.reason
  }
  try {
    const platform = await openPlatform({ config, log, masterKey: await readMasterKey(config), ...databaseUrls(config, postgres) })
    closing.push(() => platform.close())
    const workers = startWorkers(platform)
    closing.push(() => workers.close())
    const compliance = startCompliance(platform, config)
    closing.push(() => compliance.close())
    const server = await createHttpServer({
      title: 'Greffier',
      log,
      metrics: platform.metrics,
      ready: () => platform.ready(['queue', 'search']),
    })
    await addIngest(server, { ...platform, uploadBytesMax: config.UPLOAD_BYTES_MAX })
    addRetrieval(server, platform)
    addCompliance(server, platform)
    closing.push(() => server.close())
    const url = await server.listen({ host: config.HOST, port: config.PORT })
    const keys = await openKey(platform, config.DATA_DIR)
    await writeLocal(config.DATA_DIR, { url, api_key: keys.apiKey })
    return { url, ...keys, failed, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** One step that fails must not keep the next, the database server among them, from stopping. */
async function inOrder(steps: readonly (() => Promise<void>)[]): Promise<PromiseSettledResult<void>[]> {
  const results: PromiseSettledResult<void>[] = []
  for (const step of steps) results.push(...(await Promise.allSettled([step()])))
  return results
}

function logDatabase(log: Log, { event, ...figures }: EmbeddedPostgresEvent): void {
  log[event === 'crashed' || event === 'given_up' ? 'error' : 'info'](figures, `embedded database server: ${event}`)
}

function databaseUrls(config: Config, postgres: EmbeddedPostgres | null) {
  if (postgres) return { databaseUrl: postgres.serviceUrl, databaseOwnerUrl: postgres.ownerUrl }
  if (config.DATABASE_URL === undefined) throw new AppError('INTERNAL', 'no database')
  return { databaseUrl: config.DATABASE_URL, databaseOwnerUrl: config.DATABASE_OWNER_URL ?? config.DATABASE_URL }
}

/** The first key on a new folder; later the one that local.json kept, or a new one where that file was lost or its key revoked. */
async function openKey({ database, tenants }: Platform, dataDir: string): Promise<{ apiKey: string; firstStart: boolean }> {
  const first = await createFirstKey(database, tenants)
  if (first !== null) return { apiKey: first, firstStart: true }
  const kept = await readLocalKey(dataDir)
  if (kept !== null && (await authenticate(database, kept))) return { apiKey: kept, firstStart: false }
  return { apiKey: await createLocalKey(database, tenants), firstStart: false }
}
