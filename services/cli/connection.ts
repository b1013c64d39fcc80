import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { CliConfig } from '../../shared/runtime/config.ts'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

export interface Connection {
  /** An origin, with the path under which the API is mounted, without a slash at the end. */
  url: string
  apiKey: string
}

const LocalFile = z.object({ url: z.url({ protocol: /^https?$/ }), api_key: z.string().min(1) })

/**
 * Where the server is and with which key: GREFFIER_URL and GREFFIER_API_KEY, else what a running `serve` wrote to DATA_DIR/local.json.
 * The local key never goes to another server than the local one. Throws CliError when something is missing.
 */
export async function readConnection(config: Pick<CliConfig, 'url' | 'apiKey' | 'dataDir'>): Promise<Connection> {
  if (config.url && config.apiKey) return connection(config.url, config.apiKey)
  const local = await readLocal(config.dataDir)
  if (!config.url) {
    if (local) return connection(local.url, config.apiKey ?? local.api_key)
    const message = 'found no running server: start one with `npm start`, or set GREFFIER_URL and GREFFIER_API_KEY'
    throw new CliError('NO_SERVER', message, EXIT.unreachable)
  }
  if (local && new URL(local.url).origin === new URL(config.url).origin) return connection(config.url, local.api_key)
  throw new CliError('NO_API_KEY', 'GREFFIER_URL is set, GREFFIER_API_KEY is not', EXIT.notAllowed)
}

function connection(url: string, apiKey: string): Connection {
  const parsed = new URL(url)
  if (parsed.username || parsed.password)
    throw new CliError('CONFIGURATION', 'GREFFIER_URL must not hold a user or password', EXIT.configuration)
  if (!/^[\x21-\x7e]+$/.test(apiKey))
    throw new CliError('CONFIGURATION', 'GREFFIER_API_KEY holds characters that no key has', EXIT.configuration)
  return { url: `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`, apiKey }
}

async function readLocal(dataDir: string): Promise<z.infer<typeof LocalFile> | null> {
  const path = join(dataDir, 'local.json')
  try {
    return LocalFile.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    // Neither the JSON parser's nor zod's message goes on: both may quote the key.
    throw new CliError('CONFIGURATION', `cannot read ${path}`, EXIT.configuration)
  }
}
