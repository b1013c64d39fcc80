import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createFilesystemBlobs } from '../../shared/blobs/filesystem.ts'
import { hmac } from '../../shared/blobs/keys.ts'
import type { BlobStore } from '../../shared/blobs/port.ts'
import { createVault, type Vault } from '../../shared/blobs/vault.ts'
import { UploadOptions } from '../../shared/contracts/document.ts'
import { newId } from '../../shared/contracts/ids.ts'
import { sealAnnex } from '../../shared/database/annex.ts'
import { registerArtifact } from '../../shared/database/artifacts.ts'
import { type Database, openDatabase, type Tx, withTenant } from '../../shared/database/connection.ts'
import type { RevisionKey } from '../../shared/database/content.ts'
import { acceptDocument } from '../../shared/database/documents.ts'
import { migrate } from '../../shared/database/migrations.ts'
import { createTenants, type Tenants } from '../../shared/database/tenants.ts'
import { openPool, unheard } from './pools.ts'
import { testDatabase } from './postgres.ts'

/** A migrated database with one tenant, and a vault in a temporary folder: what the foundation's tests work on. */
export interface Workbench {
  readonly ownerUrl: string
  readonly serviceUrl: string
  readonly folder: string
  readonly database: Database
  readonly tenants: Tenants
  readonly tenantId: string
  readonly blobs: BlobStore
  readonly vault: Vault
  /** As the superuser that owns the database, past row-level security and grants. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** One transaction as the workbench's tenant. */
  tenant<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>
  /** An accepted document whose original is in the vault: its first stage is due. */
  upload(document?: { text?: string; tenantId?: string; options?: Record<string, unknown> }): Promise<RevisionKey>
  close(): Promise<void>
}

export async function openWorkbench(): Promise<Workbench> {
  const urls = await testDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'greffier-test-bench-'))
  await migrate(urls.ownerUrl, urls.serviceUrl)
  const owner = openPool({ connectionString: urls.ownerUrl, max: 2 })
  const database = openDatabase(urls.serviceUrl, unheard)
  const tenants = createTenants(database, randomBytes(32))
  const tenantId = await tenants.create('bench')
  const blobs = createFilesystemBlobs(join(folder, 'blobs'))
  const vault = createVault(blobs)
  return {
    ownerUrl: urls.ownerUrl,
    serviceUrl: urls.serviceUrl,
    folder,
    database,
    tenants,
    tenantId,
    blobs,
    vault,
    query: async (text, values = []) => (await owner.query(text, [...values])).rows,
    tenant: (work) => withTenant(database, tenantId, work),
    upload: (document = {}) => upload({ database, tenants, vault, blobs }, { tenantId, ...document }),
    close: async () => {
      await database.destroy()
      await owner.end()
      await urls.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** How many transactions of its database wait for another one's lock. */
export async function blockedTransactions(bench: Workbench): Promise<number> {
  const rows = await bench.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
  )
  return rows.length
}

async function upload(
  { database, tenants, vault, blobs }: Pick<Workbench, 'database' | 'tenants' | 'vault' | 'blobs'>,
  document: { tenantId: string; text?: string; options?: Record<string, unknown> },
): Promise<RevisionKey> {
  const { tenantId, text = 'Hello.' } = document
  const documentId = newId()
  const tenantKeys = await tenants.keys(tenantId)
  const locator = vault.locator(tenantId, documentId)
  await withTenant(database, tenantId, (tx) =>
    registerArtifact(tx, { tenant_id: tenantId, document_id: documentId, kind: 'original', store: blobs.name, locator }),
  )
  const stored = await vault.write({ tenantKey: tenantKeys.documents, tenantId, documentId, source: Readable.from([Buffer.from(text)]) })
  const options = UploadOptions.parse(document.options ?? {})
  const { file_name = null, metadata } = options
  const annex = sealAnnex(stored.keys, documentId, { file_name, metadata, uploaded_by: null })
  const { revision } = await withTenant(database, tenantId, (tx) =>
    acceptDocument(tx, {
      id: documentId,
      tenant_id: tenantId,
      media_type: 'text/plain',
      bytes: stored.bytes,
      options,
      dedupeHmac: randomBytes(32),
      contentCommit: hmac(stored.keys.commitment, stored.sha256),
      sealedAnnex: annex.sealed,
    }),
  )
  return { tenant_id: tenantId, document_id: documentId, revision }
}
