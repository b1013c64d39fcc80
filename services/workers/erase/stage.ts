import type { BlobStore } from '../../../shared/blobs/port.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { type Artifact, listArtifacts, markErased } from '../../../shared/database/artifacts.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { countContent, deleteContent } from '../../../shared/database/content.ts'
import { requestBehind, settleErasure } from '../../../shared/database/erasures.ts'
import { whenSettled } from '../../../shared/database/open-starts.ts'
import type { Tombstones } from '../../../shared/database/tombstones.ts'
import type { SearchStore } from '../../../shared/search/port.ts'
import type { StageHandler, StageServices } from '../stage.ts'

/**
 * Removes every trace of a document and reads every store back. Deleting the original destroys the document's key, and with it each sealed
 * column in heap, write-ahead log and backups. Stores outside PostgreSQL cannot join the tombstone's transaction: where a start of a stage has
 * not said that its work has returned, the whole of it is done again when it says so, or when its time is over.
 */
export function createErase({
  database,
  vault,
  blobs,
  search,
  tombstones,
}: StageServices & { blobs: BlobStore; search: SearchStore; tombstones: Tombstones }): StageHandler {
  return async ({ key }) => {
    const place = { tenantId: key.tenant_id, documentId: key.document_id }
    // Asked before the stores are emptied: what ends or runs out of time meanwhile may have written behind the probes.
    const [settled, artifacts, behind] = await withTenant(database, key.tenant_id, async (tx) => [
      await whenSettled(tx, [key.document_id]),
      await listArtifacts(tx, key.document_id),
      await requestBehind(tx, key.document_id),
    ])
    refuseForeignStores(artifacts, [search.name, blobs.name])
    await tombstones.append([{ tenant_id: key.tenant_id, document_id: key.document_id }])
    await search.remove({ tenant_id: key.tenant_id, document_id: key.document_id })
    await vault.destroy(place)
    const points = await search.countDocument({ tenant_id: key.tenant_id, document_id: key.document_id })
    const original = (await vault.exists(place)) ? 1 : 0
    if (points !== 0 || original !== 0) throw new AppError('ERASURE_INCOMPLETE', `${points} points and ${original} originals remain`)
    const emptied = figuresOf(artifacts, [
      { store: search.name, kind: 'points', remaining: points },
      { store: blobs.name, kind: 'original', remaining: original },
    ])
    return {
      write: async (tx) => {
        await deleteContent(tx, key.document_id)
        await markErased(tx, key.document_id)
        if (settled === null) await settleErasure(tx, key.document_id)
      },
      probe: async (tx) => {
        const remaining = await countContent(tx, key.document_id)
        if (remaining !== 0) throw new AppError('ERASURE_INCOMPLETE', `${remaining} rows remain`)
        return { stores: [...emptied, { store: 'postgres', kind: 'pages, fields, chunks, annex', remaining }] }
      },
      event: { operation: 'Erase', ...behind },
      ...(settled === null ? {} : { againInMs: settled.inMs }),
    }
  }
}

type Stores = ProcessingEvent['stores']

/** What the probes found in each place that held something. Throws ERASURE_INCOMPLETE for one that nobody looked into: it may not be called empty. */
export function figuresOf(artifacts: readonly Pick<Artifact, 'store' | 'kind'>[], probed: Stores): Stores {
  return artifacts.map(({ store, kind }) => {
    const found = probed.find((probe) => probe.store === store && probe.kind === kind)
    if (!found) throw new AppError('ERASURE_INCOMPLETE', `nobody looked for ${kind} in the store ${store}`)
    return found
  })
}

/** A store that held something of the document and is no longer configured was not emptied, whatever the others say. */
function refuseForeignStores(artifacts: readonly Artifact[], configured: readonly string[]): void {
  const foreign = artifacts.find(({ store }) => !configured.includes(store))
  if (foreign) throw new AppError('ERASURE_INCOMPLETE', `the store ${foreign.store} holds something of it and is not configured`)
}
