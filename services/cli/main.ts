import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { SCOPES, Scope } from '../../shared/contracts/access.ts'
import { DataClass, OnDuplicate, Purpose, Sensitivity } from '../../shared/contracts/document.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { SchemaName } from '../../shared/contracts/schemas.ts'
import { readCliConfig, readConfig } from '../../shared/runtime/config.ts'
import { parseList, parseWith } from './arguments.ts'
import { type CliError, toCliError } from './cli-error.ts'
import type { UploadChoices } from './client.ts'
import { ask } from './commands/ask.ts'
import { defaults } from './commands/defaults.ts'
import { demo } from './commands/demo.ts'
import { erase } from './commands/erase.ts'
import { ingest } from './commands/ingest.ts'
import { createKey, listKeys, revokeKey } from './commands/keys.ts'
import { list } from './commands/list.ts'
import { type RebuildSearch, rebuildSearch } from './commands/rebuild-search.ts'
import { serve } from './commands/serve.ts'
import { show } from './commands/show.ts'
import { tryFiles } from './commands/try.ts'
import { ERASURE_WAIT_SECONDS } from './erasure.ts'
import { addErasures, addHolds, addRestrictions, addRetention } from './erasure-commands.ts'
import { EXIT, type ExitCode, exitCodeHelp } from './exit-codes.ts'
import { watchInterruption } from './interruption.ts'
import { addBundles, addLedger } from './ledger-commands.ts'
import { createOutput } from './output.ts'
import { type Add, addAdvise, addCosts, addExposure, addPolicy, addProcessors, type Run } from './policy-commands.ts'
import { clean } from './print/text.ts'
import { addRecord, addRecords } from './records-commands.ts'
import { addRegister } from './register-commands.ts'
import { addRedrive, addSchemas } from './schema-commands.ts'
import { loadStandalone } from './standalone.ts'
import { addFields, addSubjectRequests, addSubjects } from './subject-commands.ts'

const PAGE_DOCUMENTS_MAX = 100
const ERASURE_WAIT_SECONDS_MAX = 3_600
/** After the command has ended nothing should hold the process; what does is given this long. */
const EXIT_GRACE_MS = 2_000

const interrupted = watchInterruption()
process.exitCode = await main(process.argv)
setTimeout(() => process.exit(), EXIT_GRACE_MS).unref()

async function main(argv: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  const program = assemble(async (options, command) => {
    exitCode = await run(options, command)
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
async function run(...[{ json, offline }, command]: Parameters<Run>): Promise<ExitCode> {
  const output = createOutput(process.stdout, process.stderr, json === true)
  try {
    const config = readCliConfig(offline ? {} : undefined)
    return await command({ config, output, stdin: process.stdin, stderr: process.stderr, interrupted })
  } catch (thrown) {
    const error: CliError = toCliError(thrown)
    output.note(clean(`${error.message} (${error.code})`))
    output.value({ error: { code: error.code, message: error.message } })
    return error.exitCode
  }
}

function assemble(run: Run): Command {
  const program = new Command('greffier')
    .description('Reads documents, answers questions about them, and keeps the record that the GDPR asks for.')
    .exitOverride()
    // `cost` has options and a command below it: each takes its own.
    .enablePositionalOptions()
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
  addRecord(add('record', 'show what was done with a document; also after its erasure').addArgument(id()), run)
  addRecords(add, run)
  addRedrive(add, run)
  add('erase', 'erase a document for good')
    .addArgument(id())
    .option(
      '--wait <seconds>',
      `how long to wait until it is done, ${ERASURE_WAIT_SECONDS} if you do not say`,
      parseWith(z.coerce.number().int().min(0).max(ERASURE_WAIT_SECONDS_MAX), 'not a number of seconds'),
    )
    .action((document: string, options) => run(options, (context) => erase(context, document, options.wait)))
  addErasures(program.command('erasures').description('requests for erasure (GDPR Art. 17) and their certificates'), add, run)
  addHolds(program.command('hold').description('what stands against an erasure (GDPR Art. 17(3))'), add, run)
  addRestrictions(add, run)
  addRetention(program.command('retention').description('what is erased because it was kept long enough'), add, run)
  add('rebuild-search', 'make the bytes of erased documents go away in Qdrant (DATABASE_URL, QDRANT_URL)').action((options) =>
    run(options, async (context) => rebuildSearch(context, await loadRebuild())),
  )
  addCosts(add, run)
  addExposure(add, run)
  addRegister(add, run)
  addBundles(add, run)
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
  addSubjects(program.command('subjects').description('data subjects: where they are named'), add, run)
  addSubjectRequests(program.command('subject-requests').description('requests of data subjects and their terms'), add, run)
  addFields(program.command('fields').description('correct fields and review them'), add, run)
  addSchemas(program.command('schemas').description('your own schemas: what is read from documents'), add, run)
  addLedger(program.command('ledger').description('the log of everything that was done: checkpoints and keys'), add, run)
  addProcessors(program.command('processors').description('the register of processors: who may be handed data'), add, run)
  addPolicy(program.command('policy').description('which processor may see which data'), add, run)
  addAdvise(add, run)
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

/** Beside the services, with their environment: no server is asked, since an API key belongs to one tenant. */
async function loadRebuild(): Promise<RebuildSearch> {
  const { runSearchRebuild } = await import('../../shared/runtime/search-rebuild.ts')
  return (watch) => runSearchRebuild(readConfig(), watch)
}

async function loadSamples() {
  return (await import('../../samples/read.ts')).readSamples()
}

function collect(text: string, before: string[]): string[] {
  return [...before, text]
}

function collectMetadata(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('write it as name=value')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
