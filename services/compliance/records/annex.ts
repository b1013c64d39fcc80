import { deriveKey } from '../../../shared/blobs/keys.ts'
import type { DocumentKeys, Vault } from '../../../shared/blobs/vault.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { AnnexView, OrderedBy } from '../../../shared/contracts/record.ts'
import { ANNEXED_DOCUMENTS_MAX, type Annexes, type RecordAccess } from '../../../shared/contracts/records.ts'
import { openAnnex } from '../../../shared/database/annex.ts'
import type { Caller } from '../../../shared/database/api-keys.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import type { DocumentRow } from '../../../shared/database/documents.ts'
import { readOrderers } from '../../../shared/database/event-actors.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import type { RecordedEvent } from '../../../shared/database/records.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { openReason, sealReason } from '../rights/written-reason.ts'

/** Headers of originals that are read at once, each for the key of one document. */
const KEYS_AT_ONCE = 16

export interface AnnexServices {
  database: Database
  tenants: Tenants
  vault: Vault
}

/** One justified look: everything that is read under it is on record with the commitment to its justification. */
export interface Access {
  id: string
  tenantId: string
  commit: string
}

/** What is shown to who says why: names of documents, and of those who ordered events. */
export interface Names {
  annexes: Annexes
  ordered_by: OrderedBy
}

export interface Asked {
  documentIds: readonly string[]
  eventIds: readonly string[]
}

/**
 * Keeps the API key's id, and the justification, sealed under a key of the tenant's: it outlives the documents, and says nothing to whoever holds the
 * database alone.
 */
export async function beginAccess(
  { database, tenants }: AnnexServices,
  { tenantId, keyId }: Caller,
  justification: string,
): Promise<Access> {
  const id = newId()
  const { sealed, commit } = sealReason(await accessKey(tenants, tenantId), justification, contextOf(id))
  await withTenant(database, tenantId, (tx) =>
    tx.insertInto('record_accesses').values({ id, tenant_id: tenantId, key_id: keyId, sealed_justification: sealed }).execute(),
  )
  return { id, tenantId, commit }
}

/**
 * The annexes of at most ANNEXED_DOCUMENTS_MAX documents, and who ordered events. When this resolves, the event that names the documents whose annex is among
 * them is committed: nothing may be sent before. An erasure or restriction that was committed before that event leaves null. Neither takes who ordered an event,
 * which says nothing of the people in the document, but where it stands in a review of a field, which an erasure deletes.
 */
export async function readNames(services: AnnexServices, access: Access, { documentIds, eventIds }: Asked): Promise<Names> {
  if (documentIds.length > ANNEXED_DOCUMENTS_MAX)
    throw new AppError('INTERNAL', `an access names at most ${ANNEXED_DOCUMENTS_MAX} documents`)
  const { database } = services
  const { tenantId } = access
  const rows = await withTenant(database, tenantId, (tx) => readOpen(tx, documentIds))
  const keys = await readKeys(services, tenantId, rows)
  return withTenant(database, tenantId, async (tx) => {
    const open = (await readOpen(tx, documentIds)).filter((row) => keys.has(row.id))
    const keyNames = await readKeyNames(tx)
    const orderers = await readOrderers(tx, eventIds)
    await appendEvent(tx, tenantId, {
      operation: 'Retrieve',
      step: 'annex',
      phase: 'completed',
      result: 'ok',
      request_ref: access.id,
      justification_commit: access.commit,
      hits: open.map(({ id, revision }) => ({ doc_ref: id, revision, page: 0 })),
    })
    const views = new Map(open.map((row) => [row.id, viewOf(row, keys.get(row.id))]))
    return {
      annexes: Object.fromEntries(documentIds.map((id) => [id, views.get(id) ?? null])),
      ordered_by: Object.fromEntries([...orderers].map(([id, keyId]) => [id, { key_id: keyId, name: keyNames.get(keyId) ?? null }])),
    }
  })
}

/** Throws NOT_FOUND. */
export async function readAccess({ database, tenants }: AnnexServices, tenantId: string, id: string): Promise<RecordAccess> {
  const row = await withTenant(database, tenantId, (tx) =>
    tx.selectFrom('record_accesses').selectAll().where('id', '=', id).executeTakeFirst(),
  )
  if (!row) throw new AppError('NOT_FOUND', 'no such access')
  const justification = openReason(await accessKey(tenants, tenantId), row.sealed_justification, contextOf(id))
  return { access_id: id, key_id: row.key_id, justification, time: row.created_at.toISOString() }
}

/** As many events, and one at least, as name no more documents than one access can. */
export function withinAnnexes(rows: readonly RecordedEvent[]): RecordedEvent[] {
  const seen = new Set<string>()
  const end = rows.findIndex(({ document_ids }) => {
    for (const id of document_ids) seen.add(id)
    return seen.size > ANNEXED_DOCUMENTS_MAX
  })
  return rows.slice(0, end === -1 ? rows.length : Math.max(end, 1))
}

/** Each document once; of an event that names more than an access can, the first ones. */
export function askedOf(rows: readonly RecordedEvent[]): Asked {
  const documentIds = [...new Set(rows.flatMap(({ document_ids }) => document_ids))].slice(0, ANNEXED_DOCUMENTS_MAX)
  return { documentIds, eventIds: rows.map(({ id }) => id) }
}

type OpenRow = Pick<DocumentRow, 'id' | 'revision' | 'sealed_annex'>

async function readOpen(tx: Tx, ids: readonly string[]): Promise<OpenRow[]> {
  if (ids.length === 0) return []
  return tx
    .selectFrom('documents')
    .select(['id', 'revision', 'sealed_annex'])
    .where('id', 'in', ids)
    .where('erased_at', 'is', null)
    .where('restricted_at', 'is', null)
    .execute()
}

/** By document; one whose original went meanwhile has none. */
async function readKeys({ tenants, vault }: AnnexServices, tenantId: string, rows: readonly OpenRow[]): Promise<Map<string, DocumentKeys>> {
  const tenantKey = (await tenants.keys(tenantId)).documents
  const keys = new Map<string, DocumentKeys>()
  for (let from = 0; from < rows.length; from += KEYS_AT_ONCE) {
    const part = rows.slice(from, from + KEYS_AT_ONCE)
    await Promise.all(
      part.map(async ({ id }) => {
        try {
          keys.set(id, await vault.keys({ tenantKey, tenantId, documentId: id }))
        } catch (error) {
          if (!(error instanceof AppError && error.code === 'ORIGINAL_MISSING')) throw error
        }
      }),
    )
  }
  return keys
}

async function readKeyNames(tx: Tx): Promise<Map<string, string>> {
  const rows = await tx.selectFrom('api_keys').select(['id', 'name']).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/** As it was sealed, with nothing beside it: what is shown is what the event of its upload committed to. */
function viewOf(row: OpenRow, keys: DocumentKeys | undefined): AnnexView {
  return keys ? openAnnex(keys, row) : null
}

async function accessKey(tenants: Tenants, tenantId: string): Promise<Buffer> {
  return deriveKey((await tenants.keys(tenantId)).documents, 'greffier/v1/tenant/record-accesses')
}

const contextOf = (id: string) => `${id}/access`
