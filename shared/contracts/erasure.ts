import { z } from 'zod'
import { Purpose } from './document.ts'
import { IdentifierKind, SubjectIdentifiers } from './subjects.ts'

/** Documents of one request: they are buried in one transaction. */
export const ERASURE_DOCUMENTS_MAX = 1_000
const WRITTEN_REASON_CHARACTERS_MAX = 2_000

/** Why the data subject may ask (Art. 17(1)(a) to (f)). */
export const ErasureGround = z.enum(['17-1-a', '17-1-b', '17-1-c', '17-1-d', '17-1-e', '17-1-f'])
export type ErasureGround = z.infer<typeof ErasureGround>

/** What stands against an erasure (Art. 17(3)(a) to (e)): expression, a legal obligation, public health, archives, legal claims. */
export const HoldReason = z.enum(['17-3-a', '17-3-b', '17-3-c', '17-3-d', '17-3-e'])
export type HoldReason = z.infer<typeof HoldReason>

/** Art. 18(1)(a) to (d). `hold`: an erasure was refused, and the document is kept for nothing but the reason of its hold. */
export const RestrictionGround = z.enum(['18-1-a', '18-1-b', '18-1-c', '18-1-d', 'hold'])
export type RestrictionGround = z.infer<typeof RestrictionGround>

const WrittenReason = z.string().trim().min(1).max(WRITTEN_REASON_CHARACTERS_MAX)

/** `text` may name people: it is sealed under the document's own key, and the record holds a salted commitment to it. */
export const NewHold = z.strictObject({
  reason: HoldReason,
  text: WrittenReason.optional(),
  until: z.iso.datetime().nullable().default(null),
})
/** `key_id`: the API key that placed it, or said its terms anew. */
export const HoldView = z.strictObject({
  document_id: z.uuid(),
  key_id: z.uuid(),
  reason: HoldReason,
  text: z.string().nullable(),
  until: z.iso.datetime().nullable(),
  since: z.iso.datetime(),
})
export type HoldView = z.infer<typeof HoldView>
/** Without the words: each is under its document's key. */
export const HoldList = z.strictObject({ holds: z.array(HoldView.omit({ text: true })), next_cursor: z.uuid().nullable() })
export type HoldList = z.infer<typeof HoldList>
export const NewRestriction = z.strictObject({ ground: RestrictionGround.exclude(['hold']) })
/** `key_id`: the API key whose ground stands; of `hold` the one whose erasure was refused, null where a rule of retention was. */
export const RestrictionView = z.strictObject({
  document_id: z.uuid(),
  key_id: z.uuid().nullable(),
  ground: RestrictionGround,
  since: z.iso.datetime(),
})
export type RestrictionView = z.infer<typeof RestrictionView>

const ErasureFilter = z
  .strictObject({ purpose: Purpose.optional(), type: z.string().min(1).max(64).optional(), created_before: z.iso.datetime().optional() })
  .refine((filter) => Object.keys(filter).length > 0, 'an empty filter would mean everything')
export type ErasureFilter = z.infer<typeof ErasureFilter>

const ByDocuments = z.strictObject({ document_ids: z.array(z.uuid()).min(1).max(ERASURE_DOCUMENTS_MAX) })
const BySubject = z.strictObject({ subject_id: z.uuid() })
const ByFilter = z.strictObject({ filter: ErasureFilter })

/** What is kept of what was asked for: of a person's identifiers their kinds, and the random ids that they had here. */
export const ErasureScope = z.union([
  ByDocuments,
  BySubject,
  ByFilter,
  z.strictObject({ subject_ids: z.array(z.uuid()), identified_by: z.array(IdentifierKind).min(1) }),
])
export type ErasureScope = z.infer<typeof ErasureScope>

/** What somebody asks for. `identifiers`: the documents that name the person by any of them, whole, whoever else they name. */
export const AskedScope = z.union([ByDocuments, BySubject, ByFilter, z.strictObject({ identifiers: SubjectIdentifiers })])
export type AskedScope = z.infer<typeof AskedScope>

/** `received_at`: when the person's request arrived, if not now; the month of Art. 12(3) runs from then. */
export const NewErasure = z.strictObject({ ground: ErasureGround, scope: AskedScope, received_at: z.iso.datetime().optional() })
export type NewErasure = z.input<typeof NewErasure>
export const NewExtension = z.strictObject({ reason: WrittenReason })

export const ErasureState = z.enum(['erasing', 'done'])
export type ErasureState = z.infer<typeof ErasureState>
export const ItemState = z.enum(['erasing', 'erased', 'refused'])
export type ItemState = z.infer<typeof ItemState>

const Refusal = z.strictObject({ document_id: z.uuid(), reason: HoldReason, hold_until: z.iso.datetime().nullable() })

/**
 * `key_id`: the API key that asked; null where a rule of retention did. `ground` is null where a document was erased by its id and nobody said why. `done`:
 * nothing of it is under way any more; the refused stay. `settles_at`: every store was found empty, but a start of a stage has not said that it has ended,
 * and may write; when it says so, or at that time, the stores are emptied and read back once more. Null: nothing such is waited for.
 */
export const ErasureView = z.strictObject({
  erasure_id: z.uuid(),
  key_id: z.uuid().nullable(),
  ground: ErasureGround.nullable(),
  scope: ErasureScope,
  retention_rule: z.string().nullable(),
  received_at: z.iso.datetime(),
  due_at: z.iso.datetime(),
  extended_at: z.iso.datetime().nullable(),
  state: ErasureState,
  completed_at: z.iso.datetime().nullable(),
  settles_at: z.iso.datetime().nullable(),
  counts: z.strictObject({ documents: z.int(), erasing: z.int(), erased: z.int(), refused: z.int() }),
  refusals: z.array(Refusal),
})
export type ErasureView = z.infer<typeof ErasureView>
export const ErasureList = z.strictObject({ erasures: z.array(ErasureView), next_cursor: z.uuid().nullable() })
export type ErasureList = z.infer<typeof ErasureList>
