import { z } from 'zod'
import { DataClass, Purpose, Sensitivity } from '../contracts/document.ts'
import { MaskKind } from '../contracts/masking.ts'
import { Task } from '../contracts/task.ts'
import { Country, Deployment, ReachGrade, TrainingUse } from './register.ts'

/** Rules speak of tasks by the same names as calls do. */
export const PolicyTask = Task
export type PolicyTask = Task

/** The EU's 27 and Iceland, Liechtenstein, Norway (EEA Agreement, Art. 2): where the GDPR is the law. Switzerland is not among them. */
export const EEA: readonly Country[] = 'AT BE BG HR CY CZ DE DK EE ES FI FR GR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(
  ' ',
)

const LIST_MAX = 100
const RULES_MAX = 200

/**
 * Which calls a rule speaks of. What is left out is not asked, with one exception: a rule speaks of special (Art. 9) and criminal (Art. 10)
 * data only when it names them, so that a rule forgotten can never let them through by a more general one.
 */
const When = z.strictObject({
  data_classes: z.array(DataClass).min(1).optional(),
  sensitivity: z.array(Sensitivity).min(1).optional(),
  purposes: z.array(Purpose).min(1).max(LIST_MAX).optional(),
  tasks: z.array(PolicyTask).min(1).optional(),
  tenants: z.array(z.uuid()).min(1).max(LIST_MAX).optional(),
})

const Places = z
  .array(z.union([Country, z.literal('EEA')]))
  .min(1)
  .max(LIST_MAX)
type Places = z.infer<typeof Places>

/** Whether a country is one of these; nobody knows where null is. */
export function isWithin(places: Places, country: Country | null): boolean {
  return places.some((place) => (place === 'EEA' ? EEA.includes(country ?? '') : place === country))
}

/**
 * What the processor must be. Every requirement is met only by a known fact; `reach_in` alone may list `unknown`, and then says in so many words
 * that a reach which nobody has established is accepted. Requirements on a recipient are not asked of a processor that runs in this process:
 * there is no recipient.
 */
export const Require = z.strictObject({
  deployment: z
    .array(Deployment.exclude(['unknown']))
    .min(1)
    .optional(),
  entity_country_in: Places.optional(),
  /** Of every company above the contracting one. */
  parent_country_in: Places.optional(),
  /** Somebody has read the list of subprocessors. */
  subprocessors_read: z.literal(true).optional(),
  /** Of every subprocessor; a list that nobody has read does not meet it. */
  subprocessor_country_in: Places.optional(),
  region_in: z.array(z.string().min(1)).min(1).max(LIST_MAX).optional(),
  reach_in: z.array(ReachGrade).min(1).optional(),
  retention_days_max: z.int().min(0).optional(),
  training_use: z
    .array(TrainingUse.exclude(['unknown']))
    .min(1)
    .optional(),
  /** Each fact that this rule asks for was read at most so many days before the call. */
  evidence_days_max: z.int().min(0).optional(),
})
export type Require = z.infer<typeof Require>

export const Rule = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a short lower-case name such as personal-data-in-the-eea'),
    when: When.default({}),
    require: Require.default({}),
    /** What is replaced by placeholders before the data goes to a recipient; nothing is masked for a processor that runs in this process. */
    mask: z.array(MaskKind).max(MaskKind.options.length).default([]),
    allow: z.boolean(),
  })
  .refine((rule) => rule.allow || rule.mask.length === 0, {
    path: ['mask'],
    message: 'a rule that refuses sends nothing that could be masked',
  })
  .refine((rule) => rule.allow || Object.keys(rule.require).length === 0, {
    path: ['require'],
    message: 'a rule that refuses has no requirements: it would read as if meeting them changed something',
  })
export type Rule = z.infer<typeof Rule>

/** Default deny: the first rule whose `when` fits decides, and where none fits the call is refused. */
export const Policy = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a short lower-case name such as eu-operated'),
  version: z.int().min(1),
  rules: z
    .array(Rule)
    .max(RULES_MAX)
    .refine((rules) => new Set(rules.map((rule) => rule.name)).size === rules.length, 'two rules have the same name'),
})
export type Policy = z.infer<typeof Policy>
