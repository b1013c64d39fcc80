import { SCOPES } from '../contracts/access.ts'
import { createApiKey } from '../database/api-keys.ts'
import { type Database, withTenant } from '../database/connection.ts'
import type { Tenants } from '../database/tenants.ts'

/** On a new installation: a first tenant and an API key with every scope, which is returned this once. Null when there is a tenant. */
export async function createFirstKey(database: Database, tenants: Tenants): Promise<string | null> {
  if ((await tenants.list()).length > 0) return null
  const tenantId = await tenants.create('first')
  const created = await withTenant(database, tenantId, (tx) => createApiKey(tx, tenantId, 'first', SCOPES))
  return created.api_key
}
