import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { SCOPES, Scope } from '../../shared/contracts/access.ts'
import { DataClass, OnDuplicate, Purpose, Sensitivity } from '../../shared/contracts/document.ts'
import { DocumentType } from '../../shared/contracts/extraction.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { SchemaName } from '../../shared/contracts/schemas.ts'
import { NO_TENANT } from '../../shared/policy/expectations.ts'
import { PolicyTask } from '../../shared/policy/policy.ts'
import { readCliConfig } from '../../shared/runtime/config.ts'
import { CliError, toCliError } from './cli-error.ts'
import type { UploadChoices } from './client.ts'
import { ask } from './commands/ask.ts'
import { cost } from './commands/cost.ts'
import { defaults } from './commands/defaults.ts'
import { demo } from './commands/demo.ts'
import { erase } from './commands/erase.ts'
import { ingest } from './commands/ingest.ts'
import { createKey, listKeys, revokeKey } from './commands/keys.ts'
import { list } from './commands/list.ts'
import { explainPolicy, testPolicy } from './commands/policy.ts'
import { checkProcessors, listProcessors, printMatrix, showProcessor } from './commands/processors.ts'
import { record } from './commands/record.ts'
import { redrive, redriveRefused } from './commands/redrive.ts'
import { addSchema, listSchemas, removeSchema, showSchema } from './commands/schemas.ts'
import { serve } from './commands/serve.ts'
import { show } from './commands/show.ts'
import { tryFiles } from './commands/try.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode, exitCodeHelp } from './exit-codes.ts'
import { watchInterruption } from './interruption.ts'
import { createOutput } from './output.ts'
import { clean } from './print/text.ts'
import { loadStandalone } from './standalone.ts'

const PAGE_DOCUMENTS_MAX = 100
/** A year: contracts and lists of subprocessors change about that often. */
const EVIDENCE_DAYS = 365
/** After the command has ended nothing should hold the process; what does is given this long. */
const EXIT_GRACE_MS = 2_000

const interrupted = watchInterruption()
process.exitCode = await main(process.argv)
setTimeout(() => process.exit(), EXIT_GRACE_MS).unref()

async function main(argv: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const program = assemble(async (options, command) => {
    exitCode = await run(options.json === true, command)
  })
  try {
    await program.parseAsync(argv)
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.ok
    const line = error.code === 'commander.help' ? 'name a command; `greffier --help` lists them' : error.message.replace(/^error: /, '')
    process.stderr.write(`greffier: ${clean(line)}\n`)
    return EXIT.usage
  }
}

/** One error, one line on stderr; with --json also `{"error":{"code","message"}}` on stdout. */
async function run(json: boolean, command: (context: CommandContext) => Promise<ExitCode>): Promise<ExitCode> {
  const output = createOutput(process.stdout, process.stderr, json)
  try {
    return await command({ config: readCliConfig(), output, stderr: process.stderr, interrupted })
  } catch (thrown) {
    const error: CliError = toCliError(thrown)
    output.note(clean(`${error.message} (${error.code})`))
    output.value({ error: { code: error.code, message: error.message } })
    return error.exitCode
  }
}

type Run = (options: { json?: boolean }, command: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

function assemble(run: Run): Command {
  const program = new Command('greffier')
    .description('Reads documents, answers questions about them, and keeps the record that the GDPR asks for.')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .addHelpText(
      'after',
      () => `\n${exitCodeHelp()}\n\nEnvironment: GREFFIER_URL, GREFFIER_API_KEY (else DATA_DIR/local.json), DATA_DIR, PORT, LOG_LEVEL`,
    )

  const add = (name: string, description: string, parent: Command = program) =>
    parent.command(name).description(description).option('--json', 'print exactly one JSON value on stdout')
  const id = () => new Argument('<id>', 'the id of a document').argParser(parseWith(Uuid, 'not an id'))

  add('serve', 'serve the embedded system on 127.0.0.1 (PORT, DATA_DIR)').action((options) =>
    run(options, async (context) => serve(context, await loadSamples(), await loadStandalone('serve'))),
  )
  add('demo', 'show everything on the sample documents, in a throw-away system').action((options) =>
    run(options, async (context) => demo(context, await loadSamples(), await loadStandalone('demo'))),
  )
  add('try <files...>', 'send your own files through a throw-away system')
    .option('--ask <question>', 'ask this afterwards; may be given several times', collect, [])
    .action((files: string[], options) =>
      run(options, async (context) => tryFiles(context, files, options.ask, await loadStandalone('try'))),
    )
  addIngest(add('ingest <files...>', 'upload files to the running server'), run)
  add('list', 'list documents')
    .option('--cursor <cursor>', 'go on where the last page ended')
    .option(
      '--limit <documents>',
      `documents on a page, 1 to ${PAGE_DOCUMENTS_MAX}`,
      parseWith(z.coerce.number().int().min(1).max(PAGE_DOCUMENTS_MAX), 'not a page size'),
    )
    .action((options) => run(options, (context) => list(context, { cursor: options.cursor, limit: options.limit })))
  add('show', 'show a document: status, stages, fields')
    .addArgument(id())
    .action((document: string, options) => run(options, (context) => show(context, document)))
  add('ask <question>', 'ask a question; the answer cites document, page and quote')
    .option(
      '--document <id>',
      'look only in this one; may be given several times',
      (text, before: string[]) => [...before, parseWith(Uuid, 'not an id')(text)],
      [],
    )
    .action((question: string, options) => run(options, (context) => ask(context, question, options.document)))
  add('record', 'show what was done with a document; also after its erasure')
    .addArgument(id())
    .action((document: string, options) => run(options, (context) => record(context, document)))
  add('redrive', 'go on with a document that was refused or failed, at the stage that ended it')
    .addArgument(id().argOptional())
    .option('--refused', 'every document that the policy refused', false)
    .action((document: string | undefined, options) =>
      run(options, (context) => {
        if (document !== undefined && !options.refused) return redrive(context, document)
        if (document === undefined && options.refused) return redriveRefused(context)
        throw new CliError('USAGE', 'name a document, or say --refused', EXIT.usage)
      }),
    )
  add('erase', 'erase a document for good')
    .addArgument(id())
    .action((document: string, options) => run(options, (context) => erase(context, document)))
  const time = parseWith(z.iso.datetime(), 'not a time such as 2026-11-01T00:00:00Z')
  add('cost', 'what model calls cost')
    .option('--from <time>', 'from then on', time)
    .option('--to <time>', 'before then', time)
    .action(({ json, from, to }) => run({ json }, (context) => cost(context, { from, to })))
  add('defaults', 'what is assumed of documents whose upload does not say; with options, choose it')
    .addOption(new Option('--sensitivity <level>').choices(Sensitivity.options))
    .option(
      '--data-classes <list>',
      `comma separated: ${DataClass.options.join(', ')}`,
      parseList(z.array(DataClass).min(1), 'not data classes'),
    )
    .action(({ json, sensitivity, dataClasses }) =>
      run({ json }, (context) => defaults(context, { sensitivity, data_classes: dataClasses })),
    )
  addKeys(program.command('keys').description('API keys'), add, run)
  addSchemas(program.command('schemas').description('your own schemas: what is read from documents'), add, run)
  addProcessors(program.command('processors').description('the register of processors: who may be handed data'), add, run)
  addPolicy(program.command('policy').description('which processor may see which data'), add, run)
  return program
}

function addIngest(command: Command, run: Run): void {
  command
    .option('--wait', 'wait until every document is done', false)
    .addOption(new Option('--sensitivity <level>').choices(Sensitivity.options))
    .option(
      '--data-classes <list>',
      `comma separated: ${DataClass.options.join(', ')}`,
      parseList(z.array(DataClass).min(1), 'not data classes'),
    )
    .option('--purpose <purpose>', 'such as invoice_processing', parseWith(Purpose, 'not a purpose'))
    .addOption(new Option('--on-duplicate <what>', 'same content, purpose, sensitivity and classes').choices(OnDuplicate.options))
    .option('--schema <name>', 'one of your schemas', parseWith(SchemaName, 'not the name of a schema'))
    .option('--metadata <name=value>', 'may be given several times', collectMetadata)
    .action((files: string[], { json, wait, sensitivity, dataClasses, purpose, onDuplicate, schema, metadata }) => {
      const given: { [Name in keyof UploadChoices]: UploadChoices[Name] | undefined } = {
        sensitivity,
        data_classes: dataClasses,
        purpose,
        on_duplicate: onDuplicate,
        schema,
        metadata,
      }
      const choices = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      return run({ json }, (context) => ingest(context, files, { wait, choices }))
    })
}

function addKeys(keys: Command, add: Add, run: Run): void {
  add('create <name>', 'create a key; it is shown once', keys)
    .requiredOption('--scopes <list>', `comma separated: ${SCOPES.join(', ')}`, parseList(z.array(Scope).min(1), 'not scopes'))
    .action((name: string, options) => run(options, (context) => createKey(context, name, options.scopes)))
  add('list', 'list the keys', keys).action((options) => run(options, listKeys))
  add('revoke', 'revoke a key at once', keys)
    .addArgument(new Argument('<id>', 'the id of a key').argParser(parseWith(Uuid, 'not an id')))
    .action((key: string, options) => run(options, (context) => revokeKey(context, key)))
}

type Add = (name: string, description: string, parent: Command) => Command

function addSchemas(schemas: Command, add: Add, run: Run): void {
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

function addProcessors(processors: Command, add: Add, run: Run): void {
  const days = parseWith(z.coerce.number().int().min(0), 'not a number of days')
  const register = async () => (await configuredRules()).rules.register
  add('list', 'list the processors of the register', processors).action((options) =>
    run(options, async (context) => listProcessors(context, await register(), today())),
  )
  add('show', 'show every fact of one, with its source, its day and its confidence', processors)
    .argument('<key>', 'such as mistral')
    .action((key: string, options) => run(options, async (context) => showProcessor(context, await register(), key, today())))
  add('matrix', 'print the register as one table', processors)
    .option('--markdown', 'as Markdown', false)
    .action((options) => run(options, async (context) => printMatrix(context, await register(), options.markdown, today())))
  add('check', 'list the claims that are unverified or old', processors)
    .option('--days <days>', 'how old evidence may be', days, EVIDENCE_DAYS)
    .action((options) => run(options, async (context) => checkProcessors(context, await register(), options.days, today())))
}

function addPolicy(policy: Command, add: Add, run: Run): void {
  add('explain', 'what the policy says of every processor for one kind of data', policy)
    .addOption(new Option('--sensitivity <level>').choices(Sensitivity.options).default('internal'))
    .option('--data <list>', `comma separated: ${DataClass.options.join(', ')}`, parseList(z.array(DataClass).min(1), 'not data classes'), [
      'personal',
    ])
    .option('--purpose <purpose>', 'such as invoice_processing', parseWith(Purpose, 'not a purpose'), 'document_processing')
    .addOption(new Option('--task <task>').choices(PolicyTask.options).default('extract'))
    .option('--tenant <id>', 'for rules that name tenants', parseWith(z.uuid(), 'not an id'), NO_TENANT)
    .action(({ json, sensitivity, data, purpose, task, tenant }) =>
      run({ json }, async (context) => {
        const request = { data_classes: data, sensitivity, purpose, task, tenant_id: tenant, day: today() }
        return explainPolicy(context, (await configuredRules()).rules, request)
      }),
    )
  add('test', 'run your own expectations of the policy', policy)
    .argument('<cases>', 'a YAML file')
    .action((path: string, options) =>
      run(options, async (context) => {
        const { rules, loadPolicyCases } = await configuredRules()
        return testPolicy(context, rules, loadPolicyCases(path), today())
      }),
    )
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}

/** What decides about calls, as the environment configures it. Loaded where it is needed: the providers' client is heavy. */
async function configuredRules() {
  const [{ loadExplainableRules }, { readConfig }, { loadPolicyCases }] = await Promise.all([
    import('../../shared/runtime/rules.ts'),
    import('../../shared/runtime/config.ts'),
    import('../../shared/runtime/policy-files.ts'),
  ])
  return { rules: loadExplainableRules(readConfig()), loadPolicyCases }
}

async function loadSamples() {
  return (await import('../../samples/read.ts')).readSamples()
}

function parseWith<Schema extends z.ZodType>(schema: Schema, complaint: string): (text: string) => z.infer<Schema> {
  return (text) => {
    const parsed = schema.safeParse(text)
    if (parsed.success) return parsed.data
    throw new InvalidArgumentError(complaint)
  }
}

function parseList<Schema extends z.ZodType>(schema: Schema, complaint: string): (text: string) => z.infer<Schema> {
  return (text) =>
    parseWith(
      z.preprocess(
        (value) =>
          String(value)
            .split(',')
            .map((part) => part.trim()),
        schema,
      ),
      complaint,
    )(text)
}

function collect(text: string, before: string[]): string[] {
  return [...before, text]
}

function collectMetadata(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('write it as name=value')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
