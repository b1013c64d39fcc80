import { NODE_TREE } from '../../../shared/blobs/hashing.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { EventProofs, LeafProof } from '../../../shared/contracts/event-proofs.ts'
import type { Tx } from '../../../shared/database/connection.ts'
import { readHead, tileReader } from '../../../shared/database/ledger.ts'
import { readDocumentLeaves, readLeaf } from '../../../shared/database/ledger-export.ts'
import type { TenantKeys } from '../../../shared/database/tenants.ts'
import { formatTlogProof } from '../../../shared/ledger/proof.ts'
import { inclusionProofs } from '../../../shared/ledger/tiles.ts'

interface Question {
  tenantId: string
  keys: TenantKeys
  documentId: string
  cursor: string | undefined
  limit: number
}

/** One event with its proof in the log as it is now; null: it is not in it yet. */
export async function proveEvent(
  tx: Tx,
  { tenantId, keys, eventId }: { tenantId: string; keys: TenantKeys; eventId: string },
): Promise<LeafProof | null> {
  const { size, checkpoint } = await readHead(tx, tenantId, keys)
  const leaf = await readLeaf(tx, { tenantId, eventId, size })
  if (leaf === undefined) return null
  const { body, index } = leaf
  const [hashes = []] = await inclusionProofs(size, [index], tileReader(tx, tenantId), NODE_TREE)
  return { leaf_index: index, event: body, proof: formatTlogProof({ index, hashes, checkpoint, extra: null }) }
}

/** A page of the document's events, each with its proof in the log as it is now. Throws DOCUMENT_NOT_FOUND. */
export async function proveEvents(tx: Tx, { tenantId, keys, documentId, cursor = '0', limit }: Question): Promise<EventProofs> {
  const document = await tx.selectFrom('documents').select('id').where('id', '=', documentId).executeTakeFirst()
  if (!document) throw new AppError('DOCUMENT_NOT_FOUND')
  const { origin, size, checkpoint } = await readHead(tx, tenantId, keys)
  const found = await readDocumentLeaves(tx, { documentId, size, after: cursor, limit: limit + 1 })
  const page = found.slice(0, limit)
  const indices = page.flatMap(({ leafIndex }) => (leafIndex === null ? [] : [leafIndex]))
  const hashes = await inclusionProofs(size, indices, tileReader(tx, tenantId), NODE_TREE)
  const proofs = new Map(indices.map((index, at) => [index, formatTlogProof({ index, hashes: hashes[at] ?? [], checkpoint, extra: null })]))
  return {
    document_id: documentId,
    origin,
    events: page.map(({ eventId, body, leafIndex }) => {
      const proof = leafIndex === null ? undefined : proofs.get(leafIndex)
      if (leafIndex === null || proof === undefined) return { status: 'pending', event_id: eventId }
      return { status: 'proven', event_id: eventId, leaf_index: leafIndex, event: body, proof }
    }),
    next_cursor: found.length > limit ? (page.at(-1)?.seq ?? null) : null,
  }
}
