import { z } from 'zod'
import { DataClass, Purpose, Sensitivity } from '../contracts/document.ts'
import { evaluate } from './evaluate.ts'
import type { Rules } from './explain.ts'
import { PolicyTask } from './policy.ts'
import { recipientOf } from './recipient.ts'

const CASES_MAX = 10_000

/** What an organisation expects of its policy: a kind of data, a processor, and what has to come out. `region` is needed where it is not configured. */
const Case = z.strictObject({
  name: z.string().min(1).max(200),
  data: z.array(DataClass).min(1),
  sensitivity: Sensitivity.default('internal'),
  purpose: Purpose.default('document_processing'),
  task: PolicyTask.default('extract'),
  tenant: z.uuid().optional(),
  day: z.iso.date().optional(),
  processor: z.string().min(1),
  region: z.string().min(1).optional(),
  expect: z.enum(['allowed', 'refused']),
  rule: z.string().min(1).optional(),
})

export const PolicyCases = z.strictObject({ cases: z.array(Case).min(1).max(CASES_MAX) })
export type PolicyCases = z.infer<typeof PolicyCases>

/** No tenant that exists: a rule that names tenants speaks of none of these. */
export const NO_TENANT = '00000000-0000-0000-0000-000000000000'

export interface CaseResult {
  name: string
  passed: boolean
  outcome: 'allowed' | 'refused'
  rule: string | null
  failed: { requirement: string; found: string }[]
}

/** `today` (ISO 8601) is the day of every case that names none. */
export function runCases({ policy, register, declarations, targets }: Rules, { cases }: PolicyCases, today: string): CaseResult[] {
  return cases.map((expected) => {
    const { name, data, sensitivity, purpose, task, tenant, day } = expected
    const request = { data_classes: data, sensitivity, purpose, task, tenant_id: tenant ?? NO_TENANT, day: day ?? today }
    const configured = targets[task].find(
      (target) => target.processor === expected.processor && (expected.region ?? target.region) === target.region,
    )
    const processor = register.processors.find(({ key }) => key === expected.processor) ?? null
    const endpoint = processor?.endpoints.find(({ region }) => region === expected.region) ?? null
    const recipient = configured ? recipientOf(register, configured, declarations) : { key: expected.processor, processor, endpoint }
    const { outcome, rule, failed } = evaluate(policy, recipient, request)
    return { name, passed: outcome === expected.expect && (expected.rule === undefined || expected.rule === rule), outcome, rule, failed }
  })
}
