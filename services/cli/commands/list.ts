import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printTable } from '../print/table.ts'
import { bytesText, clean } from '../print/text.ts'

export interface ListOptions {
  cursor: string | undefined
  limit: number | undefined
}

/** `greffier list`: one page of documents. */
export async function list(context: CommandContext, options: ListOptions): Promise<ExitCode> {
  const { output } = context
  const page = await (await connect(context)).documents(options)
  output.value(page)
  if (page.documents.length === 0) output.line('No documents yet: `greffier ingest FILE` sends one.')
  else {
    const rows = page.documents.map((document) => [
      document.document_id,
      document.error_code ? `${document.status} (${clean(document.error_code)})` : document.status,
      clean(document.type ?? '-'),
      clean(document.language ?? '-'),
      bytesText(document.bytes),
      document.created_at.slice(0, 19).replace('T', ' '),
    ])
    printTable(output, ['document', 'status', 'type', 'lang', 'size', 'received (UTC)'], rows, ['left', 'left', 'left', 'left', 'right'])
  }
  if (page.next_cursor) output.line(output.paint('dim', `more: greffier list --cursor ${clean(page.next_cursor)}`))
  return EXIT.ok
}
