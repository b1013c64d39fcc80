import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { alignRows } from '../print/table.ts'
import { clean } from '../print/text.ts'

const MICRO = 1_000_000

/** `greffier cost [--from --to]`: what model calls cost. */
export async function cost(context: CommandContext, period: { from?: string | undefined; to?: string | undefined }): Promise<ExitCode> {
  const { output } = context
  const report = await (await connect(context)).costs(period)
  output.value(report)
  const rows = report.lines.map((line) => [
    euros(line.micro_eur),
    String(line.calls),
    String(line.tokens_in),
    String(line.tokens_out),
    clean(line.processor),
    clean(line.model),
    clean(line.task),
    clean(line.purpose ?? '-'),
  ])
  const head = ['euros', 'calls', 'tokens in', 'tokens out', 'processor', 'model', 'task', 'purpose']
  const [first, ...lines] = alignRows([head, ...rows], ['right', 'right', 'right', 'right'])
  output.line(output.paint('dim', first ?? ''))
  for (const line of lines) output.line(line)
  const unpriced = report.unpriced_calls === 0 ? '' : `; ${report.unpriced_calls} of them went to models without a price`
  output.line(`${output.paint('bold', euros(report.micro_eur))} euros for ${report.calls} calls${unpriced}`)
  return EXIT.ok
}

function euros(microEur: number): string {
  return (microEur / MICRO).toFixed(6)
}
