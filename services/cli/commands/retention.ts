import type { RetentionPlan } from '../../../shared/contracts/retention.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { printTable } from '../print/table.ts'
import { clean, countText } from '../print/text.ts'

const PAGE = '1000'
/** Documents that are printed. */
const PRINTED_MAX = 50
/** Documents in the JSON; where there are more, `next_cursor` says so. */
const DOCUMENTS_MAX = 100_000
const HOUR_SECONDS = 3_600

/** `greffier retention plan [--at TIME]`: what would be erased and by which rule, what is kept from it, and when it begins. */
export async function retentionPlan(context: CommandContext, at: string | undefined): Promise<ExitCode> {
  const { output } = context
  const { rights } = await connect(context)
  const plan = await rights.plan({ at, limit: PAGE })
  while (output.json && plan.next_cursor !== null && plan.documents.length < DOCUMENTS_MAX) {
    const page = await rights.plan({ at: plan.at, limit: PAGE, cursor: plan.next_cursor })
    plan.documents.push(...page.documents)
    plan.next_cursor = page.next_cursor
  }
  output.value(plan)
  printPlan(output, plan)
  return EXIT.ok
}

/** `greffier retention confirm-clock`: refused where the clock of this machine says something else. */
export async function confirmClock(context: CommandContext, now: Date): Promise<ExitCode> {
  const { output } = context
  const confirmed = await (await connect(context)).rights.confirmClock(now.toISOString())
  output.value(confirmed)
  output.line(`The server's clock is confirmed: ${confirmed.confirmed_at}`)
  return EXIT.ok
}

function printPlan(output: Output, plan: RetentionPlan): void {
  const { rules, clock, records, totals, documents } = plan
  if (totals.length === 0)
    output.line(`Nothing would be erased at ${plan.at}: ${rules.count === 0 ? 'there are no rules' : 'nothing is due'}.`)
  else {
    const sums = totals.map(({ rule, due, held, restricted }) => [clean(rule), String(due), String(held), String(restricted)])
    printTable(output, ['rule', 'erased', 'held', 'restricted'], sums, ['left', 'right', 'right', 'right'])
    output.line()
    const rows = documents
      .slice(0, PRINTED_MAX)
      .map((one) => [one.document_id, one.erase_after.slice(0, 10), clean(one.rule), clean(one.type ?? '-'), stateText(one)])
    printTable(output, ['document', 'due', 'rule', 'type', ''], rows)
    if (documents.length > PRINTED_MAX || plan.next_cursor !== null) output.line(output.paint('dim', '… --json lists all of them'))
  }
  for (const note of notes(rules, clock, records)) output.line(output.paint('dim', `· ${note}`))
}

function notes(rules: RetentionPlan['rules'], clock: RetentionPlan['clock'], records: RetentionPlan['records']): string[] {
  const hours = (seconds: number) => countText(Math.ceil(seconds / HOUR_SECONDS), 'hour')
  return [
    rules.in_force_after_seconds > 0
      ? `these rules are new: they erase nothing for ${hours(rules.in_force_after_seconds)} of running`
      : 'the rules are in force',
    clock.erases_what_was_due_by === null
      ? 'the clock is not believed yet: nothing is erased'
      : `by the clock that is believed, what was due by ${clock.erases_what_was_due_by} is erased`,
    ...(clock.believed_after_seconds > 0
      ? [
          `the clock says ${clock.now}; it is believed when it was steady for ${hours(clock.believed_after_seconds)} more, or by greffier retention confirm-clock`,
        ]
      : []),
    ...(clock.jumped === null ? [] : [`the clock jumped by ${clock.jumped.by_seconds} s at ${clock.jumped.at}`]),
    `the record is kept, at least ${countText(records.keep_months, 'month')} (${clean(records.rule)}): no entry of the log is ever deleted`,
  ]
}

function stateText({ state, hold, restriction }: RetentionPlan['documents'][number]): string {
  if (state === 'held') return `held by ${hold?.reason}${hold?.until ? ` until ${hold.until.slice(0, 10)}` : ''}`
  return state === 'restricted' ? `restricted by ${restriction}` : ''
}
