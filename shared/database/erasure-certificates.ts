// What a certificate of erasure says, and where it is kept.
import { sql } from 'kysely'
import { ProcessingEvent } from '../contracts/record.ts'
import type { Tx } from './connection.ts'

/** Of a request's documents: several passes of each erasure. */
const EVENTS_MAX = 20_000

export interface Disclosure {
  processor: string
  endpoint: string
  region: string
  operations: number
  last_sent_at: string
  /** What the events say of the provider's keeping: of one call at least that nobody knows it, of one at least nothing, or of each how long. */
  retention: 'unknown' | 'unstated' | 'stated'
  /** The latest end that an event names; null: none names one. */
  retained_until: string | null
}

export interface EmptiedStore {
  store: string
  kind: string
  count: number
  remaining: number
}

export interface ErasedDocument {
  document_id: string
  /** The tombstone's time. */
  logical_at: Date
  /** The time of the last read-back. */
  physical_at: Date
  /** The stores are being emptied once more. */
  again: boolean
}

/** The documents of a request that are erased, also those that it was refused and another one erased: what remains of them remains. */
export async function readErased(tx: Tx, requestId: string): Promise<ErasedDocument[]> {
  const { rows } = await sql<ErasedDocument>`
    SELECT i.document_id, d.erased_at AS logical_at, coalesce(s.finished_at, i.erased_at) AS physical_at, s.status IS DISTINCT FROM 'completed' AS again
    FROM erasure_items i JOIN documents d ON d.id = i.document_id
    LEFT JOIN stages s ON s.document_id = d.id AND s.stage = 'erase'
    WHERE i.request_id = ${requestId} AND (i.state = 'erased' OR (i.state = 'refused' AND s.status = 'completed')) ORDER BY i.document_id`.execute(
    tx,
  )
  return rows
}

/** Whom these documents were sent to, from their own events. A call that was never completed counts: nobody knows that it did not arrive. */
export async function readDisclosures(tx: Tx, documentIds: readonly string[]): Promise<Disclosure[]> {
  const { rows } = await sql<Omit<Disclosure, 'operations'> & { operations: string }>`
    SELECT e->'recipient'->>'processor' AS processor, e->'recipient'->>'endpoint' AS endpoint, e->'recipient'->>'region' AS region,
      count(*) FILTER (WHERE e->>'phase' = 'intent') AS operations, max(e->>'time') AS last_sent_at,
      CASE WHEN bool_or(e->'provider_retention'->>'mode' <> 'none' AND e->'provider_retention'->>'until' IS NULL) THEN 'unknown'
        WHEN bool_and(e->'provider_retention'->>'mode' IS NOT NULL) THEN 'stated' ELSE 'unstated' END AS retention,
      max(e->'provider_retention'->>'until') AS retained_until
    FROM (
      SELECT body::jsonb AS e FROM events WHERE seq = ANY(ARRAY(SELECT events_of_documents(${[...documentIds]}::uuid[]))) AND phase <> 'refused' AND body LIKE '%"recipient":{%'
    ) sent
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`.execute(tx)
  return rows.map((row) => ({ ...row, operations: Number(row.operations) }))
}

/** What the last pass over each document found in every store, added up. */
export async function readEmptiedStores(tx: Tx, documentIds: readonly string[]): Promise<EmptiedStore[]> {
  const { rows } = await sql<{ body: string }>`
    SELECT body FROM events WHERE seq = ANY(ARRAY(SELECT events_of_documents(${[...documentIds]}::uuid[]))) AND phase = 'completed' AND body LIKE '%"operation":"Erase"%'
    ORDER BY seq DESC LIMIT ${EVENTS_MAX}`.execute(tx)
  const seen = new Set<string>()
  const sums = new Map<string, EmptiedStore>()
  for (const row of rows) {
    const { doc_ref, stores } = ProcessingEvent.parse(JSON.parse(row.body))
    if (doc_ref === null || stores.length === 0 || seen.has(doc_ref)) continue
    seen.add(doc_ref)
    for (const { store, kind, remaining } of stores) {
      const sum = sums.get(`${store} ${kind}`) ?? { store, kind, count: 0, remaining: 0 }
      sums.set(`${store} ${kind}`, { ...sum, count: sum.count + 1, remaining: sum.remaining + remaining })
    }
  }
  return [...sums.values()].sort((a, b) => (`${a.store} ${a.kind}` < `${b.store} ${b.kind}` ? -1 : 1))
}

/** `againAt`: when something that remained is gone, and another one is to be issued. */
export async function keepCertificate(
  tx: Tx,
  id: string,
  { note, eventId, againAt }: { note: string; eventId: string; againAt: Date | null },
): Promise<void> {
  const values = { certificate: note, certificate_event: eventId, certificate_due_at: againAt }
  await tx.updateTable('erasure_requests').set(values).where('id', '=', id).execute()
}

/**
 * Requests of all tenants whose certificate is to be issued, as the system, which sees ids and times alone: in the order of their ids, which is that of
 * their arrival, from the one after `after` on. Who goes on where the last look ended waits behind none that fails each time.
 */
export async function listDueCertificates(tx: Tx, limit: number, after: string | null): Promise<{ id: string; tenant_id: string }[]> {
  let query = tx.selectFrom('erasure_requests').select(['id', 'tenant_id']).where('certificate_due_at', '<=', sql<Date>`now()`)
  if (after !== null) query = query.where('id', '>', after)
  return query.orderBy('id').limit(limit).execute()
}
