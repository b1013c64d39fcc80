import { z } from 'zod'
import { AppError } from '../../../shared/contracts/errors.ts'
import { ClockConfirmed, ClockVouch, RetentionPlan } from '../../../shared/contracts/retention.ts'
import { type Database, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { appendOrdered } from '../../../shared/database/event-actors.ts'
import { type PlannedDocument, planRetention, sumRetention } from '../../../shared/database/retention.ts'
import { readClockState, readConfirmation, readWallClock, writeConfirmation } from '../../../shared/database/retention-clock.ts'
import { CLOCK_TOLERANCE_MS, type ClockConfirmation, type ClockState, confirmClock, dueByMs } from '../../../shared/policy/clock-guard.ts'
import type { RetentionRules } from '../../../shared/policy/retention.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'

const PAGE_SIZE_MAX = 1_000
const SECOND_MS = 1_000
const tags = ['rights']

export interface RetentionRouteServices {
  database: Database
  retention: RetentionRules
  retentionHash: string
  retentionTimes: { graceMs: number; holdingMs: number }
}

/** What will be erased because it was kept long enough, before it is; and a word on the clock that this rests on. */
export function addRetentionRoutes(server: HttpServer, services: RetentionRouteServices): void {
  const { database, retention, retentionHash } = services
  server.get(
    '/v1/retention/plan',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags,
        summary: 'What retention would erase, and when it begins to',
        description:
          'At `at`, by default now: each document with its rule, and those that a hold (Art. 17(3)) or a restriction (Art. 18(2)) keeps. Nothing is erased by asking. `totals` counts all pages.',
        querystring: z.strictObject({
          at: z.iso.datetime().optional(),
          limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(100),
          cursor: z.uuid().optional(),
        }),
        response: { 200: RetentionPlan },
      },
    },
    async ({ identity: { tenantId }, query }) => {
      const { state, wallMs } = await withSystem(database, async (tx) => ({
        state: await readClockState(tx),
        wallMs: await readWallClock(tx),
      }))
      const at = query.at === undefined ? new Date(wallMs) : new Date(query.at)
      return withTenant(database, tenantId, async (tx) => {
        const page = { tenantId, at, after: query.cursor ?? null, limit: query.limit + 1 }
        const planned = await planRetention(tx, retention, page)
        const shown = planned.slice(0, query.limit)
        return {
          at: at.toISOString(),
          rules: { hash: retentionHash, count: retention.rules.length, in_force_after_seconds: secondsToForce(services, state) },
          clock: viewClock(services, { state, wallMs, confirmation: await readConfirmation(tx, tenantId) }),
          records: { rule: retention.records.id, keep_months: retention.records.keep_months, deletes: 'nothing' as const },
          totals: await sumRetention(tx, retention, tenantId, at),
          documents: shown.map(viewPlanned),
          next_cursor: planned.length > query.limit ? (shown.at(-1)?.document_id ?? null) : null,
        }
      })
    },
  )

  server.post(
    '/v1/retention/confirm-clock',
    {
      onRequest: authorize(database, 'rights:manage'),
      schema: {
        tags,
        summary: 'Vouch for the clock of the database',
        description:
          'After a start or a jump, so that what is due need not wait until the clock was steady for its time. `now` is the time by another clock; where the two differ by more than two minutes it is refused (409). It holds for your organisation alone.',
        body: ClockVouch,
        response: { 200: ClockConfirmed },
      },
    },
    async ({ identity, body }) => {
      const { tenantId } = identity
      const { state, wallMs } = await withSystem(database, async (tx) => ({
        state: await readClockState(tx),
        wallMs: await readWallClock(tx),
      }))
      if (!state) throw new AppError('UNAVAILABLE', 'nobody has looked at the clock yet', { retryAfterSeconds: 5 })
      const aheadMs = wallMs - new Date(body.now).getTime()
      if (Math.abs(aheadMs) > CLOCK_TOLERANCE_MS)
        throw new AppError('CLOCK_DISPUTED', undefined, {
          extra: { database_now: new Date(wallMs).toISOString(), ahead_seconds: Math.round(aheadMs / SECOND_MS) },
        })
      await withTenant(database, tenantId, async (tx) => {
        await writeConfirmation(tx, tenantId, confirmClock(state, wallMs))
        await appendOrdered(tx, identity, { operation: 'Store', step: 'clock_confirmed', phase: 'completed', result: 'ok' })
      })
      return { confirmed_at: new Date(wallMs).toISOString() }
    },
  )
}

/** Rules that no process has seen yet have all of their time before them. */
function secondsToForce({ retentionHash, retentionTimes: { graceMs } }: RetentionRouteServices, state: ClockState | null): number {
  const seenMs = state?.rulesHash === retentionHash ? state.rulesMs : 0
  return secondsLeft(graceMs - seenMs)
}

function viewClock(
  { retentionTimes: { holdingMs } }: RetentionRouteServices,
  { state, wallMs, confirmation }: { state: ClockState | null; wallMs: number; confirmation: ClockConfirmation | null },
) {
  const dueMs = state && dueByMs(state, confirmation, wallMs)
  return {
    now: new Date(wallMs).toISOString(),
    erases_what_was_due_by: dueMs === null ? null : new Date(dueMs).toISOString(),
    believed_after_seconds: secondsLeft(holdingMs - (state?.steadyMs ?? 0)),
    jumped: state?.jump ? { at: new Date(state.jump.atMs).toISOString(), by_seconds: Math.round(state.jump.byMs / SECOND_MS) } : null,
  }
}

function viewPlanned({ hold_reason, hold_until, restriction_ground, ...planned }: PlannedDocument) {
  return {
    ...planned,
    received_at: planned.received_at.toISOString(),
    erase_after: planned.erase_after.toISOString(),
    hold: hold_reason === null ? null : { reason: hold_reason, until: hold_until?.toISOString() ?? null },
    restriction: restriction_ground,
  }
}

function secondsLeft(ms: number): number {
  return Math.max(0, Math.ceil(ms / SECOND_MS))
}
