import { type Command, Option } from 'commander'
import { z } from 'zod'
import { Purpose } from '../../shared/contracts/document.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { LegalBasis, Operation } from '../../shared/contracts/record.ts'
import { ExportFormat, Outcome } from '../../shared/contracts/records.ts'
import { parseTime, parseWith } from './arguments.ts'
import { record } from './commands/record.ts'
import { exportRecords, listRecords } from './commands/records.ts'
import type { Add, Run } from './policy-commands.ts'

const LIMIT = 50
/** What is collected before it is printed; an export has no such bound. */
const LIMIT_MAX = 100_000

const id = parseWith(Uuid, 'not an id')

const ANNEX = ['--annex', 'with file name, metadata, uploader and who ordered what; needs --justification and is itself on record'] as const
const JUSTIFICATION = ['--justification <text>', 'why the names are needed, 20 characters or more'] as const

/** The command with its document is given. */
export function addRecord(command: Command, run: Run): void {
  command
    .option(...ANNEX, false)
    .option(...JUSTIFICATION)
    .action((document: string, { json, annex, justification }) =>
      run({ json }, (context) => record(context, document, { annex, justification })),
    )
}

export function addRecords(add: Add, run: Run): void {
  add('records', 'the record of all documents, newest first; with --format, all of it as a file')
    .option('--document <id>', 'events that concern it', id)
    .option('--subject <id>', 'events of documents that name this subject of the index', id)
    .option('--processor <key>', 'a key of the register')
    .option('--purpose <purpose>', 'such as invoice_processing', parseWith(Purpose, 'not a purpose'))
    .addOption(new Option('--legal-basis <article>').choices(LegalBasis.options))
    .addOption(new Option('--operation <operation>').choices(Operation.options))
    .addOption(new Option('--outcome <outcome>').choices(Outcome.options))
    .option('--from <time>', 'from then on', parseTime)
    .option('--to <time>', 'before then', parseTime)
    .option(
      '--limit <events>',
      'how many are shown',
      parseWith(z.coerce.number().int().min(1).max(LIMIT_MAX), 'not a number of events'),
      LIMIT,
    )
    .addOption(new Option('--format <format>', 'export everything, oldest first').choices(ExportFormat.options))
    .option('--out <file>', 'where the export goes; else to stdout')
    .option(...ANNEX, false)
    .option(...JUSTIFICATION)
    .action(({ json, format, out, limit, annex, justification, legalBasis, ...options }) => {
      const { document, subject, processor, purpose, operation, outcome, from, to } = options
      const filters = { document, subject, processor, purpose, legal_basis: legalBasis, operation, outcome, from, to }
      const choices = { filters, limit, annex, justification }
      return run({ json }, (context) =>
        format === undefined ? listRecords(context, choices) : exportRecords(context, format, out, choices),
      )
    })
}
