import { z } from 'zod'

/** Characters of a policy's YAML: far more than any policy has, far less than a server minds. */
const POLICY_LENGTH_MAX = 256 * 1024

/** Past model calls are judged again by `policy` (the text of a policy file) with the register of today, on today's date or on the day of each call. */
export const PolicyReplayRequest = z.strictObject({
  policy: z.string().min(1).max(POLICY_LENGTH_MAX),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  as_of_call: z.boolean().default(false),
})
export type PolicyReplayRequest = z.infer<typeof PolicyReplayRequest>

/** Calls whose outcome would be another, by who was called, the rule that now decides, and why. */
const ReplayGroup = z.strictObject({
  change: z.enum(['now_refused', 'now_allowed']),
  processor: z.string(),
  region: z.string(),
  rule: z.string().nullable(),
  failed: z.array(z.strictObject({ requirement: z.string(), found: z.string() })),
  calls: z.int(),
  documents: z.int(),
  /** The first of them, in the order of the record. */
  document_ids: z.array(z.uuid()),
})
export type ReplayGroup = z.infer<typeof ReplayGroup>

/**
 * `calls` is the sum of the five that follow it. `unknown` are those that cannot be judged, and count as neither: `unknown_because` says why.
 * `complete` false: the record holds more calls than one replay reads; `judged_until` is where to go on.
 */
export const PolicyReplay = z.strictObject({
  policy: z.strictObject({ name: z.string(), version: z.int(), hash: z.string() }),
  register_hash: z.string(),
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  as_of_call: z.boolean(),
  calls: z.int(),
  still_allowed: z.int(),
  still_refused: z.int(),
  now_refused: z.int(),
  now_allowed: z.int(),
  unknown: z.int(),
  groups: z.array(ReplayGroup),
  unknown_because: z.array(z.strictObject({ reason: z.string(), calls: z.int() })),
  complete: z.boolean(),
  judged_until: z.iso.datetime().nullable(),
})
export type PolicyReplay = z.infer<typeof PolicyReplay>
