import type { NewReview, ReviewedField } from '../../../shared/contracts/rectification.ts'
import { CliError } from '../cli-error.ts'
import type { Client } from '../client.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { printTable } from '../print/table.ts'
import { clean } from '../print/text.ts'
import { readStdin } from '../stdin.ts'

/** `after`: the last review of the field that the person has seen; left out, none. */
interface Seen {
  after: string | undefined
}

/** `greffier fields correct ID FIELD`: the first line of standard input is the value, the others are the reason. */
export async function correctField(context: CommandContext, id: string, name: string, { after }: Seen): Promise<ExitCode> {
  const [value = '', ...rest] = (await readStdin(context.stdin)).trim().split('\n')
  const reason = rest.join('\n').trim()
  if (value.trim() === '' || reason === '')
    throw new CliError('USAGE', 'write the value to standard input, and the reason on the lines below it', EXIT.usage)
  const client = await connect(context)
  return printField(context.output, await client.correctField(id, name, { value, reason, ...(await seen(client, id, after)) }))
}

/** `greffier fields review ID FIELD confirmed|rejected`. */
export async function reviewField(
  context: CommandContext,
  id: string,
  name: string,
  { outcome, after }: Seen & Pick<NewReview, 'outcome'>,
): Promise<ExitCode> {
  const client = await connect(context)
  return printField(context.output, await client.reviewField(id, name, { outcome, ...(await seen(client, id, after)) }))
}

/** `greffier fields history ID FIELD`. */
export async function showFieldHistory(context: CommandContext, id: string, name: string): Promise<ExitCode> {
  const { output } = context
  const kept = await (await connect(context)).fieldHistory(id, name)
  output.value(kept)
  output.line(`${output.paint('bold', name)}  ${clean(kept.field?.value ?? '')}`)
  output.line(`  read as ${kept.read === null ? 'nothing' : `${clean(kept.read.value)} (${kept.read.status})`}`)
  const rows = kept.history.map((one) => [one.review_id, one.reviewed_at, one.outcome, clean(one.value), clean(one.reason ?? '-')])
  printTable(output, ['review', 'at', 'outcome', 'value', 'reason'], rows)
  return EXIT.ok
}

async function seen(client: Client, id: string, after: string | undefined) {
  return { revision: (await client.document(id)).revision, last_review: after ?? null }
}

function printField(output: Output, reviewed: ReviewedField): ExitCode {
  output.value(reviewed)
  const { name, field } = reviewed
  output.line(`${output.paint('bold', name)}  ${clean(field.value)}  ${field.status}, ${field.review?.outcome ?? ''} by a person`)
  return EXIT.ok
}
