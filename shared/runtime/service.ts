import { type Config, ConfigError } from './config.ts'
import { createHttpServer, type HttpServer } from './http.ts'
import { stopRequested } from './lifecycle.ts'
import { createLog } from './log.ts'
import { type Need, openPlatform, type Platform } from './platform.ts'
import { PolicyFileError } from './policy-files.ts'

/** EX_CONFIG of sysexits.h. */
const EXIT_CONFIGURATION = 78
/** Workers drain for 10 s. Orchestrators kill after 30 s. */
const CLOSE_MS_MAX = 25_000

/**
 * Runs one service as a process of its own; a configuration, policy or register that does not parse ends it with one line and exit code 78.
 * `add` adds the service's routes and work, and may return what has to be closed besides.
 */
export async function runService(readConfig: () => Config, name: string, needs: readonly Need[], add: AddService): Promise<void> {
  try {
    await run(readConfig(), name, needs, add)
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof PolicyFileError)) throw error
    process.stderr.write(`greffier ${name}: ${error.message}\n`)
    process.exitCode = EXIT_CONFIGURATION
  }
}

type AddService = (server: HttpServer, platform: Platform, config: Config) => Promise<(() => Promise<void>) | undefined>

/** Opens the platform that the configuration names, adds the service, listens, and closes everything in reverse order when asked to stop. */
async function run(config: Config, name: string, needs: readonly Need[], add: AddService): Promise<void> {
  const log = createLog(config.LOG_LEVEL, name)
  const platform = await openPlatform({ config, log, ...requiredForServices(config) })
  const server = await createHttpServer({ title: `Greffier ${name}`, log, metrics: platform.metrics, ready: () => platform.ready(needs) })
  const close = await add(server, platform, config)
  const address = await server.listen({ host: config.HOST, port: config.PORT })
  log.info({ port: Number(new URL(address).port), backend: platform.backend.name }, 'service started')
  log.info({ signal: await stopRequested() }, 'service stops')
  const late = setTimeout(() => {
    log.error({}, 'something did not answer while the service was closing; it ends as if killed')
    process.exit(1)
  }, CLOSE_MS_MAX)
  await server.close()
  await close?.()
  await platform.close()
  clearTimeout(late)
}

/** Without the embedded database nothing is made up: several processes must agree on it. */
function requiredForServices(config: Config) {
  const { DATABASE_URL, MASTER_KEY } = config
  if (DATABASE_URL === undefined || MASTER_KEY === undefined)
    throw new ConfigError('configuration: DATABASE_URL and MASTER_KEY are required where services run apart')
  return { databaseUrl: DATABASE_URL, databaseOwnerUrl: config.DATABASE_OWNER_URL ?? DATABASE_URL, masterKey: MASTER_KEY }
}
