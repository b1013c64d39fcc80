import { z } from 'zod'
import { DataCategory, SubjectCategory } from './classification.ts'
import { DataClass, Purpose, Sensitivity } from './document.ts'

export const EXPOSED_DOCUMENTS_MAX = 1_000
const EXPOSED_DOCUMENTS = 100

/** `from` and `to` belong to the interval. `cursor` asks for more of the documents, without the sums. */
export const ExposureQuestion = z
  .strictObject({
    /** A key of the register, or a company on a list of subprocessors. */
    processor: z.string().trim().min(1).max(200),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    cursor: z.uuid().optional(),
    limit: z.coerce.number().int().min(1).max(EXPOSED_DOCUMENTS_MAX).default(EXPOSED_DOCUMENTS),
  })
  .refine(({ from, to }) => Date.parse(from) <= Date.parse(to), { path: ['to'], message: 'ends before it begins' })
export type ExposureQuestion = z.infer<typeof ExposureQuestion>

/**
 * What was left to read in what was sent. `masked`: nothing of what the rule names was left. `partly_masked`: something was. `unmasked`: nothing
 * was masked. `unconfirmed`: it was to be masked, and how the call ended is not on record.
 */
export const Masking = z.enum(['masked', 'partly_masked', 'unmasked', 'unconfirmed'])
export type Masking = z.infer<typeof Masking>

/**
 * Until when the recipient keeps what a call sent. `record`: the event says so. `register`: the register said so when the call was made. `unknown`: nobody
 * knew then, so that it counts as held until somebody proves the contrary; `until` is null.
 */
const Held = z.strictObject({ until: z.iso.datetime().nullable(), basis: z.enum(['record', 'register', 'unknown']) })
export type Held = z.infer<typeof Held>

const Span = { first_sent: z.iso.datetime(), last_sent: z.iso.datetime() }

/** `known_then`: the register named the subprocessor on the day of the calls. `known_now`: it does today. A direct path was known then, and is now where the register still holds the processor. */
export const ExposurePath = z.strictObject({
  processor: z.string(),
  endpoint: z.string(),
  region: z.string(),
  subprocessor: z.string().nullable(),
  known_then: z.boolean(),
  known_now: z.boolean(),
  /** Of the endpoint, or of the subprocessor; empty: nobody commits to any. */
  countries: z.array(z.string()),
  documents: z.int(),
  calls: z.int(),
  /** Of the calls. */
  masking: z.partialRecord(Masking, z.int()),
  ...Span,
})
export type ExposurePath = z.infer<typeof ExposurePath>

export const ExposureUse = z.strictObject({
  task: z.string(),
  purpose: z.string().nullable(),
  documents: z.int(),
  calls: z.int(),
  masking: z.partialRecord(Masking, z.int()),
  ...Span,
})
export type ExposureUse = z.infer<typeof ExposureUse>

export const ExposedDocument = z.strictObject({
  document_id: z.uuid(),
  erased_at: z.iso.datetime().nullable(),
  sensitivity: Sensitivity,
  data_classes: z.array(DataClass),
  /** Art. 9 and Art. 10. */
  special: z.boolean(),
  criminal: z.boolean(),
  data_categories: z.array(DataCategory),
  subject_categories: z.array(SubjectCategory),
  purposes: z.array(Purpose),
  tasks: z.array(z.string()),
  processors: z.array(z.string()),
  known_then: z.boolean(),
  calls: z.int(),
  calls_without_outcome: z.int(),
  masking: z.array(Masking),
  ...Span,
  held: Held,
  /** By what the register says of the retention today, where that differs. `in_interval` false: by that, nothing was held any more. */
  held_by_todays_register: z.strictObject({ until: z.iso.datetime().nullable(), in_interval: z.boolean() }).nullable(),
})
export type ExposedDocument = z.infer<typeof ExposedDocument>

const Kinds = z.record(z.string(), z.int())

export const ExposureTotals = z.strictObject({
  documents: z.int(),
  /** Of them: on a path that only today's register knows, erased since, special (Art. 9), criminal (Art. 10), not held any more by today's register. */
  documents_known_only_now: z.int(),
  documents_erased: z.int(),
  documents_special: z.int(),
  documents_criminal: z.int(),
  documents_released_by_todays_register: z.int(),
  documents_unknown_retention: z.int(),
  /** Data subjects by the table that links them; null: this installation has none. `at_least`: there are more than are counted. */
  subjects: z.strictObject({ count: z.int(), at_least: z.boolean() }).nullable(),
  calls: z.int(),
  calls_without_outcome: z.int(),
  /** Questions that were sent without a document: what they say of people is on no document's record. */
  calls_without_document: z.int(),
  calls_under_another_register: z.int(),
  sensitivity: z.partialRecord(Sensitivity, z.int()),
  data_categories: z.partialRecord(DataCategory, z.int()),
  subject_categories: z.partialRecord(SubjectCategory, z.int()),
  documents_without_categories: z.int(),
  masking: z.partialRecord(Masking, z.int()),
  /** How many of each kind the texts held, and how many were found in what was sent, over the calls with a count. */
  kinds_before: Kinds,
  kinds_after: Kinds,
  countries: z.array(z.string()),
  transfers: z.array(z.string()),
  first_sent: z.iso.datetime().nullable(),
  last_sent: z.iso.datetime().nullable(),
  /** The last day on which anything is held; null where nothing is, or where that has no known end (`still_held`). */
  held_until: z.iso.datetime().nullable(),
  still_held: z.boolean(),
})
export type ExposureTotals = z.infer<typeof ExposureTotals>

/** GDPR Art. 33: what a processor, or a company behind one, held in an interval. Sums, paths and uses stand on the first page alone. */
export const ExposureReport = z.strictObject({
  report_id: z.uuid(),
  tenant_id: z.uuid(),
  generated_at: z.iso.datetime(),
  asked: z.strictObject({ processor: z.string(), from: z.iso.datetime(), to: z.iso.datetime() }),
  register_hash: z.string(),
  totals: ExposureTotals.nullable(),
  paths: z.array(ExposurePath),
  uses: z.array(ExposureUse),
  documents: z.array(ExposedDocument),
  next_cursor: z.string().nullable(),
  /** What the numbers do not say by themselves. */
  notes: z.array(z.string()),
})
export type ExposureReport = z.infer<typeof ExposureReport>
