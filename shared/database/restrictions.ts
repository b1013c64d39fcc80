import { type Selectable, sql } from 'kysely'
import type { HoldReason, RestrictionGround } from '../contracts/erasure.ts'
import type { Tx } from './connection.ts'
import { appendOrdered } from './event-actors.ts'
import { describeDocument } from './events.ts'
import type { Tables } from './schema.ts'

type DocumentRow = Selectable<Tables['documents']>
export type Hold = Selectable<Tables['holds']>

/** Stands for no end: what compares times needs no other case. */
const NO_END = new Date('9999-12-31T00:00:00Z')

/**
 * The hold that stands against an erasure now, by the clock of the database, or by `asOf` where that is earlier; null where there is none or its time is
 * over.
 */
export async function activeHold(tx: Tx, documentId: string, asOf?: Date): Promise<Hold | null> {
  const now = asOf === undefined ? sql<Date>`now()` : sql<Date>`least(now(), ${asOf}::timestamptz)`
  const hold = await tx
    .selectFrom('holds')
    .selectAll()
    .where('document_id', '=', documentId)
    .where((row) => row.or([row('until', 'is', null), row('until', '>', now)]))
    .executeTakeFirst()
  return hold ?? null
}

/** Holds that stand now, by their documents' ids. */
export async function listHolds(tx: Tx, limit: number, after: string | null): Promise<Hold[]> {
  let query = tx
    .selectFrom('holds')
    .selectAll()
    .where((row) => row.or([row('until', 'is', null), row('until', '>', sql<Date>`now()`)]))
  if (after !== null) query = query.where('document_id', '>', after)
  return query.orderBy('document_id').limit(limit).execute()
}

export async function placeHold(
  tx: Tx,
  row: DocumentRow,
  hold: { keyId: string; reason: HoldReason; until: string | null; sealedText: Buffer | null; textCommit: string | null },
): Promise<Hold> {
  const until = hold.until === null ? null : new Date(hold.until)
  const values = { key_id: hold.keyId, reason: hold.reason, until, sealed_text: hold.sealedText }
  const placed = await tx
    .insertInto('holds')
    .values({ tenant_id: row.tenant_id, document_id: row.id, ...values })
    .onConflict((conflict) => conflict.column('document_id').doUpdateSet(values))
    .returningAll()
    .executeTakeFirstOrThrow()
  await markHeld(tx, row.id, placed.until ?? NO_END)
  await appendOrdered(tx, orderer(row, hold.keyId), {
    ...restriction(row, 'hold'),
    justification_commit: hold.textCommit,
    retention: { rule: hold.reason, erase_after: placed.until?.toISOString() ?? null, hold: true },
  })
  return placed
}

/** Twice is once. The restriction that a refused erasure left stays until somebody lifts it or erases. */
export async function liftHold(tx: Tx, row: DocumentRow, keyId: string): Promise<void> {
  const lifted = await tx.deleteFrom('holds').where('document_id', '=', row.id).returning('reason').executeTakeFirst()
  if (!lifted) return
  await markHeld(tx, row.id, null)
  await appendOrdered(tx, orderer(row, keyId), {
    ...restriction(row, 'hold_lifted'),
    retention: { rule: lifted.reason, erase_after: null, hold: false },
  })
}

/**
 * Art. 18: from this commit on the document is stored and nothing else. An earlier restriction keeps its day, and one that a person asked for its ground: it
 * must not end with the hold. Whose ground it has is the API key that is kept.
 */
export async function restrictDocument(
  tx: Tx,
  row: DocumentRow,
  { ground, keyId, requestRef = null }: { ground: RestrictionGround; keyId: string | null; requestRef?: string | null },
): Promise<DocumentRow> {
  const keepsGround = sql<boolean>`${ground} = 'hold' AND restricted_at IS NOT NULL`
  const restricted = await tx
    .updateTable('documents')
    .set({
      restricted_at: sql<Date>`coalesce(restricted_at, now())`,
      restriction_ground: sql<RestrictionGround>`CASE WHEN ${keepsGround} THEN restriction_ground ELSE ${ground} END`,
      restricted_by: sql<string | null>`CASE WHEN ${keepsGround} THEN restricted_by ELSE ${keyId}::uuid END`,
    })
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  // Whose a refused erasure was is kept with it.
  const by = orderer(row, requestRef === null ? keyId : null)
  await appendOrdered(tx, by, { ...restriction(row, 'restriction'), request_ref: requestRef })
  return restricted
}

/** Twice is once. Stages that waited go on: the sweeper finds them. The person is to be told before (Art. 18(3)). */
export async function liftRestriction(tx: Tx, row: DocumentRow, keyId: string): Promise<void> {
  if (!row.restricted_at) return
  await tx
    .updateTable('documents')
    .set({ restricted_at: null, restriction_ground: null, restricted_by: null })
    .where('id', '=', row.id)
    .execute()
  await appendOrdered(tx, orderer(row, keyId), restriction(row, 'restriction_lifted'))
}

async function markHeld(tx: Tx, documentId: string, until: Date | null): Promise<void> {
  await tx.updateTable('documents').set({ held_until: until }).where('id', '=', documentId).execute()
}

const orderer = ({ tenant_id: tenantId }: DocumentRow, keyId: string | null) => ({ tenantId, keyId })

function restriction(row: DocumentRow, step: string) {
  return { operation: 'Restrict', step, phase: 'completed', result: 'ok', ...describeDocument(row, row.revision) } as const
}
