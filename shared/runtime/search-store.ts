import { join } from 'node:path'
import type { SearchStore } from '../search/port.ts'
import { createQdrantSearch } from '../search/qdrant.ts'
import { createSqliteSearch } from '../search/sqlite.ts'
import type { Config } from './config.ts'

/** The search store that the configuration names. */
export function createSearch(config: Pick<Config, 'DATA_DIR' | 'QDRANT_URL' | 'QDRANT_API_KEY'>): SearchStore {
  return config.QDRANT_URL
    ? createQdrantSearch({ url: config.QDRANT_URL, apiKey: config.QDRANT_API_KEY })
    : createSqliteSearch({ path: join(config.DATA_DIR, 'search.sqlite') })
}
