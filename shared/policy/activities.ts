import { z } from 'zod'
import { DataCategory, SubjectCategory } from '../contracts/classification.ts'
import { Purpose } from '../contracts/document.ts'
import { Art9Basis, LegalBasis } from '../contracts/record.ts'
import { Country } from './register.ts'

const LIST_MAX = 100
const ACTIVITIES_MAX = 500
const Text = z.string().min(1).max(2_000)
const Id = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'a short lower-case identifier such as invoices')

/** A function that can be written to, such as a mailbox of the data protection office; no private person has to be named. */
const Contact = z.strictObject({ name: z.string().min(1).max(200), contact: z.string().min(1).max(500) })

/** Whether an assessment was made (DPIA: Art. 35; LIA: Art. 6(1)(f); TIA: of a transfer, Art. 46). */
const Assessment = z.strictObject({ status: z.enum(['done', 'not_needed', 'open']), link: z.url().nullable() })

/** One category of data, and when it has to be erased by which rule (Art. 30(1)(c) and (f)); `days` null: no limit was set. */
const Category = z.strictObject({
  category: DataCategory,
  erasure: z.strictObject({ rule: z.string().min(1).max(200), days: z.int().min(0).nullable() }),
})

/** One processing activity. `controllers` are those for whom a processor works (Art. 30(2)(a)), and empty for a controller's own. */
const Activity = z
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
    /** Keys of the register of processors. */
    recipients: z.array(z.string().min(1).max(64)).max(LIST_MAX),
    third_countries: z.array(z.strictObject({ country: Country, safeguard: Text })).max(LIST_MAX),
    measures: z.strictObject({ technical: z.array(Text).max(LIST_MAX), organisational: z.array(Text).max(LIST_MAX) }),
    assessments: z.strictObject({ dpia: Assessment, lia: Assessment, tia: Assessment }),
    source: Text,
    notice_version: z.string().min(1).max(100).nullable(),
    /** Art. 22; null: nothing is decided by a machine alone. */
    automated_decision: Text.nullable(),
    review_by: z.iso.date(),
    ai: z.strictObject({
      role: z.enum(['provider', 'deployer', 'none']),
      risk: z.enum(['prohibited', 'high', 'limited', 'minimal', 'not_assessed']),
    }),
    dpa_reference: Text.nullable(),
  })
  .refine(({ role, controllers }) => (role === 'processor') === controllers.length > 0, {
    path: ['controllers'],
    message: 'a processor names the controllers for whom it works, and a controller names none (Art. 30(2)(a))',
  })
export type Activity = z.infer<typeof Activity>

/** The declared register of Art. 30. */
export const Activities = z
  .strictObject({
    version: z.literal(1),
    notice: Text,
    controller: Contact,
    joint_controller: Contact.nullable(),
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

function isUnique(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}
