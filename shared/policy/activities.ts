import { z } from 'zod'
import { DataCategory, SubjectCategory } from '../contracts/classification.ts'
import { Purpose } from '../contracts/document.ts'
import { Art9Basis, LegalBasis, type ProcessingEvent } from '../contracts/record.ts'
import { Country } from './register.ts'

const LIST_MAX = 100
const ACTIVITIES_MAX = 500
const Text = z.string().min(1).max(2_000)
const Id = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'a short lower-case identifier such as invoices')

/** A function that can be written to, such as a mailbox of the data protection office; no private person has to be named. */
export const Contact = z.strictObject({ name: z.string().min(1).max(200), contact: z.string().min(1).max(500) })

/** Whether an assessment was made (DPIA: Art. 35; LIA: Art. 6(1)(f); TIA: of a transfer, Art. 46). */
const Assessment = z.strictObject({ status: z.enum(['done', 'not_needed', 'open']), link: z.url().nullable() })

/** One category of data, and when it has to be erased by which rule (Art. 30(1)(c) and (f)); `days` null: no limit was set. */
const Category = z.strictObject({
  category: DataCategory,
  erasure: z.strictObject({ rule: z.string().min(1).max(200), days: z.int().min(0).nullable() }),
})

/** One processing activity. `controllers` are those for whom a processor works (Art. 30(2)(a)), and empty for a controller's own. */
export const Activity = z
  .strictObject({
    id: Id,
    name: z.string().min(1).max(200),
    purposes: z.array(Purpose).min(1).max(LIST_MAX),
    role: z.enum(['controller', 'processor']),
    controllers: z.array(Contact).max(LIST_MAX).default([]),
    subject_categories: z.array(SubjectCategory).min(1),
    data_categories: z.array(Category).min(1).max(LIST_MAX),
    /** Art. 9 and Art. 10. */
    special: z.boolean(),
    criminal: z.boolean(),
    legal_basis: LegalBasis,
    art9_basis: Art9Basis.nullable(),
    /** The law that allows it; null where nothing criminal is processed. */
    art10_basis: Text.nullable().default(null),
    /** Keys of the register of processors. */
    recipients: z.array(z.string().min(1).max(64)).max(LIST_MAX),
    third_countries: z.array(z.strictObject({ country: Country, safeguard: Text })).max(LIST_MAX),
    measures: z.strictObject({ technical: z.array(Text).max(LIST_MAX), organisational: z.array(Text).max(LIST_MAX) }),
    assessments: z.strictObject({ dpia: Assessment, lia: Assessment, tia: Assessment }),
    source: Text,
    notice_version: z.string().min(1).max(100).nullable(),
    /** Art. 22; null: nothing is decided by a machine alone. */
    automated_decision: Text.nullable(),
    /** When it was entered in the register, last looked at, and has to be looked at again. */
    created_on: z.iso.date().nullable().default(null),
    reviewed_on: z.iso.date().nullable().default(null),
    review_by: z.iso.date(),
    ai: z.strictObject({
      role: z.enum(['provider', 'deployer', 'none']),
      risk: z.enum(['prohibited', 'high', 'limited', 'minimal', 'not_assessed']),
    }),
    dpa_reference: Text.nullable(),
    /** For the export to Fides: a key of its taxonomy of data uses, or one of the organisation's own. */
    data_use: z
      .string()
      .regex(/^[a-zA-Z0-9_.<>-]{1,200}$/, 'a key of a Fides data use such as finance')
      .default('operations'),
  })
  .refine(({ role, controllers }) => (role === 'processor') === controllers.length > 0, {
    path: ['controllers'],
    message: 'a processor names the controllers for whom it works, and a controller names none (Art. 30(2)(a))',
  })
  .refine(({ special, art9_basis }) => special === (art9_basis !== null), {
    path: ['art9_basis'],
    message: 'special data needs a basis of Art. 9(2), and nothing else has one',
  })
  .refine(({ criminal, art10_basis }) => criminal === (art10_basis !== null), {
    path: ['art10_basis'],
    message: 'criminal data needs a law that allows it (Art. 10), and nothing else has one',
  })
export type Activity = z.infer<typeof Activity>

/** The declared register of Art. 30. */
export const Activities = z
  .strictObject({
    version: z.literal(1),
    notice: Text,
    controller: Contact,
    joint_controllers: z.array(Contact).max(LIST_MAX),
    representative: Contact.nullable(),
    dpo: Contact.nullable(),
    activities: z.array(Activity).max(ACTIVITIES_MAX),
  })
  .refine(({ activities }) => isUnique(activities.map(({ id }) => id)), {
    path: ['activities'],
    message: 'two activities have the same id',
  })
  .refine(({ activities }) => isUnique(activities.flatMap(({ purposes }) => purposes)), {
    path: ['activities'],
    message: 'a purpose belongs to one activity, which decides its legal basis',
  })
export type Activities = z.infer<typeof Activities>

/** The activity that a purpose belongs to; null: nobody has declared it. */
export function activityOf({ activities }: Activities, purpose: string): Activity | null {
  return activities.find(({ purposes }) => purposes.includes(purpose)) ?? null
}

/** What an event says of the register: which activity its purpose belongs to, on which basis and in which role, by which file. */
export type Declared = Pick<ProcessingEvent, 'activity_ref' | 'register_hash' | 'legal_basis' | 'art9_basis' | 'role'>
export type Declare = (event: { purpose?: string | null | undefined; special?: boolean | null | undefined }) => Declared

/** Where nobody has declared anything. */
export const NOTHING_DECLARED: Declare = () => ({ ...UNDECLARED, register_hash: null })
const UNDECLARED = { activity_ref: null, legal_basis: null, art9_basis: null, role: 'controller' } as const

/** A basis of Art. 9(2) is named where the event does not say that its data is nothing special. A purpose that nobody declared has no activity and no basis. */
export function declareBy(activities: Activities, register_hash: string): Declare {
  return ({ purpose, special }) => {
    if (purpose == null) return NOTHING_DECLARED({})
    const activity = activityOf(activities, purpose)
    if (!activity) return { ...UNDECLARED, register_hash }
    const { id, legal_basis, art9_basis, role } = activity
    return { activity_ref: id, register_hash, legal_basis, art9_basis: special === false ? null : art9_basis, role }
  }
}

function isUnique(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}
