import { sql } from 'kysely'
import type { HoldReason, RestrictionGround } from '../contracts/erasure.ts'
import { erasesNothing, type Period, type RetentionRule, type RetentionRules, rulesOf } from '../policy/retention.ts'
import type { Tx } from './connection.ts'

/** "rtn" in ASCII: of all processes one at a time erases what is due. */
const SWEEP_LOCK = 0x72746e
const REFRESH_BATCH = 1_000

/** What stands in an event of the document. */
export interface Assigned {
  retention_rule: string | null
  erase_after: Date | null
}

/** Writes down which rule holds for a document as it is now, and when it is due. Null, without a question, where there is no rule. */
export async function assignRetention(
  tx: Tx,
  rules: RetentionRules,
  place: { tenant_id: string; document_id: string },
): Promise<Assigned | null> {
  const own = rulesOf(rules, place.tenant_id)
  if (own.length === 0) return null
  const { rows } = await sql<Assigned>`
    UPDATE documents d SET retention_rule = ${ruleOf(own)}, erase_after = ${dueOf(own)} WHERE d.id = ${place.document_id}
    RETURNING d.retention_rule, d.erase_after`.execute(tx)
  return rows[0] ?? null
}

/** The same for the tenant's documents that have it otherwise, some at a time: the rules have changed. Returns how many there were. */
export async function refreshRetention(tx: Tx, rules: RetentionRules, tenantId: string): Promise<number> {
  const own = rulesOf(rules, tenantId)
  const refreshed = await sql`
    WITH stale AS (
      SELECT d.id, ${ruleOf(own)} AS rule, ${dueOf(own)} AS due FROM documents d
      WHERE d.erased_at IS NULL AND (d.retention_rule IS DISTINCT FROM ${ruleOf(own)} OR d.erase_after IS DISTINCT FROM ${dueOf(own)})
      ORDER BY d.id LIMIT ${REFRESH_BATCH} FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE documents d SET retention_rule = stale.rule, erase_after = stale.due FROM stale WHERE d.id = stale.id`.execute(tx)
  return Number(refreshed.numAffectedRows ?? 0)
}

/** Tenants that may have something due, as the system, which sees ids and times alone. */
export async function listTenantsWithDue(tx: Tx, dueBy: Date): Promise<string[]> {
  const rows = await tx
    .selectFrom('documents')
    .select('tenant_id')
    .distinct()
    .where('erased_at', 'is', null)
    .where('erase_after', '<=', dueBy)
    .execute()
  return rows.map(({ tenant_id }) => tenant_id)
}

export interface DueDocument {
  id: string
  rule: string
}

/** False where another process erases what is due; else until the end of the transaction none does. */
export async function tryLockSweep(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{ got: boolean }>`SELECT pg_try_advisory_xact_lock(${SWEEP_LOCK}) AS got`.execute(tx)
  return rows[0]?.got === true
}

/**
 * Documents that were due by `dueBy` by the rules as they are, whatever was written down of them, held until the end of the transaction. Left out: what a
 * person had restricted (Art. 18(2)), what a hold keeps and was refused for it before (Art. 17(3)), and what waits for a hold that has ended meanwhile.
 */
export async function lockDue(tx: Tx, rules: RetentionRules, tenantId: string, dueBy: Date, limit: number): Promise<DueDocument[]> {
  if (erasesNothing(rules)) return []
  const own = rulesOf(rules, tenantId)
  const { rows } = await sql<DueDocument>`
    SELECT d.id, ${ruleOf(own)} AS rule FROM documents d
    WHERE ${live} AND d.erase_after <= ${dueBy} AND ${dueOf(own)} <= ${dueBy}
      AND ${notRestricted} AND NOT (${heldAt(dueBy)} AND ${refusedBefore})
    ORDER BY d.id LIMIT ${limit} FOR UPDATE OF d`.execute(tx)
  return rows
}

export interface PlannedDocument {
  document_id: string
  rule: string
  type: string | null
  purpose: string
  received_at: Date
  erase_after: Date
  state: 'due' | 'held' | 'restricted'
  hold_reason: HoldReason | null
  hold_until: Date | null
  restriction_ground: RestrictionGround | null
}

/** What the rules would erase at a moment, and what would be kept from them; by ids, from the one after `after` on. */
export async function planRetention(
  tx: Tx,
  rules: RetentionRules,
  page: { tenantId: string; at: Date; after: string | null; limit: number },
): Promise<PlannedDocument[]> {
  if (erasesNothing(rules)) return []
  const own = rulesOf(rules, page.tenantId)
  const { rows } = await sql<PlannedDocument>`
    SELECT d.id AS document_id, ${ruleOf(own)} AS rule, d.type, d.purpose, d.created_at AS received_at, ${dueOf(own)} AS erase_after,
      ${stateAt(page.at)} AS state, h.reason AS hold_reason, h.until AS hold_until, d.restriction_ground
    FROM documents d LEFT JOIN holds h ON h.document_id = d.id AND (h.until IS NULL OR h.until > ${page.at})
    WHERE ${live} AND ${dueOf(own)} <= ${page.at} AND (${page.after}::uuid IS NULL OR d.id > ${page.after}::uuid)
    ORDER BY d.id LIMIT ${page.limit}`.execute(tx)
  return rows
}

export interface PlannedSum {
  rule: string
  due: number
  held: number
  restricted: number
}

/** The same added up by rule. */
export async function sumRetention(tx: Tx, rules: RetentionRules, tenantId: string, at: Date): Promise<PlannedSum[]> {
  if (erasesNothing(rules)) return []
  const own = rulesOf(rules, tenantId)
  const { rows } = await sql<PlannedSum>`
    SELECT rule, (count(*) FILTER (WHERE state = 'due'))::int AS due, (count(*) FILTER (WHERE state = 'held'))::int AS held,
      (count(*) FILTER (WHERE state = 'restricted'))::int AS restricted
    FROM (SELECT ${ruleOf(own)} AS rule, ${stateAt(at)} AS state FROM documents d WHERE ${live} AND ${dueOf(own)} <= ${at}) planned
    GROUP BY rule ORDER BY rule`.execute(tx)
  return rows
}

/** What is still on its way has no type yet, and so may be under another rule than it seems. */
const live = sql<boolean>`d.erased_at IS NULL AND d.completed_at IS NOT NULL`
/** A restriction that a refused erasure left ends with its hold; one that a person asked for does not. */
const notRestricted = sql<boolean>`(d.restricted_at IS NULL OR d.restriction_ground = 'hold')`
/** By retention, and since the hold was placed: to refuse it every day would say nothing new. */
const refusedBefore = sql<boolean>`EXISTS (
  SELECT FROM erasure_items i JOIN erasure_requests r ON r.id = i.request_id JOIN holds h ON h.document_id = i.document_id
  WHERE i.document_id = d.id AND i.state = 'refused' AND r.retention_rule IS NOT NULL AND r.received_at >= h.created_at)`

function heldAt(time: Date) {
  return sql<boolean>`EXISTS (SELECT FROM holds h WHERE h.document_id = d.id AND (h.until IS NULL OR h.until > ${time}))`
}

function stateAt(time: Date) {
  return sql<PlannedDocument['state']>`CASE WHEN ${heldAt(time)} THEN 'held' WHEN ${notRestricted} THEN 'due' ELSE 'restricted' END`
}

/** Of documents `d`: the first rule that matches. */
function ruleOf(rules: readonly RetentionRule[]) {
  return cases(rules, ({ id }) => sql`${id}::text`, sql`NULL::text`)
}

/** When it erases them; null: never. */
function dueOf(rules: readonly RetentionRule[]) {
  return cases(rules, ({ erase }) => (erase === 'never' ? sql`NULL::timestamptz` : endOf(erase)), sql`NULL::timestamptz`)
}

function cases(rules: readonly RetentionRule[], value: (rule: RetentionRule) => ReturnType<typeof sql>, otherwise: ReturnType<typeof sql>) {
  if (rules.length === 0) return otherwise
  const branches = rules.map((rule) => sql`WHEN ${matches(rule)} THEN ${value(rule)}`)
  return sql`CASE ${sql.join(branches, sql` `)} ELSE ${otherwise} END`
}

function matches({ purposes, types }: RetentionRule) {
  const named = [
    ...(purposes ? [sql`d.purpose = ANY(${purposes}::text[])`] : []),
    // A type that nobody knows yet is none of them.
    ...(types ? [sql`coalesce(d.type = ANY(${types}::text[]), false)`] : []),
  ]
  return named.length === 0 ? sql`true` : sql.join(named, sql` AND `)
}

/** Calendar months of UTC, whatever the session's time zone. */
function endOf({ after, days = 0, months = 0 }: Period) {
  const from = after === 'received' ? sql`d.created_at` : sql`d.completed_at`
  return sql`((${from} AT TIME ZONE 'UTC') + make_interval(months => ${months}::int, days => ${days}::int)) AT TIME ZONE 'UTC'`
}
