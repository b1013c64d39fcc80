import { deriveKey, newKey, unwrapKey, wrapKey } from '../blobs/keys.ts'
import { UploadDefaults } from '../contracts/document.ts'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import { type Database, type Tx, withSystem, withTenant } from './connection.ts'

/** Keys of one tenant, derived from its root key (RFC 5869), each for one use. */
export interface TenantKeys {
  /** Wraps the keys of documents. */
  documents: Buffer
  /** Hashes tokens for search. */
  tokens: Buffer
  /** Recognises duplicates and idempotent requests. */
  requests: Buffer
  /** Seals the private keys that sign the tenant's log. */
  ledger: Buffer
  /** Recognises the identifiers of data subjects. */
  subjects: Buffer
}

export interface Tenants {
  /** Throws NOT_FOUND for an unknown tenant, DECRYPTION_FAILED under another master key. */
  keys(tenantId: string): Promise<TenantKeys>
  /** In the given transaction of the system, or in one of its own. */
  create(name: string, tx?: Tx): Promise<string>
  list(): Promise<string[]>
  /** The embedder that the tenant's vectors belong to, or null while it has none. */
  embedder(tenantId: string): Promise<string | null>
  /** The embedder that the tenant's vectors belong to; `wanted` becomes it when there is none yet. */
  bindEmbedder(tenantId: string, wanted: string): Promise<string>
  /** What is assumed of documents whose upload does not say; what another process changed is seen within DEFAULTS_MS. */
  defaults(tenantId: string): Promise<UploadDefaults>
  setDefaults(tenantId: string, defaults: UploadDefaults): Promise<void>
}

const DEFAULTS_MS = 5_000

/** Root keys are stored wrapped by the master key and cached for the life of the process: a tenant's key is never destroyed while it runs, and its embedder never changed. */
export function createTenants(database: Database, masterKey: Buffer): Tenants {
  const cache = new Map<string, TenantKeys>()
  const embedders = new Map<string, string>()
  const defaults = new Map<string, { value: UploadDefaults; untilMs: number }>()
  return {
    keys: async (tenantId) => {
      const cached = cache.get(tenantId)
      if (cached) return cached
      const row = await withTenant(database, tenantId, (tx) =>
        tx.selectFrom('tenants').select('wrapped_key').where('id', '=', tenantId).executeTakeFirst(),
      )
      if (!row) throw new AppError('NOT_FOUND', 'no such tenant')
      const root = unwrapKey(masterKey, row.wrapped_key, `tenant/${tenantId}`)
      const keys = {
        documents: deriveKey(root, 'documents'),
        tokens: deriveKey(root, 'tokens'),
        requests: deriveKey(root, 'requests'),
        ledger: deriveKey(root, 'ledger'),
        subjects: deriveKey(root, 'subjects'),
      }
      cache.set(tenantId, keys)
      return keys
    },
    create: async (name, given) => {
      const id = newId()
      const wrapped_key = wrapKey(masterKey, newKey(), `tenant/${id}`)
      const insert = (tx: Tx) => tx.insertInto('tenants').values({ id, name, wrapped_key, embedder: null }).execute()
      await (given ? insert(given) : withSystem(database, insert))
      return id
    },
    list: async () => {
      const rows = await withSystem(database, (tx) => tx.selectFrom('tenants').select('id').orderBy('id').execute())
      return rows.map((row) => row.id)
    },
    embedder: async (tenantId) => {
      const row = await withTenant(database, tenantId, (tx) =>
        tx.selectFrom('tenants').select('embedder').where('id', '=', tenantId).executeTakeFirst(),
      )
      return row?.embedder ?? null
    },
    defaults: async (tenantId) => {
      const known = defaults.get(tenantId)
      if (known && performance.now() < known.untilMs) return known.value
      const value = await readDefaults(database, tenantId)
      defaults.set(tenantId, { value, untilMs: performance.now() + DEFAULTS_MS })
      return value
    },
    setDefaults: async (tenantId, value) => {
      const { sensitivity, data_classes } = value
      await withTenant(database, tenantId, (tx) =>
        tx
          .updateTable('tenants')
          .set({ default_sensitivity: sensitivity, default_data_classes: data_classes })
          .where('id', '=', tenantId)
          .execute(),
      )
      defaults.delete(tenantId)
    },
    bindEmbedder: async (tenantId, wanted) => {
      const known = embedders.get(tenantId)
      if (known !== undefined) return known
      const bound = await withTenant(database, tenantId, async (tx) => {
        await tx.updateTable('tenants').set({ embedder: wanted }).where('id', '=', tenantId).where('embedder', 'is', null).execute()
        const row = await tx.selectFrom('tenants').select('embedder').where('id', '=', tenantId).executeTakeFirstOrThrow()
        return row.embedder ?? wanted
      })
      embedders.set(tenantId, bound)
      return bound
    },
  }
}

async function readDefaults(database: Database, tenantId: string): Promise<UploadDefaults> {
  const row = await withTenant(database, tenantId, (tx) =>
    tx.selectFrom('tenants').select(['default_sensitivity', 'default_data_classes']).where('id', '=', tenantId).executeTakeFirst(),
  )
  return UploadDefaults.parse({
    ...(row?.default_sensitivity && { sensitivity: row.default_sensitivity }),
    ...(row?.default_data_classes && { data_classes: row.default_data_classes }),
  })
}
