import type { UploadDefaults } from '../../../shared/contracts/document.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

/** `greffier defaults [--sensitivity …] [--data-classes …]`: what is assumed of a document whose upload does not say; with options it is chosen. */
export async function defaults(
  context: CommandContext,
  chosen: { [Name in keyof UploadDefaults]: UploadDefaults[Name] | undefined },
): Promise<ExitCode> {
  const { output } = context
  const client = await connect(context)
  const { sensitivity, data_classes } = chosen
  const before = await client.defaults()
  const changed = sensitivity !== undefined || data_classes !== undefined
  const now = changed
    ? await client.setDefaults({ sensitivity: sensitivity ?? before.sensitivity, data_classes: data_classes ?? before.data_classes })
    : before
  output.value(now)
  output.line(`sensitivity ${output.paint('bold', now.sensitivity)}, data classes ${output.paint('bold', now.data_classes.join(', '))}`)
  output.line(
    output.paint(
      'dim',
      changed ? 'documents that are here already keep what was assumed of them' : 'of documents whose upload does not say',
    ),
  )
  return EXIT.ok
}
