import canonicalize from 'canonicalize'
import { type RawBuilder, sql } from 'kysely'
import type { z } from 'zod'
import type { DataClass, Sensitivity } from '../contracts/document.ts'
import { AppError } from '../contracts/errors.ts'
import { newId } from '../contracts/ids.ts'
import type { Stage } from '../contracts/jobs.ts'
import { type EventDraft, ProcessingEvent } from '../contracts/record.ts'
import { outcomeOf } from '../contracts/records.ts'
import { EVENT_BYTES_MAX } from '../ledger/canonical.ts'
import { classesOf } from '../policy/evaluate.ts'
import type { Tx } from './connection.ts'

export const RECORD_EVENTS_MAX = 10_000
/** Of one turn. */
const PAGE_EVENTS = 2_000
/** Newest first; an attempt is refused once for each provider and task. */
const REFUSALS_MAX = 500
const EMPTY = {
  doc_ref: null,
  revision: null,
  content_commit: null,
  parent_events: [],
  purpose: null,
  sensitivity: null,
  special: null,
  criminal: null,
  data_categories: [],
  subject_categories: [],
  provenance: null,
  recipient: null,
  policy: null,
  model: null,
  minimisation: null,
  ai_generated: false,
  hits: [],
  stores: [],
  result: null,
  error_code: null,
  duration_ms: null,
} as const satisfies Partial<ProcessingEvent>

/**
 * Appends an event in the transaction of the change it describes, as canonical JSON (RFC 8785): the bytes never change afterwards, and no role
 * may update or delete them. What was declared of its purpose comes with the transaction, so that no event can be written without it. The same statement queues it for the tenant's log (shared/database/ledger.ts). `closes` names the intent that this event completes; an intent can be closed once. Returns the event's id.
 */
export async function appendEvent(tx: Tx, tenantId: string, draft: EventDraft, closes: string | null = null): Promise<string> {
  const event = ProcessingEvent.parse({
    schema: 'greffier.event/1',
    event_id: newId(),
    time: new Date().toISOString(),
    controller_ref: tenantId,
    ...EMPTY,
    ...tx.declare(draft),
    ...draft,
    parent_events: closes === null ? (draft.parent_events ?? []) : [closes],
  } satisfies z.input<typeof ProcessingEvent>)
  const documents = new Set([...(event.doc_ref === null ? [] : [event.doc_ref]), ...event.hits.map((hit) => hit.doc_ref)])
  const body = canonicalize(event) as string
  // A leaf that no auditor could read back must not be written: it could never be taken out of the log again.
  if (Buffer.byteLength(body) > EVENT_BYTES_MAX) throw new AppError('INTERNAL', `an event has at most ${EVENT_BYTES_MAX} bytes`)
  // As text: putting the statement together anew for each event takes longer than making it canonical.
  const at = filtered(event)
  await sql`
    WITH logged AS (
      INSERT INTO events (id, tenant_id, document_ids, phase, closes, body, occurred_at, operation, outcome, purpose, legal_basis, processor)
      VALUES (${event.event_id}, ${tenantId}, ${[...documents]}::uuid[], ${event.phase}, ${closes}::uuid, ${body},
        ${at.occurred_at}, ${at.operation}, ${at.outcome}, ${at.purpose}, ${at.legal_basis}, ${at.processor})
      RETURNING tenant_id, seq
    )
    INSERT INTO ledger_queue (tenant_id, event_seq) SELECT tenant_id, seq FROM logged`.execute(tx)
  if (event.phase === 'intent') await tx.insertInto('open_intents').values({ event_id: event.event_id, tenant_id: tenantId }).execute()
  if (closes !== null) await tx.deleteFrom('open_intents').where('event_id', '=', closes).execute()
  return event.event_id
}

/** As `describe_event` of migration 0011 does for other writers. */
function filtered(event: ProcessingEvent) {
  return {
    occurred_at: event.time,
    operation: event.operation,
    outcome: outcomeOf(event),
    purpose: event.purpose,
    legal_basis: event.legal_basis,
    processor: event.recipient?.processor ?? null,
  }
}

/** What every event of one document says of it. A document marked special by its sensitivity is special, as the policy sees it. */
export function describeDocument(row: DescribedDocument, revision: number) {
  const classes = classesOf(row)
  return {
    doc_ref: row.id,
    revision,
    content_commit: row.content_commit?.toString('hex') ?? null,
    purpose: row.purpose,
    sensitivity: row.sensitivity,
    special: classes.includes('special'),
    criminal: classes.includes('criminal'),
    ...describeRetention(row),
  } satisfies Partial<EventDraft>
}

export interface DescribedDocument {
  id: string
  content_commit: Buffer | null
  purpose: string
  sensitivity: Sensitivity
  data_classes: DataClass[]
  retention_rule?: string | null
  erase_after?: Date | null
  held_until?: Date | null
}

/** The rule that erases a document, when, and whether a hold stands against that now; nothing where no rule does. */
export function describeRetention({
  retention_rule: rule,
  erase_after,
  held_until,
}: Pick<DescribedDocument, 'retention_rule' | 'erase_after' | 'held_until'>): Pick<EventDraft, 'retention'> {
  if (rule == null) return {}
  return { retention: { rule, erase_after: erase_after?.toISOString() ?? null, hold: held_until != null && held_until > new Date() } }
}

/** Events that name one of these documents: `events_of_documents` of migration 0011 finds them by the index, which row-level security keeps out of reach. */
export function ofDocuments(ids: readonly string[]): RawBuilder<boolean> {
  return sql<boolean>`seq = ANY(ARRAY(SELECT events_of_documents(${ids}::uuid[])))`
}

/** The events of one document in the order in which they were recorded, searches and answers that used it included; of more than `limit` the newest. */
export async function readRecord(tx: Tx, documentId: string, limit = RECORD_EVENTS_MAX): Promise<ProcessingEvent[]> {
  const rows = await tx
    .selectFrom('events')
    .select('body')
    .where(ofDocuments([documentId]))
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute()
  return rows.reverse().map((row) => ProcessingEvent.parse(JSON.parse(row.body)))
}

/**
 * What was done with one document and who was sent something of it, from its upload on, however much that is: the events about it alone, and every call that
 * showed it among others. Left out are questions that showed it to no recipient. Without `hits`: which documents stood beside it is nothing of its own, and is
 * most of what a call of many holds in memory.
 */
export async function readOwnRecord(tx: Tx, documentId: string): Promise<ProcessingEvent[]> {
  const events: ProcessingEvent[] = []
  for (let after = '0'; ; ) {
    const { rows } = await sql<{ seq: string; body: string }>`
      SELECT seq, body FROM events WHERE ${ofDocuments([documentId])} AND seq > ${after}::bigint
        AND (processor IS NOT NULL OR body::jsonb->>'doc_ref' = ${documentId})
      ORDER BY seq LIMIT ${PAGE_EVENTS}`.execute(tx)
    for (const { body } of rows) events.push({ ...ProcessingEvent.parse(JSON.parse(body)), hits: [] })
    if (rows.length < PAGE_EVENTS) return events
    after = rows.at(-1)?.seq ?? after
  }
}

/**
 * The refused calls of the attempt that ended a stage as `refused`, oldest first: those between its own event and the one of an attempt before it.
 * What an attempt was refused before it met a passing failure counts with it.
 */
export async function readRefusedCalls(tx: Tx, documentId: string, revision: number, stage: Stage): Promise<ProcessingEvent[]> {
  const rows = await tx
    .selectFrom('events')
    .select('body')
    .where(ofDocuments([documentId]))
    .where('phase', '=', 'refused')
    .orderBy('seq', 'desc')
    .limit(REFUSALS_MAX)
    .execute()
  const ofStage = rows
    .map((row) => ProcessingEvent.parse(JSON.parse(row.body)))
    .filter((event) => event.doc_ref === documentId && event.revision === revision && event.step === stage)
  const end = ofStage.findIndex((event) => event.recipient === null)
  const before = ofStage.findIndex((event, at) => at > end && event.recipient === null)
  return ofStage.slice(end + 1, before === -1 ? undefined : before).reverse()
}

/** Closes model calls whose process died between intent and completion: what happened to the bytes is not known, and the record says just that. */
export async function closeAbandonedIntents(tx: Tx, tenantId: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    // Another sweeper may have closed it since the list was made.
    const open = await tx.deleteFrom('open_intents').where('event_id', '=', id).returning('event_id').executeTakeFirst()
    if (!open) continue
    const row = await tx.selectFrom('events').select('body').where('id', '=', id).executeTakeFirst()
    if (!row) continue
    const {
      schema: _schema,
      event_id: _id,
      time: _time,
      controller_ref: _controller,
      role: _role,
      ...intent
    } = ProcessingEvent.parse(JSON.parse(row.body))
    await appendEvent(tx, tenantId, { ...intent, phase: 'outcome_unknown', result: null }, id)
  }
}
