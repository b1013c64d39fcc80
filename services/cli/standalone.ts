import { type Config, readConfig } from '../../shared/runtime/config.ts'
import type { StartStandalone } from './embedded.ts'

/**
 * What an embedded system is configured by. `serve`: the environment. `try`: the environment's models, and nothing of its stores, so that
 * nothing stays behind in them. `demo`: nothing of the environment.
 */
const CONFIGURATIONS = {
  serve: () => readConfig(),
  try: () => ({
    ...readConfig(),
    MASTER_KEY: undefined,
    DATABASE_URL: undefined,
    DATABASE_OWNER_URL: undefined,
    QUEUE_URL: undefined,
    QDRANT_URL: undefined,
    QDRANT_API_KEY: undefined,
  }),
  demo: () => readConfig({}),
} as const satisfies Record<string, () => Config>

/** Loads the heavy half of the program: only the commands that need it wait for that. */
export async function loadStandalone(command: keyof typeof CONFIGURATIONS): Promise<StartStandalone> {
  const { startStandalone } = await import('../standalone/app.ts')
  const config = CONFIGURATIONS[command]()
  return ({ dataDir, port, host, logLevel }) =>
    startStandalone({ ...config, DATA_DIR: dataDir, PORT: port, HOST: host ?? config.HOST, LOG_LEVEL: logLevel })
}
