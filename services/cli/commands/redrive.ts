import { toCliError } from '../cli-error.ts'
import type { Client } from '../client.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { clean, countText } from '../print/text.ts'

/** `greffier redrive ID`: goes on with a document that was refused or failed, at the stage that ended it. */
export async function redrive(context: CommandContext, id: string): Promise<ExitCode> {
  const { output } = context
  const accepted = await (await connect(context)).redrive(id)
  output.value(accepted)
  output.line(`${id}  goes on at ${clean(accepted.stage)}; greffier show ${id} tells how`)
  return EXIT.ok
}

/** `greffier redrive --refused`: every document that the policy refused. One that was erased or redriven meanwhile is passed over. */
export async function redriveRefused(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const client = await connect(context)
  const redriven: string[] = []
  for await (const id of refusedDocuments(client)) if (await isRedriven(client, id)) redriven.push(id)
  output.value({ redriven })
  output.line(`${countText(redriven.length, 'refused document')} ${redriven.length === 1 ? 'goes' : 'go'} on`)
  return EXIT.ok
}

/** Page by page, newest first: what is redriven or comes later moves no cursor. */
async function* refusedDocuments(client: Client): AsyncGenerator<string> {
  let cursor: string | undefined
  do {
    const page = await client.documents({ cursor, limit: undefined, status: 'refused' })
    for (const { document_id } of page.documents) yield document_id
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
}

async function isRedriven(client: Client, id: string): Promise<boolean> {
  try {
    await client.redrive(id)
    return true
  } catch (error) {
    client.interrupted.throwIfAborted()
    if (['NOTHING_TO_REDRIVE', 'DOCUMENT_ERASED'].includes(toCliError(error).code)) return false
    throw error
  }
}
