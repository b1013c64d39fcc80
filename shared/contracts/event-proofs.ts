import { z } from 'zod'

export const EVENT_PROOFS_MAX = 500
const EVENT_PROOFS = 100

export const EventProofsQuestion = z.strictObject({
  cursor: z
    .string()
    .regex(/^[1-9][0-9]{0,17}$/, 'not a cursor')
    .optional(),
  limit: z.coerce.number().int().min(1).max(EVENT_PROOFS_MAX).default(EVENT_PROOFS),
})

/** `event`: the leaf, byte for byte as it is stored. `proof`: a file of c2sp.org/tlog-proof@v1. */
export const LeafProof = z.strictObject({ leaf_index: z.int(), event: z.string(), proof: z.string() })
export type LeafProof = z.infer<typeof LeafProof>

/** Pending: not in the log yet; ask again in a second. */
const EventProof = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('proven'), event_id: z.uuid(), ...LeafProof.shape }),
  z.strictObject({ status: z.literal('pending'), event_id: z.uuid() }),
])

/** Oldest first. */
export const EventProofs = z.strictObject({
  document_id: z.uuid(),
  origin: z.string(),
  events: z.array(EventProof),
  next_cursor: z.string().nullable(),
})
export type EventProofs = z.infer<typeof EventProofs>
