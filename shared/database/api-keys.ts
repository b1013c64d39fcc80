import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { sql } from 'kysely'
import { type ApiKeyCreated, type ApiKeyView, Scope } from '../contracts/access.ts'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import { type Database, reachable, type Tx } from './connection.ts'

const SECRET_BYTES = 32
const KEY_FORMAT = /^greffier_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/

export interface Identity {
  tenantId: string
  keyId: string
  keyName: string
  scopes: readonly Scope[]
}

/** Whose request it is. */
export type Caller = Pick<Identity, 'tenantId' | 'keyId'>

/** A key is `greffier_<id>_<256 random bits>`; the row holds SHA-256 of the secret, which needs no salt at that length. */
export async function createApiKey(tx: Tx, tenantId: string, name: string, scopes: readonly Scope[]): Promise<ApiKeyCreated> {
  const id = newId()
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  await tx
    .insertInto('api_keys')
    .values({ id, tenant_id: tenantId, name, secret_hash: hash(secret), scopes: [...scopes] })
    .execute()
  return { key_id: id, name, scopes: [...scopes], api_key: `greffier_${id.replaceAll('-', '')}_${secret}` }
}

/** Who a bearer key belongs to, or null. The secret is compared in constant time; the tenant comes from the key alone. */
export async function authenticate(database: Database, apiKey: string): Promise<Identity | null> {
  const match = KEY_FORMAT.exec(apiKey)
  if (!match?.[1] || !match[2]) return null
  const id = match[1].replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  const { rows } = await reachable(() =>
    sql<{ tenant_id: string; secret_hash: Buffer; scopes: string[]; name: string }>`SELECT * FROM find_api_key(${id})`.execute(database),
  )
  const [row] = rows
  const given = hash(match[2])
  if (!row || !timingSafeEqual(row.secret_hash, given)) return null
  return { tenantId: row.tenant_id, keyId: id, keyName: row.name, scopes: Scope.array().parse(row.scopes) }
}

export async function listApiKeys(tx: Tx): Promise<ApiKeyView[]> {
  const rows = await tx.selectFrom('api_keys').selectAll().orderBy('id').execute()
  return rows.map((row) => ({
    key_id: row.id,
    name: row.name,
    scopes: Scope.array().parse(row.scopes),
    created_at: row.created_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
  }))
}

/** Throws NOT_FOUND. A revoked key stays listed. */
export async function revokeApiKey(tx: Tx, keyId: string): Promise<void> {
  const row = await tx
    .updateTable('api_keys')
    .set((key) => ({ revoked_at: sql<Date>`coalesce(${key.ref('revoked_at')}, now())` }))
    .where('id', '=', keyId)
    .returning('id')
    .executeTakeFirst()
  if (!row) throw new AppError('NOT_FOUND', 'no such API key')
}

function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
