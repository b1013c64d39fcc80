// What the register of Art. 30 observed: the log, rolled up by day and purpose.
import { type RawBuilder, sql } from 'kysely'
import type { Activity } from '../policy/activities.ts'
import type { Tx } from './connection.ts'

/** Leaves of the log in one transaction: some tenths of a second. */
export const ROLL_UP_BATCH = 4_096
/** Events that a report adds itself because the roll-up has not come to them: more are left out, and the report says so. */
export const TAIL_EVENTS_MAX = 20_000
/** Rows of a report: purposes times what was seen under each. */
const OBSERVATIONS_MAX = 50_000
/** Of each activity, the oldest. */
const OVERRUN_DOCUMENTS_MAX = 20_000

const OBSERVATION_KINDS = [
  'event',
  'upload',
  'role',
  'register',
  'data_category',
  'subject_category',
  'flag',
  'legal_basis',
  'art9_basis',
  'call',
  'recipient',
  'region',
  'country',
  'model',
  'masking',
  'refused',
] as const
export type ObservationKind = (typeof OBSERVATION_KINDS)[number]

/** `name`: for `region` processor and region, for `country` country, mechanism and processor, with a space between. */
export interface Observation {
  purpose: string
  kind: ObservationKind
  name: string
  events: number
  first_seen: string
  last_seen: string
}

/**
 * Takes the next leaves of the log into the roll-up, and the cursor with them: a leaf counts once, whoever calls this how often. The log's order is that of
 * commits, which numbers of events are not, so that none is passed over. Returns how many leaves were taken.
 */
export async function rollUpRegister(tx: Tx, tenantId: string, max: number = ROLL_UP_BATCH): Promise<number> {
  await sql`INSERT INTO register_cursors (tenant_id, leaves) VALUES (${tenantId}, 0) ON CONFLICT DO NOTHING`.execute(tx)
  const { rows } = await sql<{ leaves: string; size: string }>`
    SELECT c.leaves, coalesce((SELECT size FROM ledger_logs WHERE tenant_id = ${tenantId}), 0) AS size
    FROM register_cursors c WHERE c.tenant_id = ${tenantId} FOR UPDATE OF c`.execute(tx)
  const start = Number(rows[0]?.leaves ?? 0)
  const end = Math.min(Number(rows[0]?.size ?? 0), start + max)
  if (end <= start) return 0
  const leaves = sql`SELECT event_seq FROM ledger_leaves WHERE tenant_id = ${tenantId} AND leaf_index >= ${start} AND leaf_index < ${end}`
  await sql`
    INSERT INTO register_observations AS known (tenant_id, day, purpose, kind, name, events, first_seen, last_seen)
    SELECT ${tenantId}, day, purpose, kind, name, count(*), min(time), max(time) FROM (${facts(leaves)}) fact GROUP BY day, purpose, kind, name
    ORDER BY day, purpose, kind, name
    ON CONFLICT (tenant_id, day, purpose, kind, name) DO UPDATE SET events = known.events + excluded.events,
      first_seen = least(known.first_seen, excluded.first_seen), last_seen = greatest(known.last_seen, excluded.last_seen)`.execute(tx)
  // What most events do not have is told apart by their text, before it is parsed.
  await sql`
    INSERT INTO register_documents (tenant_id, document_id, category)
    SELECT DISTINCT ${tenantId}::uuid, (event->>'doc_ref')::uuid, category
    FROM events e, LATERAL (SELECT e.body::jsonb AS event OFFSET 0) parsed, jsonb_array_elements_text(event->'data_categories') AS category
    WHERE e.seq IN (${leaves}) AND e.body LIKE '%"data_categories":["%' AND event->>'doc_ref' IS NOT NULL
    ORDER BY 2, 3 ON CONFLICT DO NOTHING`.execute(tx)
  await tx.updateTable('register_cursors').set({ leaves: end }).where('tenant_id', '=', tenantId).execute()
  return end - start
}

interface Period {
  from: string | null
  to: string | null
}

/**
 * Everything that was observed in a period of whole days, by purpose. One statement reads the roll-up and the events that are not in it yet, so that an event
 * which the sequencer or a roll-up moves meanwhile is neither missed nor counted twice.
 */
export async function readObservations(tx: Tx, tenantId: string, { from, to }: Period): Promise<Observation[]> {
  const { rows } = await sql<
    Omit<Observation, 'events' | 'first_seen' | 'last_seen'> & { events: string; first_seen: Date; last_seen: Date }
  >`
    SELECT purpose, kind, name, sum(events) AS events, min(first_seen) AS first_seen, max(last_seen) AS last_seen FROM (
      SELECT day, purpose, kind, name, events, first_seen, last_seen FROM register_observations WHERE tenant_id = ${tenantId}
      UNION ALL
      SELECT day, purpose, kind, name, 1, time, time FROM (${facts(tailOf(tenantId))}) fact
    ) seen
    WHERE (${from}::date IS NULL OR day >= ${from}::date) AND (${to}::date IS NULL OR day <= ${to}::date)
    GROUP BY purpose, kind, name ORDER BY purpose, kind, name LIMIT ${OBSERVATIONS_MAX}`.execute(tx)
  return rows.map(({ events, first_seen, last_seen, ...row }) => ({
    ...row,
    events: Number(events),
    first_seen: first_seen.toISOString(),
    last_seen: last_seen.toISOString(),
  }))
}

/** Events that no roll-up has taken. */
export async function countTail(tx: Tx, tenantId: string): Promise<number> {
  const { rows } = await sql<{ tail: string }>`
    SELECT coalesce((SELECT size FROM ledger_logs WHERE tenant_id = ${tenantId}), 0)
      - coalesce((SELECT leaves FROM register_cursors WHERE tenant_id = ${tenantId}), 0)
      + (SELECT count(*) FROM ledger_queue WHERE tenant_id = ${tenantId}) AS tail`.execute(tx)
  return Number(rows[0]?.tail ?? 0)
}

/** Documents that are here, erased ones left out, by purpose. */
export async function countLiveDocuments(tx: Tx, tenantId: string): Promise<Map<string, number>> {
  const { rows } = await sql<{ purpose: string; documents: string }>`
    SELECT purpose, count(*) AS documents FROM documents WHERE tenant_id = ${tenantId} AND erased_at IS NULL
    GROUP BY purpose ORDER BY purpose LIMIT ${OBSERVATIONS_MAX}`.execute(tx)
  return new Map(rows.map(({ purpose, documents }) => [purpose, Number(documents)]))
}

export interface OverrunRow {
  category: string
  documents: number
  held: number
  oldest: string
  at_least: boolean
}

/**
 * For each category of an activity the documents that are older than its limit, counted from their upload. A document of which no category is on record
 * counts for all of them: nobody knows that it holds none. Categories are those of the roll-up, since no index leads from a document to its events here:
 * row-level security keeps a tenant's role from using one over an operator that is not leakproof.
 */
export async function readOverruns(tx: Tx, tenantId: string, { purposes, data_categories }: Activity): Promise<OverrunRow[]> {
  const limits = data_categories.flatMap(({ category, erasure: { days } }) => (days === null ? [] : [{ category, days }]))
  if (limits.length === 0) return []
  const shortest = Math.min(...limits.map(({ days }) => days))
  const { rows } = await sql<{ category: string; documents: string; held: string; oldest: Date; looked_at: string }>`
    WITH old AS (
      SELECT d.id, d.created_at, h.document_id IS NOT NULL AS held
      FROM documents d LEFT JOIN holds h ON h.document_id = d.id AND (h.until IS NULL OR h.until > now())
      WHERE d.tenant_id = ${tenantId} AND d.purpose = ANY(${purposes}::text[]) AND d.erased_at IS NULL
        AND d.created_at < now() - make_interval(days => ${shortest}::int)
      ORDER BY d.created_at LIMIT ${OVERRUN_DOCUMENTS_MAX}
    )
    SELECT limits.category, count(*) FILTER (WHERE NOT held) AS documents, count(*) FILTER (WHERE held) AS held, min(created_at) AS oldest,
      (SELECT count(*) FROM old) AS looked_at
    FROM unnest(${limits.map(({ category }) => category)}::text[], ${limits.map(({ days }) => days)}::int[]) AS limits (category, days)
    JOIN old ON old.created_at < now() - make_interval(days => limits.days)
    WHERE EXISTS (SELECT FROM register_documents c WHERE c.tenant_id = ${tenantId} AND c.document_id = old.id AND c.category = limits.category)
      OR NOT EXISTS (SELECT FROM register_documents c WHERE c.tenant_id = ${tenantId} AND c.document_id = old.id)
    GROUP BY limits.category ORDER BY limits.category`.execute(tx)
  return rows.map(({ category, documents, held, oldest, looked_at }) => ({
    category,
    documents: Number(documents),
    held: Number(held),
    oldest: oldest.toISOString(),
    at_least: Number(looked_at) >= OVERRUN_DOCUMENTS_MAX,
  }))
}

function tailOf(tenantId: string): RawBuilder<unknown> {
  return sql`(SELECT event_seq FROM ledger_leaves WHERE tenant_id = ${tenantId}
      AND leaf_index >= coalesce((SELECT leaves FROM register_cursors WHERE tenant_id = ${tenantId}), 0) ORDER BY leaf_index LIMIT ${TAIL_EVENTS_MAX})
    UNION ALL
    (SELECT event_seq FROM ledger_queue WHERE tenant_id = ${tenantId} ORDER BY event_seq LIMIT ${TAIL_EVENTS_MAX})`
}

/**
 * `OFFSET 0` keeps the planner from reading the text of an event again for each member of it.
 *
 * One row for each thing that an event says, under its own purpose and, where it used several documents, under the purpose of each of them: an answer hands
 * over what they hold. A call counts when it was sent or may have been, by the event that closed it; a refused one was not.
 */
function facts(seqs: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    SELECT (time AT TIME ZONE 'UTC')::date AS day, time, purposes.purpose, fact.kind, fact.name
    FROM events e, LATERAL (SELECT e.body::jsonb AS event OFFSET 0) parsed,
      LATERAL (SELECT (event->>'time')::timestamptz AS time, e.closes IS NOT NULL AND e.phase <> 'refused' AND event->>'recipient' IS NOT NULL AS sent) told,
      LATERAL (
        SELECT coalesce(event->>'purpose', '') AS purpose
        UNION SELECT d.purpose FROM documents d WHERE event->>'doc_ref' IS NULL AND d.id = ANY(e.document_ids)
      ) purposes,
      LATERAL (
        SELECT 'event' AS kind, '' AS name
        UNION ALL SELECT 'upload', '' WHERE event->>'step' = 'upload'
        UNION ALL SELECT 'role', event->>'role'
        UNION ALL SELECT 'register', event->>'register_hash' WHERE event->>'register_hash' IS NOT NULL
        UNION ALL SELECT 'data_category', name FROM jsonb_array_elements_text(coalesce(event->'data_categories', '[]')) AS name
        UNION ALL SELECT 'subject_category', name FROM jsonb_array_elements_text(coalesce(event->'subject_categories', '[]')) AS name
        UNION ALL SELECT 'flag', flag FROM unnest(ARRAY['special', 'criminal']) AS flag WHERE event->>flag = 'true'
        UNION ALL SELECT basis, event->>basis FROM unnest(ARRAY['legal_basis', 'art9_basis']) AS basis
          WHERE event->>basis IS NOT NULL AND purposes.purpose = event->>'purpose'
        UNION ALL SELECT 'call', '' WHERE sent
        UNION ALL SELECT 'recipient', event->'recipient'->>'processor' WHERE sent
        UNION ALL SELECT 'region', concat_ws(' ', event->'recipient'->>'processor', event->'recipient'->>'region') WHERE sent
        UNION ALL SELECT 'country', concat_ws(' ', country, event->'transfer'->>'mechanism', event->'recipient'->>'processor')
          FROM regexp_split_to_table(event->'transfer'->>'country', ' ') AS country WHERE sent
        UNION ALL SELECT 'model', coalesce(event->'model'->>'returned', event->'model'->>'requested')
          WHERE sent AND event->'model'->>'language_model' = 'true'
        UNION ALL SELECT 'masking', CASE
            WHEN event->>'minimisation' IS NULL THEN 'unmasked'
            WHEN e.phase <> 'completed' THEN 'unconfirmed'
            WHEN EXISTS (SELECT FROM jsonb_each_text(event->'minimisation'->'after') AS left_over (kind, number) WHERE number <> '0') THEN 'partly_masked'
            ELSE 'masked' END WHERE sent
        UNION ALL SELECT 'refused', event->'recipient'->>'processor' WHERE e.phase = 'refused' AND event->>'recipient' IS NOT NULL
      ) fact
    WHERE e.seq IN (${seqs})`
}
