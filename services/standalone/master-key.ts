import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, ConfigError } from '../../shared/runtime/config.ts'

const KEY_BYTES = 32

/**
 * MASTER_KEY, or with the embedded database the key in DATA_DIR/master.key, made on the first start (mode 0600). Whoever has it and the data folder can
 * read everything; whoever loses it can read nothing.
 */
export async function readMasterKey(config: Config): Promise<Buffer> {
  if (config.MASTER_KEY) return config.MASTER_KEY
  if (config.DATABASE_URL !== undefined)
    throw new ConfigError('configuration: MASTER_KEY: required with DATABASE_URL (openssl rand -base64 32)')
  const path = join(config.DATA_DIR, 'master.key')
  if (!existsSync(path)) await writeOnce(path, `${randomBytes(KEY_BYTES).toString('base64')}\n`)
  const key = Buffer.from(await readFile(path, 'utf8'), 'base64')
  if (key.length !== KEY_BYTES) throw new ConfigError(`configuration: ${path} does not hold a key of ${KEY_BYTES} bytes`)
  return key
}

/** Whole or not at all, whenever the process dies; what is there stays. */
async function writeOnce(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporary, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(temporary, { force: true })
  }
}
