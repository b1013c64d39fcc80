import { z } from 'zod'
import { Purpose } from '../contracts/document.ts'
import { DocumentType } from '../contracts/extraction.ts'

const RULES_MAX = 200
const LIST_MAX = 200
const DAYS_MAX = 36_500
const MONTHS_MAX = 1_200
/** AI Act Art. 26(6): deployers of high-risk systems keep the logs at least six months. */
const RECORDS_MONTHS_MIN = 6

/** Calendar months of UTC: what came on 31 January is kept by one month until 28 February. */
const Period = z
  .strictObject({
    after: z.enum(['received', 'completed']),
    days: z.int().min(1).max(DAYS_MAX).optional(),
    months: z.int().min(1).max(MONTHS_MAX).optional(),
  })
  .refine(({ days, months }) => (days === undefined) !== (months === undefined), 'name either days or months')
export type Period = z.infer<typeof Period>

/**
 * Documents that match everything that is named; what is left out matches all. `erase`: how long after its upload, or after its processing ended last,
 * a document is erased, or `never`. A type that no document has would make a rule that never matches, and what it was to keep would fall to the next one.
 */
const RetentionRule = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'a short lower-case identifier such as invoices'),
  because: z.string().min(1).max(2_000),
  purposes: z.array(Purpose).min(1).max(LIST_MAX).optional(),
  types: z.array(DocumentType).min(1).max(LIST_MAX).optional(),
  tenants: z.array(z.uuid()).min(1).max(LIST_MAX).optional(),
  erase: z.union([z.literal('never'), Period]),
})
export type RetentionRule = z.infer<typeof RetentionRule>

/**
 * How long documents are kept: the first rule that matches decides, and what none matches is kept. `records`: how long the processing record is kept at
 * least; nothing shortens it, because no leaf of the log is ever deleted.
 */
export const RetentionRules = z
  .strictObject({
    version: z.literal(1),
    notice: z.string().min(1).max(2_000),
    records: z.strictObject({
      id: z.string().min(1).max(64),
      because: z.string().min(1).max(2_000),
      keep_months: z
        .int()
        .min(
          RECORDS_MONTHS_MIN,
          `at least ${RECORDS_MONTHS_MIN} months: AI Act Art. 26(6) asks deployers of high-risk systems to keep logs that long`,
        )
        .max(MONTHS_MAX),
    }),
    rules: z.array(RetentionRule).max(RULES_MAX),
  })
  .refine(({ rules }) => new Set(rules.map(({ id }) => id)).size === rules.length, {
    path: ['rules'],
    message: 'two rules have the same id',
  })
export type RetentionRules = z.infer<typeof RetentionRules>

/** Those that can match a document of this tenant, in their order. */
export function rulesOf({ rules }: RetentionRules, tenantId: string): RetentionRule[] {
  return rules.filter(({ tenants }) => tenants === undefined || tenants.includes(tenantId))
}

/** Where nothing is ever due. */
export function erasesNothing({ rules }: RetentionRules): boolean {
  return rules.every(({ erase }) => erase === 'never')
}
