import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printRecord } from '../print/record.ts'
import { countText } from '../print/text.ts'

/** `greffier record ID`: what was done with the document; still there after its erasure. */
export async function record(context: CommandContext, id: string): Promise<ExitCode> {
  const found = await (await connect(context)).record(id)
  context.output.value(found)
  context.output.line(`${context.output.paint('bold', found.document_id)}  ${countText(found.events.length, 'event')}`)
  printRecord(context.output, found)
  return EXIT.ok
}
