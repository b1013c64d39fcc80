import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { SCOPES } from '../../shared/contracts/access.ts'
import { AppError } from '../../shared/contracts/errors.ts'
import { createApiKey } from '../../shared/database/api-keys.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'
import type { Tenants } from '../../shared/database/tenants.ts'

/** How the command line on the same machine finds the server: address and key, readable by its owner alone. */
const Local = z.strictObject({ url: z.url(), api_key: z.string() })

export async function writeLocal(dataDir: string, local: z.infer<typeof Local>): Promise<void> {
  const path = join(dataDir, 'local.json')
  const temporary = `${path}.new`
  await writeFile(temporary, `${JSON.stringify(local)}\n`, { mode: 0o600 })
  await chmod(temporary, 0o600)
  await rename(temporary, path)
}

export async function readLocalKey(dataDir: string): Promise<string | null> {
  try {
    return Local.parse(JSON.parse(await readFile(join(dataDir, 'local.json'), 'utf8'))).api_key
  } catch (error) {
    // Missing or damaged: the caller makes a new one.
    if (
      error instanceof SyntaxError ||
      error instanceof z.ZodError ||
      (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    )
      return null
    throw error
  }
}

export async function createLocalKey(database: Database, tenants: Tenants): Promise<string> {
  const [tenantId] = await tenants.list()
  if (tenantId === undefined) throw new AppError('INTERNAL', 'there is no tenant')
  const created = await withTenant(database, tenantId, (tx) => createApiKey(tx, tenantId, 'local command line', SCOPES))
  return created.api_key
}
