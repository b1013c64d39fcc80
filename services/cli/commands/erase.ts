import { type CommandContext, connect } from '../context.ts'
import { emptiedStores, eraseAndWait } from '../erasure.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { clean } from '../print/text.ts'

/**
 * `greffier erase ID`: waits until every store was found empty. The record stays. Where all that is missing is the last look at the stores, that is no
 * failure: it says when, and ends with the code for what is to be asked again later.
 */
export async function erase(context: CommandContext, id: string, waitSeconds?: number): Promise<ExitCode> {
  const { output } = context
  const erased = await eraseAndWait(await connect(context), id, waitSeconds)
  const stores = erased.event ? ` from ${clean(emptiedStores(erased.event))}` : ''
  if (erased.state === 'unseen') {
    output.value({ document_id: id, status: 'erased' })
    output.line(
      `${id}  ${output.paint('green', 'erased')}: no read finds it any more; this key may not read when every store was found empty`,
    )
    return EXIT.ok
  }
  if (erased.state === 'done') {
    output.value({ document_id: id, status: 'erased' })
    output.line(`${id}  ${output.paint('green', 'erased')}${stores}; its record stays: greffier record ${id}`)
    return EXIT.ok
  }
  const { erasureId, settlesAt } = erased
  output.value({ document_id: id, status: 'erased', erasure: { erasure_id: erasureId, state: 'erasing', settles_at: settlesAt } })
  const why = `one of its stages has not said that it ended, and may write until ${settlesAt}; the stores are read back once more by then`
  output.line(
    `${id}  ${output.paint('green', 'erased')}${stores}; ${why}, and the certificate follows: greffier erasures certificate ${erasureId}`,
  )
  return EXIT.tryLater
}
