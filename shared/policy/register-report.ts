import { z } from 'zod'
import { Activity, Contact } from './activities.ts'

export const RegisterFormat = z.enum(['json', 'jsonld', 'csv', 'fides'])
export type RegisterFormat = z.infer<typeof RegisterFormat>

/** `controller`: Art. 30(1), the organisation's own activities. `processor`: Art. 30(2), those on behalf of others, by controller. */
export const RegisterView = z.enum(['controller', 'processor'])
export type RegisterView = z.infer<typeof RegisterView>

/** `from` and `to` are whole days (UTC), both of them included. */
export const RegisterQuestion = z
  .strictObject({ from: z.iso.date().optional(), to: z.iso.date().optional(), view: RegisterView.default('controller') })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, { path: ['to'], message: 'ends before it begins' })
export type RegisterQuestion = z.infer<typeof RegisterQuestion>

export const DriftKind = z.enum([
  'undeclared_purpose',
  'undeclared_subject_category',
  'undeclared_data_category',
  'undeclared_special_data',
  'undeclared_criminal_data',
  'undeclared_recipient',
  'undeclared_country',
  'unregistered_recipient',
  'other_basis',
  'retention_overrun',
  'stale_evidence',
  'review_overdue',
  'assessment_open',
  'never_observed',
])
export type DriftKind = z.infer<typeof DriftKind>

/** `note`: not a contradiction, and still something to look at. `name`: what the sentence is about. */
export const Drift = z.strictObject({ kind: DriftKind, severity: z.enum(['drift', 'note']), name: z.string(), text: z.string() })
export type Drift = z.infer<typeof Drift>

/** What events named, in how many of them, from when to when. */
export const Seen = z.strictObject({ name: z.string(), events: z.int(), first_seen: z.iso.datetime(), last_seen: z.iso.datetime() })
export type Seen = z.infer<typeof Seen>

/** `regions`: those of its endpoints. `in_process`: nothing leaves this process. */
const SeenRecipient = z.strictObject({ ...Seen.shape, regions: z.array(z.string()), in_process: z.boolean() })
/** `name` is the country (ISO 3166-1, or `unknown`); `mechanism` as the register of processors had it when the call was made. */
const SeenCountry = z.strictObject({ ...Seen.shape, mechanism: z.string(), processor: z.string() })

/**
 * Documents that are older than the limit of a category that they hold, or of which no category is known. `held`: a hold stands against their erasure.
 * `at_least`: only the oldest were looked at.
 */
export const Overrun = z.strictObject({
  category: z.string(),
  documents: z.int(),
  held: z.int(),
  oldest: z.iso.datetime(),
  at_least: z.boolean(),
})
export type Overrun = z.infer<typeof Overrun>

function field<Declared extends z.ZodType, Observed extends z.ZodType>(declared: Declared, observed: Observed) {
  return z.strictObject({ declared: declared.nullable(), observed, drift: z.array(Drift) })
}
const { shape } = Activity
const text = z.string()

/** `id` and everything declared are null of a purpose that nobody has declared. */
export const RegisterEntry = z.strictObject({
  id: text.nullable(),
  name: text,
  role: shape.role,
  /** On whose behalf (Art. 30(2)(a)); empty for the organisation's own. */
  controllers: z.array(Contact),
  /** A key of Fides's data uses. */
  data_use: text.nullable(),
  documents_uploaded: z.int(),
  documents_live: z.int(),
  events: z.int(),
  calls: z.int(),
  calls_refused: z.int(),
  /** Events that were written under another file of activities than today's. */
  events_under_another_register: z.int(),
  first_seen: z.iso.datetime().nullable(),
  last_seen: z.iso.datetime().nullable(),
  fields: z.strictObject({
    purposes: field(z.array(text), z.array(Seen)),
    subject_categories: field(z.array(text), z.array(Seen)),
    data_categories: field(z.array(text), z.array(Seen)),
    special: field(z.boolean(), z.boolean()),
    criminal: field(z.boolean(), z.boolean()),
    legal_basis: field(text, z.array(Seen)),
    art9_basis: field(text, z.array(Seen)),
    art10_basis: field(text, z.null()),
    recipients: field(z.array(text), z.array(SeenRecipient)),
    third_countries: field(shape.third_countries, z.array(SeenCountry)),
    erasure: field(z.array(z.strictObject({ category: text, rule: text, days: z.int().nullable() })), z.array(Overrun)),
    /** Observed: calls by what was left to read in them. */
    measures: field(shape.measures, z.record(text, z.int())),
    assessments: field(shape.assessments, z.null()),
    source: field(text, z.null()),
    notice_version: field(text, z.null()),
    automated_decision: field(text, z.null()),
    review: field(
      z.strictObject({ created_on: z.iso.date().nullable(), reviewed_on: z.iso.date().nullable(), review_by: z.iso.date() }),
      z.null(),
    ),
    /** Observed: language models that were called. */
    ai: field(shape.ai, z.array(Seen)),
    /** Observed: what the register of processors holds for the recipients; null: nobody has read one. */
    dpa_reference: field(text, z.array(z.strictObject({ processor: text, reference: text.nullable() }))),
  }),
})
export type RegisterEntry = z.infer<typeof RegisterEntry>

export const RegisterReport = z.strictObject({
  schema: z.literal('greffier.register/1'),
  tenant_id: z.uuid(),
  generated_at: z.iso.datetime(),
  view: RegisterView,
  from: z.iso.date().nullable(),
  to: z.iso.date().nullable(),
  /** SHA-256 (hex) of the file of activities, and of the register of processors. */
  register_hash: text,
  processors_hash: text,
  notice: text,
  controller: Contact,
  joint_controllers: z.array(Contact),
  representative: Contact.nullable(),
  dpo: Contact.nullable(),
  activities: z.array(RegisterEntry),
  /** In the processor's view: which of the activities are carried out for whom. */
  by_controller: z.array(z.strictObject({ controller: Contact, activities: z.array(text) })),
  /** Operations without a purpose: requests, reports, keys. */
  events_without_purpose: z.int(),
  drifts: z.int(),
  notes: z.array(text),
})
export type RegisterReport = z.infer<typeof RegisterReport>
