import { type RetentionRule, RetentionRules } from '../../shared/policy/retention.ts'

/** Rules as a file would hold them. */
export function retentionRules(rules: readonly Omit<RetentionRule, 'because'>[] = []): RetentionRules {
  return RetentionRules.parse({
    version: 1,
    notice: 'for a test',
    records: { id: 'ai-act-26-6', because: 'AI Act Art. 26(6)', keep_months: 6 },
    rules: rules.map((rule) => ({ because: 'for a test', ...rule })),
  })
}
