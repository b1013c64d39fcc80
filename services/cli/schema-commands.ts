import { Argument, type Command, Option } from 'commander'
import { z } from 'zod'
import { DocumentType } from '../../shared/contracts/extraction.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { SchemaName } from '../../shared/contracts/schemas.ts'
import { parseWith } from './arguments.ts'
import { CliError } from './cli-error.ts'
import { redrive, redriveRefused } from './commands/redrive.ts'
import { addSchema, listSchemas, removeSchema, showSchema } from './commands/schemas.ts'
import { EXIT } from './exit-codes.ts'
import type { Add, Run } from './policy-commands.ts'

export function addSchemas(schemas: Command, add: Add, run: Run): void {
  const name = parseWith(SchemaName, 'not a name such as supplier-invoice')
  const named = () => new Argument('<name>', 'the name of a schema').argParser(name)
  add('add', 'add a schema, or the next version of one', schemas)
    .argument('<file>', 'a JSON Schema')
    .requiredOption('--name <name>', 'shown in the clear: it must name nobody', name)
    .addOption(new Option('--type <type>', 'use it for every document of this type').choices(DocumentType.options))
    .action((path: string, options) => run(options, (context) => addSchema(context, path, { name: options.name, type: options.type })))
  add('list', 'list the schemas', schemas).action((options) => run(options, listSchemas))
  add('show', 'show a schema', schemas)
    .addArgument(named())
    .option('--version <number>', 'another version than the newest', parseWith(z.coerce.number().int().min(1), 'not a version'))
    .action((schema: string, options) => run(options, (context) => showSchema(context, schema, options.version)))
  add('remove', 'retire all versions of a schema', schemas)
    .addArgument(named())
    .action((schema: string, options) => run(options, (context) => removeSchema(context, schema)))
}

export function addRedrive(add: Add, run: Run): void {
  add('redrive', 'go on with a document that was refused or failed, at the stage that ended it')
    .addArgument(new Argument('[id]', 'the id of a document').argParser(parseWith(Uuid, 'not an id')))
    .option('--refused', 'every document that the policy refused', false)
    .action((document: string | undefined, options) =>
      run(options, (context) => {
        if (document !== undefined && !options.refused) return redrive(context, document)
        if (document === undefined && options.refused) return redriveRefused(context)
        throw new CliError('USAGE', 'name a document, or say --refused', EXIT.usage)
      }),
    )
}
