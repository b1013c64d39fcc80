import type { PolicyRequest } from '../../../shared/policy/evaluate.ts'
import { type PolicyCases, runCases } from '../../../shared/policy/expectations.ts'
import { type Explained, explain, type Rules } from '../../../shared/policy/explain.ts'
import type { CommandContext } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { alignRows } from '../print/table.ts'
import { clean } from '../print/text.ts'

/** `greffier policy explain`: what the policy says of every processor for one kind of data, and who would be called. */
export function explainPolicy({ output }: CommandContext, rules: Rules, request: PolicyRequest): ExitCode {
  const { providers, chosen } = explain(rules, request)
  output.value({ policy: { name: rules.policy.name, version: rules.policy.version }, providers, chosen })
  const rows = providers.map((line) => [
    line.processor + (line.configured ? ' *' : ''),
    line.region ?? '-',
    line.allowed ? 'allowed' : 'refused',
    line.rule ?? 'no rule',
    reasonOf(line),
  ])
  const [head, ...lines] = alignRows([['processor', 'region', 'decision', 'rule', 'because'], ...rows])
  output.line(output.paint('dim', head ?? ''))
  for (const line of lines) output.line(line)
  output.line()
  output.line(
    chosen === null ? 'Nobody would be called: the stage ends as refused.' : `A call would go to ${output.paint('bold', chosen)}.`,
  )
  output.line(
    output.paint(
      'dim',
      `* configured, in the order in which they are asked · policy ${rules.policy.name}, version ${rules.policy.version}`,
    ),
  )
  return EXIT.ok
}

/** `greffier policy test CASES`: an organisation's own expectations; exit code 3 when one does not hold. */
export function testPolicy({ output }: CommandContext, rules: Rules, cases: PolicyCases, today: string): ExitCode {
  const results = runCases(rules, cases, today)
  const failed = results.filter(({ passed }) => !passed)
  output.value({ passed: results.length - failed.length, failed: failed.length, cases: results })
  for (const { name, passed, outcome, rule, failed: reasons } of results) {
    const mark = passed ? output.paint('green', 'holds') : output.paint('red', 'fails')
    output.line(`${mark}  ${clean(name)}${passed ? '' : `: ${outcome} by ${rule ?? 'no rule'}${because(reasons)}`}`)
  }
  output.line(`${results.length - failed.length} of ${results.length} expectations hold`)
  return failed.length === 0 ? EXIT.ok : EXIT.expectationFailed
}

function reasonOf({ allowed, failed }: Explained): string {
  if (allowed) return 'every requirement is met'
  return failed.map(({ requirement, found }) => `${requirement}: ${clean(found)}`).join('; ') || 'the rule refuses'
}

function because(failed: readonly { requirement: string; found: string }[]): string {
  return failed.length === 0 ? '' : ` (${failed.map(({ requirement, found }) => `${requirement}: ${found}`).join('; ')})`
}
