import { type RawBuilder, sql } from 'kysely'
import { AppError } from '../contracts/errors.ts'
import type { RecordFilters } from '../contracts/records.ts'
import type { Tx } from './connection.ts'
import { ofDocuments } from './events.ts'

/** One event as it was written: `body` is the canonical text that the log commits to. */
export interface RecordedEvent {
  id: string
  seq: string
  document_ids: string[]
  body: string
}

interface Page {
  filters: RecordFilters
  limit: number
  /** The event that the page before ended with. */
  after: string | null
}

/**
 * A page of the tenant's events, newest first. Whoever looks wants what happened last; and what is appended meanwhile comes before the first page, so that a
 * walk along the cursor meets everything that was there when it began, each once. Throws INVALID_REQUEST for a cursor that is none of the tenant's events.
 */
export async function readNewestRecords(tx: Tx, { filters, limit, after }: Page): Promise<RecordedEvent[]> {
  const place = await placeOf(tx, after)
  const before = place ? sql`AND (occurred_at, seq) < (${place.occurred_at}::timestamptz, ${place.seq}::bigint)` : sql``
  return read(tx, sql`${matching(filters)} ${before} ORDER BY occurred_at DESC, seq DESC LIMIT ${limit}`, sql`DESC`)
}

/** The same oldest first, as a log is read, and nothing that was recorded after the event `until`: an export has an end however much is appended. */
export async function readOldestRecords(tx: Tx, { filters, limit, after }: Page, until: string): Promise<RecordedEvent[]> {
  const place = await placeOf(tx, after)
  const from = place ? sql`AND (occurred_at, seq) > (${place.occurred_at}::timestamptz, ${place.seq}::bigint)` : sql``
  const bound = sql`AND seq < ${until}::bigint`
  return read(tx, sql`${matching(filters)} ${bound} ${from} ORDER BY occurred_at, seq LIMIT ${limit}`, sql`ASC`)
}

/** How many there are, counted up to `max`. */
export async function countRecords(tx: Tx, filters: RecordFilters, max: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*)::int AS count FROM (SELECT FROM events WHERE ${matching(filters)} LIMIT ${max}) AS matched`.execute(tx)
  return rows[0]?.count ?? 0
}

/** Where an event stands in the order of recording. Throws INVALID_REQUEST where there is no such event. */
export async function sequenceOf(tx: Tx, eventId: string): Promise<string> {
  const row = await tx.selectFrom('events').select('seq').where('id', '=', eventId).executeTakeFirst()
  if (!row) throw new AppError('INVALID_REQUEST', 'there is no such event')
  return row.seq
}

/** The index alone says which events a page has; only their texts are read. */
async function read(tx: Tx, rest: RawBuilder<unknown>, order: RawBuilder<unknown>): Promise<RecordedEvent[]> {
  const { rows } = await sql<RecordedEvent>`
    WITH found AS MATERIALIZED (SELECT seq, occurred_at FROM events WHERE ${rest})
    SELECT e.id, e.seq, e.document_ids, e.body FROM found JOIN events e USING (seq) ORDER BY found.occurred_at ${order}, found.seq ${order}`.execute(
    tx,
  )
  return rows
}

/** Every filter names a column of the one index, or a list of events that another index found. */
function matching({ document, subject, from, to, ...columns }: RecordFilters): RawBuilder<unknown> {
  const conditions: RawBuilder<unknown>[] = [sql`true`]
  for (const name of ['operation', 'outcome', 'purpose', 'legal_basis', 'processor'] as const)
    if (columns[name] !== undefined) conditions.push(sql`${sql.ref(name)} = ${columns[name]}`)
  if (from !== undefined) conditions.push(sql`occurred_at >= ${from}::timestamptz`)
  if (to !== undefined) conditions.push(sql`occurred_at < ${to}::timestamptz`)
  if (document !== undefined) conditions.push(ofDocuments([document]))
  if (subject !== undefined)
    conditions.push(
      sql`seq = ANY(ARRAY(SELECT events_of_documents(ARRAY(SELECT document_id FROM document_subjects WHERE subject_id = ${subject}::uuid))))`,
    )
  return sql.join(conditions, sql` AND `)
}

async function placeOf(tx: Tx, eventId: string | null): Promise<{ occurred_at: string; seq: string } | null> {
  if (eventId === null) return null
  // As text: a Date has milliseconds, and a time may be finer.
  const { rows } = await sql<{ occurred_at: string; seq: string }>`
    SELECT occurred_at::text AS occurred_at, seq FROM events WHERE id = ${eventId}::uuid`.execute(tx)
  if (!rows[0]) throw new AppError('INVALID_REQUEST', 'the cursor is none of this record')
  return rows[0]
}
