import { sql } from 'kysely'
import { z } from 'zod'
import { DataCategory, SubjectCategory } from '../contracts/classification.ts'
import { classesOf } from '../policy/evaluate.ts'
import type { DocumentFacts } from '../policy/exposure-tally.ts'
import type { Tx } from './connection.ts'

/** Documents of one turn: what is held in memory of a report is the calls of as many. */
const PAGE_DOCUMENTS = 200
const PAGE_EVENTS = 1_000

/** A call that was sent, or may have been. Loose: older events have fewer members. */
const Sent = z.looseObject({
  time: z.iso.datetime(),
  purpose: z.string().nullable(),
  recipient: z.looseObject({ processor: z.string(), endpoint: z.string(), region: z.string(), register_hash: z.string() }),
  transfer: z.looseObject({ country: z.string(), mechanism: z.string() }).nullable().default(null),
  provider_retention: z.looseObject({ mode: z.string(), until: z.iso.datetime().nullable() }).nullable().default(null),
  model: z.looseObject({ task: z.string() }).nullable(),
  minimisation: z
    .looseObject({ before: z.record(z.string(), z.int()), after: z.record(z.string(), z.int()) })
    .nullable()
    .default(null),
})
export type Sent = z.infer<typeof Sent>

export interface SentOnRecord {
  seq: string
  document_ids: string[]
  /** The closing event where there is one: it knows the endpoint that took the call, and what was masked. */
  event: Sent
  /** When the intent was written, and when the event that closed it; null: it is open still. */
  sent_at: string
  ended_at: string | null
  outcome: 'completed' | 'outcome_unknown' | 'open'
}

interface Of {
  /** Calls to one of these. */
  processors: readonly string[]
  /** Calls that began by then, ISO 8601. */
  to: string
}

/** A page of the tenant's documents in the order of their ids, erased ones too; `after` null begins. */
export async function readDocumentsPage(tx: Tx, after: string | null, to: string): Promise<Omit<DocumentFacts, Categories>[]> {
  const rows = await tx
    .selectFrom('documents')
    .select(['id', 'sensitivity', 'data_classes', 'erased_at'])
    .where(sql<boolean>`(${after}::uuid IS NULL OR id > ${after}::uuid) AND created_at <= ${to}::timestamptz`)
    .orderBy('id')
    .limit(PAGE_DOCUMENTS)
    .execute()
  return rows.map(({ id, erased_at, sensitivity, data_classes }) => {
    const classes = classesOf({ sensitivity, data_classes })
    return {
      document_id: id,
      erased_at: erased_at?.toISOString() ?? null,
      sensitivity,
      data_classes,
      special: classes.includes('special'),
      criminal: classes.includes('criminal'),
    }
  })
}

/**
 * A page of the calls that showed one of these documents (an empty list: that showed none) to one of these processors, in the order of the record. A call that was refused, before
 * its intent or after, is not among them: nothing was sent. One without a known outcome is.
 */
export async function readSentCalls(tx: Tx, ids: readonly string[], { processors, to }: Of, after: string): Promise<SentOnRecord[]> {
  const shown =
    ids.length === 0 ? sql`cardinality(e.document_ids) = 0` : sql`e.seq = ANY(ARRAY(SELECT events_of_documents(${ids}::uuid[])))`
  const { rows } = await sql<{ seq: string; document_ids: string[]; body: string; closing: string | null; closed: string | null }>`
    SELECT e.seq, e.document_ids, e.body, c.body AS closing, c.phase AS closed
    FROM events e LEFT JOIN events c ON c.closes = e.id
    WHERE e.phase = 'intent' AND ${shown} AND e.seq > ${after}::bigint AND c.phase IS DISTINCT FROM 'refused'
      AND e.occurred_at <= ${to}::timestamptz AND e.processor = ANY(${processors}::text[])
    ORDER BY e.seq LIMIT ${PAGE_EVENTS}`.execute(tx)
  return rows.map(({ seq, document_ids, body, closing, closed }) => {
    const intent = Sent.parse(JSON.parse(body))
    const end = closing === null ? null : Sent.parse(JSON.parse(closing))
    return {
      seq,
      document_ids,
      event: end ? { ...end, provider_retention: end.provider_retention ?? intent.provider_retention } : intent,
      sent_at: intent.time,
      ended_at: end?.time ?? null,
      outcome: end === null ? 'open' : closed === 'outcome_unknown' ? 'outcome_unknown' : 'completed',
    }
  })
}

/** Whether the tenant's record has a call to this processor: one that was left may not stand in the register any more. */
export async function wasCalled(tx: Tx, processor: string): Promise<boolean> {
  const { rows } = await sql`SELECT 1 FROM events WHERE phase = 'intent' AND processor = ${processor} LIMIT 1`.execute(tx)
  return rows.length > 0
}

export const isLastPage = (calls: readonly SentOnRecord[]): boolean => calls.length < PAGE_EVENTS

type Categories = 'data_categories' | 'subject_categories'

/** What all events of a document alone say of its content: categories are found after the first call has gone out, and describe what it sent all the same. */
export async function readCategories(tx: Tx, ids: readonly string[]): Promise<Map<string, Pick<DocumentFacts, Categories>>> {
  if (ids.length === 0) return new Map()
  const { rows } = await sql<{ id: string; kind: Categories; names: string[] }>`
    SELECT event->>'doc_ref' AS id, kind, array_agg(DISTINCT name ORDER BY name) AS names
    FROM events, LATERAL (SELECT body::jsonb AS event) parsed, unnest(ARRAY['data_categories', 'subject_categories']) AS kind,
      jsonb_array_elements_text(coalesce(event->kind, '[]')) AS name
    WHERE seq = ANY(ARRAY(SELECT events_of_documents(${ids}::uuid[]))) AND event->>'doc_ref' = ANY(${ids}::text[])
    GROUP BY 1, 2`.execute(tx)
  const found = new Map<string, Pick<DocumentFacts, Categories>>()
  for (const { id, kind, names } of rows) {
    const of = found.get(id) ?? { data_categories: [], subject_categories: [] }
    if (kind === 'data_categories') of.data_categories = names.filter((name) => DataCategory.safeParse(name).success) as DataCategory[]
    else of.subject_categories = names.filter((name) => SubjectCategory.safeParse(name).success) as SubjectCategory[]
    found.set(id, of)
  }
  return found
}

/** Ids of the subjects that documents are linked to; null where this installation links none. */
export type ReadSubjects = (tx: Tx, documentIds: readonly string[]) => Promise<string[] | null>

/** Null where no link is known: rules find no names in running text, so no link does not mean that nobody is concerned. */
export const readLinkedSubjects: ReadSubjects = async (tx, documentIds) => {
  const { rows } = await sql<{ subject_id: string }>`
    SELECT DISTINCT subject_id::text AS subject_id FROM document_subjects WHERE document_id = ANY(${documentIds}::uuid[])`.execute(tx)
  return rows.length === 0 ? null : rows.map(({ subject_id }) => subject_id)
}
