import { type Selectable, sql } from 'kysely'
import { ERASURE_DOCUMENTS_MAX, type ErasureFilter, type ErasureGround, ErasureScope, type ErasureView } from '../contracts/erasure.ts'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import type { EventDraft } from '../contracts/record.ts'
import type { Caller } from './api-keys.ts'
import type { Tx } from './connection.ts'
import { buryDocument, readRow } from './documents.ts'
import { appendOrdered } from './event-actors.ts'
import { appendEvent, describeDocument } from './events.ts'
import { settlesAt } from './open-starts.ts'
import { activeHold, type Hold, restrictDocument } from './restrictions.ts'
import type { Tables } from './schema.ts'
import { monthsAfter } from './terms.ts'

type DocumentRow = Selectable<Tables['documents']>
export type ErasureRow = Selectable<Tables['erasure_requests']>

export interface ErasureDraft {
  /** The API key that asks; null: a rule does. */
  keyId: string | null
  ground: ErasureGround | null
  scope: ErasureScope
  documentIds: readonly string[]
  receivedAt?: string | undefined
  /** The rule that made it due, where no person asked; holds then stand by this time, if it is earlier than the clock's. */
  retention?: { rule: string; asOf: Date } | undefined
}

/**
 * Takes a request in and begins it, in one transaction: every document of it is buried, or refused for its hold and restricted instead (Art. 17(3), 18).
 * Without documents it is done at once. Throws DOCUMENT_NOT_FOUND.
 */
export async function requestErasure(tx: Tx, tenantId: string, draft: ErasureDraft): Promise<string> {
  const id = newId()
  const received = draft.receivedAt === undefined ? sql<Date>`now()` : sql<Date>`least(now(), ${draft.receivedAt}::timestamptz)`
  await tx
    .insertInto('erasure_requests')
    .values({
      id,
      tenant_id: tenantId,
      key_id: draft.keyId,
      ground: draft.ground,
      scope: JSON.stringify(draft.scope),
      retention_rule: draft.retention?.rule ?? null,
      received_at: received,
      due_at: monthsAfter(received, 1),
    })
    .execute()
  await appendEvent(tx, tenantId, { ...aboutRequest(id, draft.retention?.rule), step: 'erasure_request' })
  // In one order everywhere, so that two requests for the same documents wait for each other and do not lock each other out.
  for (const documentId of [...new Set(draft.documentIds)].sort()) await begin(tx, tenantId, { id, ...draft }, documentId)
  await closeIfDone(tx, id)
  return id
}

/**
 * Erases one document by its id: a request of one document where it was still there, else the one that erased it; null where a restored backup was
 * cleaned of it, whose request the backup does not know.
 * `held` is its hold, for which it was restricted instead. Throws DOCUMENT_NOT_FOUND.
 */
export async function eraseByHand(
  tx: Tx,
  { tenantId, keyId }: Caller,
  documentId: string,
): Promise<{ requestId: string | null; held: Hold | null }> {
  const row = await readRow(tx, documentId, 'update')
  if (row.erased_at) return { requestId: (await requestBehind(tx, documentId)).request_ref ?? null, held: null }
  const draft = { keyId, ground: null, scope: { document_ids: [documentId] }, documentIds: [documentId] }
  const requestId = await requestErasure(tx, tenantId, draft)
  return { requestId, held: await activeHold(tx, documentId) }
}

/** Live documents that a filter means, by their ids. Throws INVALID_REQUEST where they are more than one request may have. */
export async function listForErasure(tx: Tx, filter: ErasureFilter): Promise<string[]> {
  let query = tx.selectFrom('documents').select('id').where('erased_at', 'is', null)
  if (filter.purpose !== undefined) query = query.where('purpose', '=', filter.purpose)
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  if (filter.created_before !== undefined) query = query.where('created_at', '<', new Date(filter.created_before))
  const rows = await query
    .orderBy('id')
    .limit(ERASURE_DOCUMENTS_MAX + 1)
    .execute()
  if (rows.length > ERASURE_DOCUMENTS_MAX)
    throw new AppError('INVALID_REQUEST', `it means more than ${ERASURE_DOCUMENTS_MAX} documents; narrow it`)
  return rows.map((row) => row.id)
}

/** What the erase stage puts on record of whom it works for; of several requests the first. */
export async function requestBehind(tx: Tx, documentId: string): Promise<Pick<EventDraft, 'request_ref' | 'retention'>> {
  const request = await tx
    .selectFrom('erasure_items')
    .innerJoin('erasure_requests', 'erasure_requests.id', 'erasure_items.request_id')
    .select(['id', 'retention_rule'])
    .where('document_id', '=', documentId)
    .where('erasure_items.state', '!=', 'refused')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return request ? { request_ref: request.id, retention: retentionOf(request.retention_rule) } : {}
}

/**
 * Every store of the document was found empty for the last time: it is done in every request that named it, and of one that it was refused to the certificate
 * is due again.
 */
export async function settleErasure(tx: Tx, documentId: string): Promise<void> {
  await tx
    .updateTable('erasure_items')
    .set({ state: 'erased', erased_at: sql<Date>`now()` })
    .where('document_id', '=', documentId)
    .where('state', '=', 'erasing')
    .execute()
  const items = await tx
    .selectFrom('erasure_items')
    .select(['request_id', 'state'])
    .where('document_id', '=', documentId)
    .orderBy('request_id')
    .execute()
  for (const { request_id, state } of items) await (state === 'refused' ? certifyAgain(tx, request_id) : closeIfDone(tx, request_id))
}

/** Documents that a request was refused and that are not erased since. */
export async function listRefusedStill(tx: Tx, id: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('erasure_items as item')
    .leftJoin('stages as erase', (join) => join.onRef('erase.document_id', '=', 'item.document_id').on('erase.stage', '=', 'erase'))
    .select('item.document_id')
    .where('item.request_id', '=', id)
    .where('item.state', '=', 'refused')
    .where((row) => row.or([row('erase.status', 'is', null), row('erase.status', '!=', 'completed')]))
    .orderBy('item.document_id')
    .execute()
  return rows.map((row) => row.document_id)
}

/** Locked on demand. Throws ERASURE_NOT_FOUND. */
export async function findErasure(tx: Tx, id: string, lock: 'none' | 'update' = 'none'): Promise<ErasureRow> {
  let query = tx.selectFrom('erasure_requests').selectAll().where('id', '=', id)
  if (lock === 'update') query = query.forUpdate()
  const row = await query.executeTakeFirst()
  if (!row) throw new AppError('ERASURE_NOT_FOUND')
  return row
}

/** What the request erases, as the list of tombstones names it. */
export async function listBuried(tx: Tx, id: string): Promise<{ tenant_id: string; document_id: string }[]> {
  return tx
    .selectFrom('erasure_items')
    .select(['tenant_id', 'document_id'])
    .where('request_id', '=', id)
    .where('state', '!=', 'refused')
    .execute()
}

/** Newest first. */
export async function listErasures(tx: Tx, limit: number, before: string | null): Promise<ErasureRow[]> {
  let query = tx.selectFrom('erasure_requests').selectAll()
  if (before !== null) query = query.where('id', '<', before)
  return query.orderBy('id', 'desc').limit(limit).execute()
}

/**
 * By two further months, once, and told within the first (Art. 12(3)). The reason may name people: it is sealed, and the record commits to it.
 * Throws ERASURE_NOT_FOUND, ERASURE_NOT_EXTENDABLE.
 */
export async function extendErasure(tx: Tx, id: string, reason: { sealed: Buffer; commit: string }, keyId: string): Promise<ErasureRow> {
  const row = await findErasure(tx, id, 'update')
  const extended = await tx
    .updateTable('erasure_requests')
    .set({ extended_at: sql<Date>`now()`, sealed_extension: reason.sealed, due_at: monthsAfter(sql<Date>`received_at`, 3) })
    .where('id', '=', id)
    .where('extended_at', 'is', null)
    .where('state', '=', 'erasing')
    .where('due_at', '>', sql<Date>`now()`)
    .returningAll()
    .executeTakeFirst()
  if (!extended) throw new AppError('ERASURE_NOT_EXTENDABLE')
  const about = aboutRequest(id, row.retention_rule ?? undefined)
  const by = { tenantId: row.tenant_id, keyId }
  await appendOrdered(tx, by, { ...about, step: 'erasure_extended', justification_commit: reason.commit })
  return extended
}

export async function viewErasure(tx: Tx, row: ErasureRow): Promise<ErasureView> {
  const items = await tx.selectFrom('erasure_items').selectAll().where('request_id', '=', row.id).orderBy('document_id').execute()
  const count = (state: string) => items.filter((item) => item.state === state).length
  const erasing = items.filter(({ state }) => state === 'erasing').map(({ document_id }) => document_id)
  return {
    erasure_id: row.id,
    key_id: row.key_id,
    ground: row.ground,
    scope: ErasureScope.parse(JSON.parse(row.scope)),
    retention_rule: row.retention_rule,
    received_at: row.received_at.toISOString(),
    due_at: row.due_at.toISOString(),
    extended_at: row.extended_at?.toISOString() ?? null,
    state: row.state,
    completed_at: row.completed_at?.toISOString() ?? null,
    settles_at: (await settlesAt(tx, erasing))?.toISOString() ?? null,
    counts: { documents: items.length, erasing: count('erasing'), erased: count('erased'), refused: count('refused') },
    refusals: items.flatMap(({ document_id, refusal, hold_until }) =>
      refusal === null ? [] : [{ document_id, reason: refusal, hold_until: hold_until?.toISOString() ?? null }],
    ),
  }
}

async function begin(tx: Tx, tenantId: string, request: ErasureDraft & { id: string }, documentId: string): Promise<void> {
  const row = await readRow(tx, documentId, 'update')
  const hold = row.erased_at ? null : await activeHold(tx, documentId, request.retention?.asOf)
  const item = { tenant_id: tenantId, request_id: request.id, document_id: documentId }
  if (hold) {
    await refuse(tx, row, hold, request)
    await tx
      .insertInto('erasure_items')
      .values({ ...item, state: 'refused', refusal: hold.reason, hold_until: hold.until })
      .execute()
    return
  }
  const erased = row.erased_at !== null && (await isErased(tx, documentId))
  await tx
    .insertInto('erasure_items')
    .values({ ...item, state: erased ? 'erased' : 'erasing', erased_at: erased ? row.erased_at : null })
    .execute()
  await buryDocument(tx, tenantId, documentId)
}

async function refuse(tx: Tx, row: DocumentRow, hold: Hold, { id, keyId }: Pick<ErasureDraft, 'keyId'> & { id: string }): Promise<void> {
  await appendEvent(tx, row.tenant_id, {
    operation: 'Erase',
    step: 'erasure_request',
    phase: 'refused',
    error_code: 'DOCUMENT_HELD',
    request_ref: id,
    ...describeDocument(row, row.revision),
    retention: { rule: hold.reason, erase_after: hold.until?.toISOString() ?? null, hold: true },
  })
  await restrictDocument(tx, row, { ground: 'hold', keyId, requestRef: id })
}

async function isErased(tx: Tx, documentId: string): Promise<boolean> {
  const stage = await tx
    .selectFrom('stages')
    .select('status')
    .where('document_id', '=', documentId)
    .where('stage', '=', 'erase')
    .executeTakeFirst()
  return stage?.status === 'completed'
}

/** The request's row is held first: of two stages that end together the second sees what the first did. */
async function closeIfDone(tx: Tx, id: string): Promise<void> {
  await findErasure(tx, id, 'update')
  await tx
    .updateTable('erasure_requests')
    .set({ state: 'done', completed_at: sql<Date>`now()`, certificate_due_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('state', '=', 'erasing')
    .where(sql<boolean>`NOT EXISTS (SELECT FROM erasure_items i WHERE i.request_id = erasure_requests.id AND i.state = 'erasing')`)
    .execute()
}

/** The request's row is held first: its certificate may be in the making, and is to say of what it calls remaining that it is gone. */
async function certifyAgain(tx: Tx, id: string): Promise<void> {
  await findErasure(tx, id, 'update')
  await tx
    .updateTable('erasure_requests')
    .set({ certificate_due_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('state', '=', 'done')
    .execute()
}

function aboutRequest(id: string, retentionRule: string | undefined) {
  return {
    operation: 'Erase',
    phase: 'completed',
    result: 'ok',
    request_ref: id,
    retention: retentionOf(retentionRule ?? null),
  } as const satisfies Partial<EventDraft>
}

function retentionOf(rule: string | null) {
  return rule === null ? null : { rule, erase_after: null, hold: false }
}
