import type { CostEstimate, CostGrouping, CostReport, Span } from '../../../shared/contracts/cost.ts'
import type { DataClass, Sensitivity } from '../../../shared/contracts/document.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { sizeOfLocalFile } from '../local-size.ts'
import type { Output } from '../output.ts'
import { euroSpan, euros } from '../print/money.ts'
import { printTable } from '../print/table.ts'
import { clean, countText } from '../print/text.ts'

export interface CostQuestion {
  from?: string | undefined
  to?: string | undefined
  document_id?: string | undefined
  by?: CostGrouping | undefined
}

/** `greffier cost [--from --to --document --by]`: what model calls cost. */
export async function cost(context: CommandContext, question: CostQuestion): Promise<ExitCode> {
  const { output } = context
  const report = await (await connect(context)).costs(question)
  output.value(report)
  if (report.by) printGroups(output, report)
  else printLines(output, report)
  const unpriced = report.unpriced_calls === 0 ? '' : `; ${report.unpriced_calls} of them went to models without a price`
  output.line(`${output.paint('bold', euros(report.micro_eur))} euros for ${report.calls} calls${unpriced}`)
  if (report.document_id) output.line(output.paint('dim', 'calls that showed other documents too count whole'))
  return EXIT.ok
}

function printLines(output: Output, report: CostReport): void {
  const rows = report.lines.map((line) => [
    ...sums(line),
    clean(line.processor),
    clean(line.model),
    clean(line.task),
    clean(line.purpose ?? '-'),
  ])
  printTable(
    output,
    [...SUMS, 'processor', 'model', 'task', 'purpose'],
    rows,
    SUMS.map(() => 'right'),
  )
}

function printGroups(output: Output, { by, groups, groups_left_out }: CostReport): void {
  const none = by === 'document' ? 'several or none' : '-'
  const rows = groups.map((group) => [...sums(group), clean(group.key ?? none)])
  printTable(
    output,
    [...SUMS, by ?? ''],
    rows,
    SUMS.map(() => 'right'),
  )
  if (groups_left_out > 0) output.line(output.paint('dim', `${groups_left_out} more are not shown`))
}

const SUMS = ['euros', 'calls', 'tokens in', 'cached', 'tokens out']

function sums({
  micro_eur,
  calls,
  tokens_in,
  tokens_cached,
  tokens_out,
}: CostReport['groups'][number] | CostReport['lines'][number]): string[] {
  return [euros(micro_eur), String(calls), String(tokens_in), String(tokens_cached), String(tokens_out)]
}

export interface EstimateQuestion {
  sensitivity?: Sensitivity | undefined
  data_classes?: DataClass[] | undefined
  purpose?: string | undefined
}

/** `greffier cost estimate FILE…`: what files would probably cost. Nothing is uploaded. */
export async function estimateCost(context: CommandContext, files: readonly string[], question: EstimateQuestion): Promise<ExitCode> {
  const { output } = context
  const client = await connect(context)
  const documents = []
  for (const path of files) documents.push(await sizeOfLocalFile(path))
  const estimate = await client.estimate({ documents, ...question })
  output.value(estimate)
  printEstimate(output, estimate)
  return EXIT.ok
}

function printEstimate(output: Output, { documents, pages, tasks, micro_eur, unpriced_tasks, assumptions }: CostEstimate): void {
  const rows = tasks.map((line) => [
    line.processor === null ? '-' : line.micro_eur ? euroSpan(line.micro_eur) : 'no price',
    span(line.calls),
    span(line.tokens_in),
    span(line.tokens_out),
    line.task,
    clean(line.processor ?? 'nobody is allowed'),
    clean(line.model ?? '-'),
    line.rule ?? 'no rule',
  ])
  printTable(output, ['euros', 'calls', 'tokens in', 'tokens out', 'task', 'processor', 'model', 'rule'], rows, [
    'right',
    'right',
    'right',
    'right',
  ])
  const unpriced = unpriced_tasks.length === 0 ? '' : `, without ${unpriced_tasks.join(' and ')}, which has no price`
  output.line(
    `${output.paint('bold', euroSpan(micro_eur))} euros for ${countText(documents, 'document')} of ${span(pages)} pages${unpriced}`,
  )
  for (const text of assumptions) output.line(output.paint('dim', `· ${clean(text)}`))
}

function span({ low, high }: Span): string {
  return low === high ? String(low) : `${low}–${high}`
}
