import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import { IdentifierKind, type SubjectRequestKind, type SubjectRequestView } from '../contracts/subjects.ts'
import type { Tx } from './connection.ts'
import { appendOrdered } from './event-actors.ts'
import { appendEvent } from './events.ts'
import type { Tables } from './schema.ts'
import type { HashedIdentifier } from './subjects.ts'
import { monthsAfter } from './terms.ts'

export type SubjectRequestRow = Selectable<Tables['subject_requests']>

/** What is kept of the identifiers of a request: enough to find the documents again, too little to read. */
const Kept = z.array(z.strictObject({ kind: IdentifierKind, hash: z.string() }))

interface SubjectRequestDraft {
  keyId: string
  kind: SubjectRequestKind
  identifiers: readonly HashedIdentifier[]
  receivedAt?: string | undefined
}

export async function createSubjectRequest(tx: Tx, tenantId: string, draft: SubjectRequestDraft): Promise<SubjectRequestRow> {
  const received = draft.receivedAt === undefined ? sql<Date>`now()` : sql<Date>`least(now(), ${draft.receivedAt}::timestamptz)`
  const row = await tx
    .insertInto('subject_requests')
    .values({
      id: newId(),
      tenant_id: tenantId,
      key_id: draft.keyId,
      kind: draft.kind,
      identifiers: JSON.stringify(draft.identifiers.map(({ kind, hash }) => ({ kind, hash: hash.toString('hex') }))),
      received_at: received,
      due_at: monthsAfter(received, 1),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvent(tx, tenantId, aboutRequest(row, 'subject_request'))
  return row
}

/** Locked on demand. Throws SUBJECT_REQUEST_NOT_FOUND. */
export async function findSubjectRequest(tx: Tx, id: string, lock: 'none' | 'update' = 'none'): Promise<SubjectRequestRow> {
  let query = tx.selectFrom('subject_requests').selectAll().where('id', '=', id)
  if (lock === 'update') query = query.forUpdate()
  const row = await query.executeTakeFirst()
  if (!row) throw new AppError('SUBJECT_REQUEST_NOT_FOUND')
  return row
}

/** Newest first. */
export async function listSubjectRequests(
  tx: Tx,
  limit: number,
  before: string | null,
  state?: SubjectRequestRow['state'],
): Promise<SubjectRequestRow[]> {
  let query = tx.selectFrom('subject_requests').selectAll()
  if (before !== null) query = query.where('id', '<', before)
  if (state !== undefined) query = query.where('state', '=', state)
  return query.orderBy('id', 'desc').limit(limit).execute()
}

/**
 * By two further months, once, and told within the first (Art. 12(3)). The reason may name people: it is sealed, and the record commits to it.
 * Throws SUBJECT_REQUEST_NOT_FOUND, SUBJECT_REQUEST_NOT_EXTENDABLE.
 */
export async function extendSubjectRequest(
  tx: Tx,
  id: string,
  reason: { sealed: Buffer; commit: string },
  keyId: string,
): Promise<SubjectRequestRow> {
  const row = await findSubjectRequest(tx, id, 'update')
  const extended = await tx
    .updateTable('subject_requests')
    .set({ extended_at: sql<Date>`now()`, sealed_extension: reason.sealed, due_at: monthsAfter(sql<Date>`received_at`, 3) })
    .where('id', '=', id)
    .where('extended_at', 'is', null)
    .where('state', '=', 'open')
    .where('due_at', '>', sql<Date>`now()`)
    .returningAll()
    .executeTakeFirst()
  if (!extended) throw new AppError('SUBJECT_REQUEST_NOT_EXTENDABLE')
  await appendOrdered(tx, { tenantId: row.tenant_id, keyId }, aboutRequest(row, 'subject_request_extended', reason.commit))
  return extended
}

/** That the person has the answer. Twice is once. Throws SUBJECT_REQUEST_NOT_FOUND. */
export async function answerSubjectRequest(tx: Tx, id: string, keyId: string): Promise<SubjectRequestRow> {
  const row = await findSubjectRequest(tx, id, 'update')
  if (row.state === 'answered') return row
  await appendOrdered(tx, { tenantId: row.tenant_id, keyId }, aboutRequest(row, 'subject_request_answered'))
  return tx
    .updateTable('subject_requests')
    .set({ state: 'answered', answered_at: sql<Date>`now()` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function keepNamedDocuments(tx: Tx, id: string, documentIds: readonly string[]): Promise<void> {
  await tx
    .updateTable('subject_requests')
    .set({ named_documents: [...documentIds] })
    .where('id', '=', id)
    .execute()
}

export function identifiersOf(row: Pick<SubjectRequestRow, 'identifiers'>): HashedIdentifier[] {
  return Kept.parse(JSON.parse(row.identifiers)).map(({ kind, hash }) => ({ kind, hash: Buffer.from(hash, 'hex') }))
}

/** Erased documents of a person: those whose erasure is under way, and those that an earlier package named. An erasure that is done left no other trace. */
export async function listErasedOf(
  tx: Tx,
  identifiers: readonly HashedIdentifier[],
): Promise<{ document_id: string; erased_at: string }[]> {
  if (identifiers.length === 0) return []
  const hashes = identifiers.map(({ hash }) => hash)
  const hexes = hashes.map((hash) => hash.toString('hex'))
  const { rows } = await sql<{ id: string; erased_at: Date }>`
    SELECT id, erased_at FROM documents WHERE erased_at IS NOT NULL AND (
      id IN (SELECT unnest(named_documents) FROM subject_requests WHERE cardinality(named_documents) > 0
        AND EXISTS (SELECT FROM jsonb_array_elements(identifiers::jsonb) AS kept WHERE kept->>'hash' = ANY(${hexes}::text[])))
      OR id IN (SELECT s.document_id FROM document_subjects s JOIN subject_identifiers i USING (subject_id)
        WHERE i.identifier_hmac = ANY(${hashes}::bytea[])))
    ORDER BY id`.execute(tx)
  return rows.map(({ id, erased_at }) => ({ document_id: id, erased_at: erased_at.toISOString() }))
}

export function viewSubjectRequest(row: SubjectRequestRow): SubjectRequestView {
  return {
    request_id: row.id,
    key_id: row.key_id,
    kind: row.kind,
    identified_by: [...new Set(identifiersOf(row).map(({ kind }) => kind))],
    received_at: row.received_at.toISOString(),
    due_at: row.due_at.toISOString(),
    extended_at: row.extended_at?.toISOString() ?? null,
    state: row.state,
    answered_at: row.answered_at?.toISOString() ?? null,
  }
}

function aboutRequest({ id }: SubjectRequestRow, step: string, commit: string | null = null) {
  return {
    operation: 'Store',
    step,
    phase: 'completed',
    result: 'ok',
    purpose: 'data_subject_rights',
    request_ref: id,
    justification_commit: commit,
  } as const
}
