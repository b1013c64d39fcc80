import { z } from 'zod'
import { HoldReason, RestrictionGround } from './erasure.ts'

const Time = z.iso.datetime()

/** `due`: it would be erased. `held`: a hold keeps it (Art. 17(3)). `restricted`: a person had its processing restricted (Art. 18(2)). */
const PlannedDocument = z.strictObject({
  document_id: z.uuid(),
  rule: z.string(),
  type: z.string().nullable(),
  purpose: z.string(),
  received_at: Time,
  erase_after: Time,
  state: z.enum(['due', 'held', 'restricted']),
  hold: z.strictObject({ reason: HoldReason, until: Time.nullable() }).nullable(),
  restriction: RestrictionGround.nullable(),
})

/**
 * `now` is the database's clock. Whatever it says, nothing is erased that was not due by `erases_what_was_due_by`; null: nothing is erased. The clock is
 * believed when it was steady for `believed_after_seconds` more.
 */
const ClockView = z.strictObject({
  now: Time,
  erases_what_was_due_by: Time.nullable(),
  believed_after_seconds: z.int(),
  jumped: z.strictObject({ at: Time, by_seconds: z.int() }).nullable(),
})

/** What retention would erase at a moment. Nothing of it is done by asking. */
export const RetentionPlan = z.strictObject({
  at: Time,
  rules: z.strictObject({
    hash: z.string(),
    count: z.int(),
    /** In how much time of running they begin to erase; 0: they do. */
    in_force_after_seconds: z.int(),
  }),
  clock: ClockView,
  /** The processing record: kept at least so long, and in fact for good. */
  records: z.strictObject({ rule: z.string(), keep_months: z.int(), deletes: z.literal('nothing') }),
  totals: z.array(z.strictObject({ rule: z.string(), due: z.int(), held: z.int(), restricted: z.int() })),
  documents: z.array(PlannedDocument),
  next_cursor: z.uuid().nullable(),
})
export type RetentionPlan = z.infer<typeof RetentionPlan>

/** The time by the clock of whoever vouches for it: another one than the database's. */
export const ClockVouch = z.strictObject({ now: Time })
export const ClockConfirmed = z.strictObject({ confirmed_at: Time })
export type ClockConfirmed = z.infer<typeof ClockConfirmed>
