import { type CommandContext, connect } from '../context.ts'
import { emptiedStores, eraseAndWait } from '../erasure.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { clean } from '../print/text.ts'

/** `greffier erase ID`: waits until every store was found empty. The record stays. */
export async function erase(context: CommandContext, id: string): Promise<ExitCode> {
  const { output } = context
  const event = await eraseAndWait(await connect(context), id)
  output.value({ document_id: id, status: 'erased' })
  const stores = event ? ` from ${clean(emptiedStores(event))}` : ''
  output.line(`${id}  ${output.paint('green', 'erased')}${stores}; its record stays: greffier record ${id}`)
  return EXIT.ok
}
