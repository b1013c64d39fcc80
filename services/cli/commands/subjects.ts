import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  IdentifierKind,
  type PackageFormat,
  SubjectIdentifiers,
  type SubjectRequestKind,
  type SubjectRequestState,
  type SubjectRequestView,
} from '../../../shared/contracts/subjects.ts'
import { CliError } from '../cli-error.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { printTable } from '../print/table.ts'
import { clean, countText } from '../print/text.ts'
import { readStdin } from '../stdin.ts'

/** Only the person who asked for it reads a package. */
const OWNER_ONLY = 0o600

export interface GivenIdentifiers {
  given: { [Kind in IdentifierKind | 'country']?: string | undefined }
  stdin: boolean
}

/** `greffier subjects find`: the documents that name a person. */
export async function findSubjects(context: CommandContext, identifiers: GivenIdentifiers): Promise<ExitCode> {
  const { output } = context
  const asked = await readIdentifiers(context, identifiers)
  const found = await (await connect(context)).findSubjects(asked)
  output.value(found)
  const rows = found.documents.map(({ document_id, revision, matches }) => [
    document_id,
    String(revision),
    [...new Set(matches.map(({ by, found_in }) => `${by} in ${found_in}`))].join(', '),
  ])
  printTable(output, ['document', 'revision', 'found by'], rows)
  const more = found.complete ? '' : '; there are more than one answer holds'
  output.line(`${countText(found.documents.length, 'document')}${more}; on record as ${found.request_ref}`)
  return EXIT.ok
}

/** `greffier subject-requests create KIND`. */
export async function createSubjectRequest(
  context: CommandContext,
  kind: SubjectRequestKind,
  { receivedAt, ...identifiers }: GivenIdentifiers & { receivedAt: string | undefined },
): Promise<ExitCode> {
  const asked = await readIdentifiers(context, identifiers)
  const request = await (await connect(context)).createSubjectRequest({ kind, identifiers: asked, received_at: receivedAt })
  return printRequest(context.output, request)
}

/** `greffier subject-requests list`. */
export async function listSubjectRequests(
  context: CommandContext,
  question: { state: SubjectRequestState | undefined; cursor: string | undefined },
): Promise<ExitCode> {
  const { output } = context
  const list = await (await connect(context)).subjectRequests(question)
  output.value(list)
  const rows = list.requests.map((request) => [request.request_id, request.kind, request.state, request.received_at, request.due_at])
  printTable(output, ['request', 'kind', 'state', 'received', 'due'], rows)
  if (list.next_cursor !== null) output.line(output.paint('dim', `there are more: --cursor ${list.next_cursor}`))
  return EXIT.ok
}

/** `greffier subject-requests show ID`. */
export async function showSubjectRequest(context: CommandContext, id: string): Promise<ExitCode> {
  return printRequest(context.output, await (await connect(context)).subjectRequest(id))
}

/** `greffier subject-requests extend ID`: the reason comes from standard input. */
export async function extendSubjectRequest(context: CommandContext, id: string): Promise<ExitCode> {
  const reason = (await readStdin(context.stdin)).trim()
  if (reason === '') throw new CliError('USAGE', 'write the reason to standard input', EXIT.usage)
  return printRequest(context.output, await (await connect(context)).extendSubjectRequest(id, reason))
}

/** `greffier subject-requests answer ID`: the person has it. */
export async function answerSubjectRequest(context: CommandContext, id: string): Promise<ExitCode> {
  return printRequest(context.output, await (await connect(context)).answerSubjectRequest(id))
}

/** `greffier subject-requests package ID --out FILE`: a new file that its owner alone may read. */
export async function fetchPackage(context: CommandContext, id: string, out: string, format: PackageFormat): Promise<ExitCode> {
  const { output } = context
  const response = await (await connect(context)).subjectPackage(id, format)
  try {
    await pipeline(Readable.from(response.body ?? []), createWriteStream(out, { flags: 'wx', mode: OWNER_ONLY }))
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    if (!exists) throw cause
    throw new CliError('FILE_EXISTS', `${out} is there already; nothing was overwritten`, EXIT.rejected, { cause })
  }
  output.value({ request_id: id, format, file: out })
  output.line(`${clean(out)}  read it before it is handed over: names in running text are not masked`)
  return EXIT.ok
}

async function readIdentifiers({ stdin }: CommandContext, identifiers: GivenIdentifiers): Promise<SubjectIdentifiers> {
  const lines = identifiers.stdin ? (await readStdin(stdin)).split('\n').filter((line) => line.trim() !== '') : []
  const written = lines.map((line) => {
    const at = line.indexOf('=')
    const name = line.slice(0, Math.max(at, 0)).trim()
    if (name !== 'country' && !IdentifierKind.safeParse(name).success)
      throw new CliError(
        'USAGE',
        `a line on standard input is not written as kind=value, of ${IdentifierKind.options.join(', ')}`,
        EXIT.usage,
      )
    return [name, line.slice(at + 1).trim()] as const
  })
  const parsed = SubjectIdentifiers.safeParse({ ...identifiers.given, ...Object.fromEntries(written) })
  // Not zod's own words, which may quote what was given.
  if (!parsed.success) throw new CliError('USAGE', 'name at least one identifier of 3 to 320 characters', EXIT.usage)
  return parsed.data
}

function printRequest(output: Output, request: SubjectRequestView): ExitCode {
  output.value(request)
  const extended = request.extended_at === null ? '' : `, extended ${request.extended_at}`
  const answered = request.answered_at === null ? `due ${request.due_at}${extended}` : `answered ${request.answered_at}`
  output.line(`${output.paint('bold', request.request_id)}  ${request.kind} by ${request.identified_by.join(', ')}`)
  output.line(`  ${request.state} · received ${request.received_at} · ${answered}`)
  return EXIT.ok
}
