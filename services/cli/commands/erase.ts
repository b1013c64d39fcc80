import { type CommandContext, connect } from '../context.ts'
import { eraseAndWait } from '../erasure.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

/** `greffier erase ID`: waits until it is gone. Its record stays. */
export async function erase(context: CommandContext, id: string): Promise<ExitCode> {
  await eraseAndWait(await connect(context), id)
  context.output.value({ document_id: id, status: 'erased' })
  context.output.line(`${id}  ${context.output.paint('green', 'erased')}; its record stays: greffier record ${id}`)
  return EXIT.ok
}
