import { sql } from 'kysely'
import { SCOPES } from '../contracts/access.ts'
import { createApiKey } from '../database/api-keys.ts'
import { type Database, withSystem } from '../database/connection.ts'
import type { Tenants } from '../database/tenants.ts'

/** Of processes that start together on a new installation one makes the key ("grk" in ASCII). */
const FIRST_KEY_LOCK = 0x67726b

/** On a new installation: a first tenant and an API key with every scope, which is returned this once. Null when there is any key. */
export async function createFirstKey(database: Database, tenants: Tenants): Promise<string | null> {
  return withSystem(database, async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(${FIRST_KEY_LOCK})`.execute(tx)
    if (await tx.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()) return null
    const tenant = await tx.selectFrom('tenants').select('id').orderBy('id').limit(1).executeTakeFirst()
    const tenantId = tenant?.id ?? (await tenants.create('first', tx))
    const created = await createApiKey(tx, tenantId, 'first', SCOPES)
    return created.api_key
  })
}
