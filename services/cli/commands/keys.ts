import type { Scope } from '../../../shared/contracts/access.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printTable } from '../print/table.ts'
import { clean } from '../print/text.ts'

/** `greffier keys create NAME --scopes …`: the key itself is shown this once. */
export async function createKey(context: CommandContext, name: string, scopes: readonly Scope[]): Promise<ExitCode> {
  const { output } = context
  const key = await (await connect(context)).createKey(name, scopes)
  output.value(key)
  output.line(`${output.paint('bold', key.api_key)}`)
  output.line(
    output.paint(
      'dim',
      `shown this once · ${clean(key.name)} · ${key.scopes.join(', ')} · revoke with: greffier keys revoke ${key.key_id}`,
    ),
  )
  return EXIT.ok
}

/** `greffier keys list`. */
export async function listKeys(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const { keys } = await (await connect(context)).keys()
  output.value({ keys })
  const rows = keys.map((key) => [key.key_id, clean(key.name), key.revoked_at ? 'revoked' : 'active', key.scopes.join(', ')])
  printTable(output, ['key', 'name', 'state', 'scopes'], rows)
  return EXIT.ok
}

/** `greffier keys revoke ID`. */
export async function revokeKey(context: CommandContext, id: string): Promise<ExitCode> {
  await (await connect(context)).revokeKey(id)
  context.output.value({ key_id: id, revoked: true })
  context.output.line(`${id}  revoked`)
  return EXIT.ok
}
