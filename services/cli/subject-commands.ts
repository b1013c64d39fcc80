import { Argument, type Command, Option } from 'commander'
import { FieldPath } from '../../shared/contracts/extraction.ts'
import { Uuid } from '../../shared/contracts/ids.ts'
import { SubjectRequestKind, SubjectRequestState } from '../../shared/contracts/subjects.ts'
import { parseTime, parseWith } from './arguments.ts'
import { correctField, reviewField, showFieldHistory } from './commands/fields.ts'
import {
  answerSubjectRequest,
  createSubjectRequest,
  extendSubjectRequest,
  fetchPackage,
  findSubjects,
  type GivenIdentifiers,
  listSubjectRequests,
  showSubjectRequest,
} from './commands/subjects.ts'
import type { Add, Run } from './policy-commands.ts'

const uuid = parseWith(Uuid, 'not an id')
const requestId = () => new Argument('<id>', 'the id of a request').argParser(uuid)

export function addSubjects(subjects: Command, add: Add, run: Run): void {
  withIdentifiers(add('find', 'find the documents that name a person', subjects)).action(({ json, ...options }) =>
    run({ json }, (context) => findSubjects(context, identifiersOf(options))),
  )
}

export function addSubjectRequests(requests: Command, add: Add, run: Run): void {
  withIdentifiers(add('create', 'register a request; it is due a month after it was received', requests))
    .addArgument(new Argument('<kind>').choices(SubjectRequestKind.options))
    .option('--received-at <time>', 'when it arrived, if not now', parseTime)
    .action((kind: SubjectRequestKind, { json, receivedAt, ...options }) =>
      run({ json }, (context) => createSubjectRequest(context, kind, { ...identifiersOf(options), receivedAt })),
    )
  add('list', 'list the requests, newest first', requests)
    .addOption(new Option('--state <state>').choices(SubjectRequestState.options))
    .option('--cursor <cursor>', 'go on where the last page ended', uuid)
    .action(({ json, state, cursor }) => run({ json }, (context) => listSubjectRequests(context, { state, cursor })))
  add('show', 'show a request and its term', requests)
    .addArgument(requestId())
    .action((id: string, options) => run(options, (context) => showSubjectRequest(context, id)))
  add('extend', 'extend the term by two months, once; standard input is the reason', requests)
    .addArgument(requestId())
    .action((id: string, options) => run(options, (context) => extendSubjectRequest(context, id)))
  add('answer', 'put on record that the person has the answer', requests)
    .addArgument(requestId())
    .action((id: string, options) => run(options, (context) => answerSubjectRequest(context, id)))
  add('package', 'write the package of a request for access or portability to a new file', requests)
    .addArgument(requestId())
    .requiredOption('--out <file>', 'must not exist yet')
    .option('--csv', 'as CSV instead of JSON', false)
    .action((id: string, { json, out, csv }) => run({ json }, (context) => fetchPackage(context, id, out, csv ? 'csv' : 'json')))
}

export function addFields(fields: Command, add: Add, run: Run): void {
  const on = (command: Command) =>
    command
      .addArgument(new Argument('<id>', 'the id of a document').argParser(uuid))
      .addArgument(new Argument('<field>', 'such as due_date or lines.0.description').argParser(parseWith(FieldPath, 'not a field')))
  const after = ['--after <review>', 'the last review of the field that you have seen (fields history); left out, none', uuid] as const
  on(add('correct', 'correct a field; standard input has the value on its first line and the reason below', fields))
    .option(...after)
    .action((id: string, field: string, options) => run(options, (context) => correctField(context, id, field, { after: options.after })))
  on(add('review', 'put on record that you looked at a field', fields))
    .addArgument(new Argument('<outcome>').choices(['confirmed', 'rejected']))
    .option(...after)
    .action((id: string, field: string, outcome: 'confirmed' | 'rejected', options) =>
      run(options, (context) => reviewField(context, id, field, { outcome, after: options.after })),
    )
  on(add('history', 'what was read as a field, and what people made of it', fields)).action((id: string, field: string, options) =>
    run(options, (context) => showFieldHistory(context, id, field)),
  )
}

function withIdentifiers(command: Command): Command {
  return command
    .option('--stdin', 'read identifiers from standard input, a line such as email=anna@example.org each: nobody else sees them', false)
    .option('--email <address>')
    .option('--phone <number>', 'with + and the code of the country, or with --country')
    .option('--iban <iban>')
    .option('--id-number <number>')
    .option('--name <name>', 'first and last name')
    .option('--subject-ref <number>', 'what uploads said as subject_id')
    .option('--country <code>', 'whose numbers are dialled without a code, such as DE')
}

function identifiersOf(options: Record<string, string | boolean | undefined>): GivenIdentifiers {
  const { email, phone, iban, idNumber, name, subjectRef, country } = options as Record<string, string | undefined>
  return { stdin: options.stdin === true, given: { email, phone, iban, id_number: idNumber, name, subject_ref: subjectRef, country } }
}
