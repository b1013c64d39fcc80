import { sql } from 'kysely'
import { AppError } from '../contracts/errors.ts'
import type { Stage } from '../contracts/jobs.ts'
import type { Tx } from './connection.ts'
import { findDocument } from './documents.ts'
import { scheduleStage } from './stages.ts'

/** A document that ended as `refused`, under other rules than those that are asked about. */
export interface RefusedDocument {
  tenant_id: string
  document_id: string
}

/**
 * Makes the stage that ended a document due again, in the same revision, with all of its starts; what the stages before it made is kept.
 * Throws DOCUMENT_NOT_FOUND, DOCUMENT_ERASED, NOTHING_TO_REDRIVE.
 */
export async function redriveDocument(tx: Tx, documentId: string): Promise<{ revision: number; stage: Stage }> {
  const { tenant_id, revision } = await findDocument(tx, documentId, 'update')
  const [resumed] = await resume(tx, tenant_id, [documentId])
  if (!resumed) throw new AppError('NOTHING_TO_REDRIVE')
  return { revision, stage: resumed.stage }
}

/** In the order of their ids, from the one after `after` on: identifiers only, over all tenants (`withSystem`). */
export async function listRefused(tx: Tx, refusedUnder: string, after: string | null, limit: number): Promise<RefusedDocument[]> {
  let query = tx
    .selectFrom('documents as d')
    .innerJoin('stages as s', (join) => join.onRef('s.document_id', '=', 'd.id').onRef('s.revision', '=', 'd.revision'))
    .select(['d.tenant_id', 'd.id as document_id'])
    .where('d.status', '=', 'refused')
    .where('d.erased_at', 'is', null)
    .where('d.restricted_at', 'is', null)
    .where(refusedUnderOthers(refusedUnder))
  if (after !== null) query = query.where('d.id', '>', after)
  return query.orderBy('d.id').limit(limit).execute()
}

/**
 * Makes those of these documents of one tenant due again that are still refused, and not by these rules; those that another process holds at this moment
 * are its business. Returns which it was.
 */
export async function redriveRefused(tx: Tx, tenantId: string, documentIds: readonly string[], refusedUnder: string): Promise<string[]> {
  const held = await tx
    .selectFrom('documents')
    .select('id')
    .where('id', 'in', [...documentIds])
    .where('status', '=', 'refused')
    .where('erased_at', 'is', null)
    .orderBy('id')
    .forNoKeyUpdate()
    .skipLocked()
    .execute()
  if (held.length === 0) return []
  // Asked once the rows are held: it may have been refused by these very rules since it was listed.
  const due = await tx
    .selectFrom('documents as d')
    .innerJoin('stages as s', (join) => join.onRef('s.document_id', '=', 'd.id').onRef('s.revision', '=', 'd.revision'))
    .select('d.id')
    .where(
      'd.id',
      'in',
      held.map(({ id }) => id),
    )
    .where(refusedUnderOthers(refusedUnder))
    .execute()
  const resumed = await resume(
    tx,
    tenantId,
    due.map(({ id }) => id),
  )
  return resumed.map(({ id }) => id)
}

/** Of stages `s`: refused, and never by these rules; what was refused before rules were remembered counts as refused by others. */
function refusedUnderOthers(refusedUnder: string) {
  return sql<boolean>`s.status = 'failed' AND s.error_code = 'POLICY_REFUSED' AND NOT s.refused_under @> ARRAY[${refusedUnder}]`
}

/** The caller holds the documents' rows. What is neither refused nor failed is left as it is. */
async function resume(tx: Tx, tenantId: string, documentIds: readonly string[]): Promise<{ id: string; stage: Stage }[]> {
  if (documentIds.length === 0) return []
  const ended = await tx
    .selectFrom('documents as d')
    .innerJoin('stages as s', (join) => join.onRef('s.document_id', '=', 'd.id').onRef('s.revision', '=', 'd.revision'))
    .select(['d.id', 'd.revision', 's.stage'])
    .where('d.id', 'in', [...documentIds])
    .where('d.status', 'in', ['refused', 'failed'])
    .where('d.erased_at', 'is', null)
    .where('s.status', '=', 'failed')
    .execute()
  for (const { id, revision, stage } of ended) {
    await tx.updateTable('documents').set({ status: 'processing', error_code: null, completed_at: null }).where('id', '=', id).execute()
    await scheduleStage(tx, { tenant_id: tenantId, document_id: id, revision, stage }, { wakeAll: true })
  }
  return ended
}
