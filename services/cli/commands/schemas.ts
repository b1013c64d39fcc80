import { readFile, stat } from 'node:fs/promises'
import { z } from 'zod'
import type { DocumentType } from '../../../shared/contracts/extraction.ts'
import type { SchemaHead } from '../../../shared/contracts/schemas.ts'
import { CliError } from '../cli-error.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printTable } from '../print/table.ts'
import { clean } from '../print/text.ts'

/** What the server takes at most. */
const FILE_BYTES_MAX = 256 * 1024
const JsonObject = z.record(z.string(), z.unknown())

/** `greffier schemas add FILE --name NAME [--type TYPE]`: the same name again makes the next version. */
export async function addSchema(
  context: CommandContext,
  path: string,
  options: { name: string; type: DocumentType | undefined },
): Promise<ExitCode> {
  const { output } = context
  const schema = await readSchemaFile(path)
  const added = await (await connect(context)).addSchema({ name: options.name, document_type: options.type ?? null, schema })
  output.value(added)
  output.line(`${output.paint('bold', clean(added.name))}, version ${added.version}, ${useOf(added)}`)
  return EXIT.ok
}

/** `greffier schemas list`. */
export async function listSchemas(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const list = await (await connect(context)).schemas()
  output.value(list)
  if (list.schemas.length === 0) output.line('No schemas of your own: documents are read by those that ship.')
  else {
    const rows = list.schemas.map((schema) => [clean(schema.name), String(schema.version), schema.document_type ?? '-', schema.created_at])
    printTable(output, ['schema', 'version', 'type', 'since'], rows, ['left', 'right'])
  }
  return EXIT.ok
}

/** `greffier schemas show NAME [--version N]`: the schema itself, as JSON. */
export async function showSchema(context: CommandContext, name: string, version: number | undefined): Promise<ExitCode> {
  const { output } = context
  const schema = await (await connect(context)).schema(name, version)
  output.value(schema)
  const retired = schema.deleted_at === null ? '' : `, retired ${schema.deleted_at}`
  output.line(`${output.paint('bold', clean(schema.name))}, version ${schema.version}, ${useOf(schema)}${retired}`)
  for (const line of JSON.stringify(schema.schema, null, 2).split('\n')) output.line(indented(line))
  return EXIT.ok
}

/** `greffier schemas remove NAME`. */
export async function removeSchema(context: CommandContext, name: string): Promise<ExitCode> {
  const { output } = context
  await (await connect(context)).removeSchema(name)
  output.value({ name, removed: true })
  output.line(`${clean(name)}  removed; documents that were read by it keep their fields`)
  return EXIT.ok
}

/** Safe for a terminal, and still indented. */
function indented(line: string): string {
  return `${/^ */.exec(line)?.[0] ?? ''}${clean(line)}`
}

function useOf({ document_type }: SchemaHead): string {
  return document_type === null ? 'for uploads that name it' : `for every ${document_type.replaceAll('_', ' ')}`
}

async function readSchemaFile(path: string): Promise<Record<string, unknown>> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > FILE_BYTES_MAX) throw new CliError('SCHEMA_TOO_LARGE', `${path}: larger than ${FILE_BYTES_MAX} bytes`, EXIT.rejected)
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    throw new CliError('FILE_UNREADABLE', `${path}: the file cannot be read`, EXIT.missing, { cause })
  }
  try {
    return JsonObject.parse(JSON.parse(text))
  } catch (cause) {
    throw new CliError('SCHEMA_INVALID', `${path}: not a JSON object`, EXIT.rejected, { cause })
  }
}
