import { openDatabase } from '../../shared/database/connection.ts'
import { migrate } from '../../shared/database/migrations.ts'
import { createTenants } from '../../shared/database/tenants.ts'
import { createFirstKey } from '../../shared/runtime/first-key.ts'
import { unheard } from './pools.ts'

/** Migrates a new database and gives it its first tenant. Resolves with the API key, which has every scope. Also for the bench, which runs without vitest. */
export async function firstKey({ ownerUrl, serviceUrl }: { ownerUrl: string; serviceUrl: string }, masterKey: Buffer): Promise<string> {
  await migrate(ownerUrl, serviceUrl)
  const database = openDatabase(serviceUrl, unheard)
  try {
    const key = await createFirstKey(database, createTenants(database, masterKey))
    if (key === null) throw new Error('a new database has a key already')
    return key
  } finally {
    await database.destroy()
  }
}
