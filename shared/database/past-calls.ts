import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import { type DataClass, Sensitivity } from '../contracts/document.ts'
import { PolicyTask } from '../policy/policy.ts'
import type { PastCall, PastSubject, UnknownCall } from '../policy/replay.ts'
import type { Tx } from './connection.ts'

/** Events of one turn: some hundred bytes each, and no transaction is open while they are judged. */
const PAGE_EVENTS = 1_000

/** Every question is asked as this, whatever it says (services/retrieval/search.ts). */
export const QUESTION = { sensitivity: 'internal', data_classes: ['personal'] } as const satisfies Record<string, unknown>

/** The part of an event that a decision needs. Loose: older events have fewer members, and other tasks. */
const Recorded = z.looseObject({
  time: z.iso.datetime(),
  doc_ref: z.uuid().nullable(),
  purpose: z.string().nullable(),
  sensitivity: Sensitivity.nullable(),
  special: z.boolean().nullable(),
  criminal: z.boolean().nullable(),
  recipient: z.looseObject({ processor: z.string(), endpoint: z.string(), region: z.string() }).nullable(),
  model: z.looseObject({ task: z.string() }).nullable(),
  hits: z.array(z.looseObject({ doc_ref: z.uuid() })).default([]),
})
type Recorded = z.infer<typeof Recorded>

export interface PastCallsPage {
  calls: (PastCall | UnknownCall)[]
  /** Null: that was the last page. */
  after: string | null
  /** Of the last call of the page. */
  until: string | null
}

interface Filter {
  tenantId: string
  /** ISO 8601 times, `to` excluded. */
  from: string | null
  to: string | null
  after: string | null
}

/**
 * A page of the tenant's past model calls in the order of the record: each intent, and each refusal before one. Documents keep their classes after their
 * erasure, so a call is judged by what it contained, however long that is gone.
 */
export async function readPastCalls(tx: Tx, { tenantId, from, to, after }: Filter): Promise<PastCallsPage> {
  const { rows } = await sql<{ seq: string; body: string; time: string; refused: boolean }>`
    SELECT e.seq, e.body, e.body::jsonb->>'time' AS time, e.phase = 'refused' OR coalesce(closing.phase = 'refused', false) AS refused
    FROM events e LEFT JOIN events closing ON closing.closes = e.id
    WHERE (e.phase = 'intent' OR (e.phase = 'refused' AND e.closes IS NULL)) AND e.seq > ${after ?? '0'}::bigint
      AND ${inPeriod(from, to)}
    ORDER BY e.seq LIMIT ${PAGE_EVENTS}`.execute(tx)
  const events = rows.map((row) => ({ ...row, event: Recorded.safeParse(JSON.parse(row.body)) }))
  const ids = new Set(events.flatMap(({ event }) => (event.success ? documentsOf(event.data) : [])))
  const documents = await readClasses(tx, [...ids])
  return {
    calls: events.map(({ event, refused }) =>
      event.success ? pastCall(tenantId, event.data, refused, documents) : { unknown: 'the event has another form than those of today' },
    ),
    after: rows.length < PAGE_EVENTS ? null : (rows.at(-1)?.seq ?? null),
    until: rows.at(-1)?.time ?? null,
  }
}

function inPeriod(from: string | null, to: string | null): RawBuilder<boolean> {
  return sql<boolean>`(${from}::timestamptz IS NULL OR (e.body::jsonb->>'time')::timestamptz >= ${from}::timestamptz)
      AND (${to}::timestamptz IS NULL OR (e.body::jsonb->>'time')::timestamptz < ${to}::timestamptz)`
}

interface Classes {
  sensitivity: Sensitivity
  data_classes: DataClass[]
  purpose: string
}

async function readClasses(tx: Tx, ids: readonly string[]): Promise<Map<string, Classes>> {
  if (ids.length === 0) return new Map()
  const rows = await tx
    .selectFrom('documents')
    .select(['id', 'sensitivity', 'data_classes', 'purpose'])
    .where(sql<boolean>`id = ANY(${ids}::uuid[])`)
    .execute()
  return new Map(rows.map(({ id, ...classes }) => [id, classes]))
}

function documentsOf({ doc_ref, hits }: Recorded): string[] {
  return [...new Set([...(doc_ref === null ? [] : [doc_ref]), ...hits.map((hit) => hit.doc_ref)])]
}

function pastCall(tenantId: string, event: Recorded, refused: boolean, documents: Map<string, Classes>): PastCall | UnknownCall {
  const task = PolicyTask.safeParse(event.model?.task)
  if (!task.success) return { unknown: `the task ${event.model?.task ?? 'none'} is none of those of today` }
  if (event.recipient === null) return { unknown: 'the event names no recipient' }
  const document_ids = documentsOf(event)
  const missing = document_ids.find((id) => !documents.has(id))
  if (missing !== undefined) return { unknown: 'a document of the call is not in the catalogue' }
  const subjects = event.doc_ref === null ? severalSubjects(event, documents) : [oneDocument(event, documents.get(event.doc_ref))]
  return {
    tenant_id: tenantId,
    time: event.time,
    task: task.data,
    recipient: {
      processor: event.recipient.processor,
      region: event.recipient.region,
      endpoints: event.recipient.endpoint.split(' '),
    },
    was: refused ? 'refused' : 'allowed',
    subjects,
    document_ids,
  }
}

/** A question and the documents whose passages it was shown with. What was found in a document since then may have raised its classes. */
function severalSubjects({ purpose, hits }: Recorded, documents: Map<string, Classes>): PastSubject[] {
  const question: PastSubject = { sensitivity: QUESTION.sensitivity, purpose: purpose ?? '', readings: [QUESTION.data_classes] }
  const shown = [...new Set(hits.map((hit) => hit.doc_ref))].flatMap((id) => documents.get(id) ?? [])
  return [question, ...shown.map(({ sensitivity, purpose: of, data_classes }) => ({ sensitivity, purpose: of, readings: [data_classes] }))]
}

/**
 * Of a single document the event itself says whether it was special or criminal when it was called; only whether it was personal is the catalogue's. Where
 * its classes were raised since and the old ones are gone, both are possible.
 */
function oneDocument(event: Recorded, now: Classes | undefined): PastSubject {
  const then: DataClass[] = [...(event.special ? (['special'] as const) : []), ...(event.criminal ? (['criminal'] as const) : [])]
  const plain = (now?.data_classes ?? []).filter((dataClass) => dataClass !== 'special' && dataClass !== 'criminal')
  const readings: DataClass[][] = then.length > 0 || plain.length > 0 ? [[...then, ...plain]] : [['none'], ['personal']]
  return { sensitivity: event.sensitivity ?? now?.sensitivity ?? 'internal', purpose: event.purpose ?? now?.purpose ?? '', readings }
}
