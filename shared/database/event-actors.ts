import { sql } from 'kysely'
import type { EventDraft } from '../contracts/record.ts'
import type { Tx } from './connection.ts'
import { appendEvent } from './events.ts'

/** `keyId`: the API key that orders; null where none does, and where the row that `request_ref` names keeps it. */
interface Orderer {
  tenantId: string
  keyId: string | null
}

/**
 * Appends the event of what a person's API key orders, and keeps the key beside the log in the same transaction: an event names nobody and stays for ever, who
 * ordered it stands where it can be deleted. Returns the event's id.
 */
export async function appendOrdered(tx: Tx, { tenantId, keyId }: Orderer, draft: EventDraft): Promise<string> {
  const eventId = await appendEvent(tx, tenantId, draft)
  if (keyId !== null) await tx.insertInto('event_actors').values({ event_id: eventId, tenant_id: tenantId, key_id: keyId }).execute()
  return eventId
}

/**
 * The API keys that ordered these events, by event: the event itself, the review that it tells of, or the request or look at names that it was done for, each of
 * which keeps whose it was. Nothing for what nobody ordered. The request stands in the text as it was signed (RFC 8785); one that was damaged has none.
 */
export async function readOrderers(tx: Tx, eventIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; key_id: string }>`
    WITH asked AS MATERIALIZED (
      SELECT id, substring(body FROM '"request_ref":"([0-9a-f-]{36})"')::uuid AS request FROM events WHERE id = ANY(${eventIds}::uuid[])
    ), ordered AS (
      SELECT asked.id, coalesce(actor.key_id, review.reviewed_by, erasure.key_id, subject.key_id, access.key_id) AS key_id
      FROM asked
      LEFT JOIN event_actors actor ON actor.event_id = asked.id
      LEFT JOIN field_reviews review ON review.event_id = asked.id
      LEFT JOIN erasure_requests erasure ON erasure.id = asked.request
      LEFT JOIN subject_requests subject ON subject.id = asked.request
      LEFT JOIN record_accesses access ON access.id = asked.request
    )
    SELECT id, key_id FROM ordered WHERE key_id IS NOT NULL`.execute(tx)
  return new Map(rows.map(({ id, key_id }) => [id, key_id]))
}
