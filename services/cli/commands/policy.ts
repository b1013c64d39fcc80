import type { PolicyReplay, PolicyReplayRequest } from '../../../shared/contracts/replay.ts'
import type { PolicyRequest } from '../../../shared/policy/evaluate.ts'
import { type PolicyCases, runCases } from '../../../shared/policy/expectations.ts'
import { type Explained, explain, type Rules } from '../../../shared/policy/explain.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printTable } from '../print/table.ts'
import { clean, countText, unmetText } from '../print/text.ts'

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
  printTable(output, ['processor', 'region', 'decision', 'rule', 'because'], rows)
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

/** `greffier policy replay --policy FILE`: what another policy would have done to the calls on record. Nothing changes. */
export async function replayPolicy(context: CommandContext, question: ReplayQuestion): Promise<ExitCode> {
  const { output } = context
  const found = await (await connect(context)).replay(question)
  output.value(found)
  const rows = found.groups.map((group) => [
    group.change === 'now_refused' ? 'refused now' : 'allowed now',
    String(group.calls),
    String(group.documents),
    clean(group.processor),
    clean(group.region),
    group.rule ?? 'no rule',
    reasonOf({ allowed: group.change === 'now_allowed', failed: group.failed }),
  ])
  if (rows.length > 0) {
    printTable(output, ['change', 'calls', 'documents', 'processor', 'region', 'rule', 'because'], rows, ['left', 'right', 'right'])
    output.line()
  }
  printReplayed(output, found)
  return EXIT.ok
}

type ReplayQuestion = { [Name in keyof PolicyReplayRequest]: PolicyReplayRequest[Name] | undefined } & { policy: string }

function printReplayed(output: CommandContext['output'], found: PolicyReplay): void {
  const { calls, now_refused, now_allowed, still_allowed, still_refused, unknown, policy } = found
  output.line(
    `${countText(calls, 'call')} under ${output.paint('bold', policy.name)}, version ${policy.version}: ${now_refused} would be refused now, ${now_allowed} allowed now, ${still_allowed} still allowed, ${still_refused} still refused`,
  )
  if (unknown > 0) output.line(`${countText(unknown, 'call')} cannot be judged and count as neither:`)
  for (const { reason, calls: of } of found.unknown_because) output.line(`  ${of}  ${clean(reason)}`)
  if (!found.complete) output.line(output.paint('yellow', `the record holds more: go on with --from ${found.judged_until}`))
  const day = found.as_of_call ? 'on the day of each call' : 'on today’s date'
  output.line(output.paint('dim', `by the register of today, ${day}; --json lists the documents`))
}

function reasonOf({ allowed, failed }: Pick<Explained, 'allowed' | 'failed'>): string {
  return allowed ? 'every requirement is met' : unmetText(failed)
}

function because(failed: readonly { requirement: string; found: string }[]): string {
  return failed.length === 0 ? '' : ` (${failed.map(({ requirement, found }) => `${requirement}: ${found}`).join('; ')})`
}
