import { readFile, writeFile } from 'node:fs/promises'
import { text as readStream } from 'node:stream/consumers'
import { AskedScope, type ErasureGround, type ErasureView } from '../../../shared/contracts/erasure.ts'
import type { CertificateStatus } from '../../../shared/contracts/erasure-certificate.ts'
import { SubjectIdentifiers } from '../../../shared/contracts/subjects.ts'
import { CliError } from '../cli-error.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { alignRows, printTable } from '../print/table.ts'
import { clean, countText } from '../print/text.ts'

interface Asked {
  ground: ErasureGround
  document: string[]
  subject?: string
  person?: string
  purpose?: string
  type?: string
  createdBefore?: string
  receivedAt?: string
}

/** `greffier erasures create --ground G` and one way to say which documents. */
export async function createErasure(context: CommandContext, asked: Asked): Promise<ExitCode> {
  const { output } = context
  const scope = await scopeOf(asked)
  const received = asked.receivedAt === undefined ? {} : { received_at: asked.receivedAt }
  const view = await (await connect(context)).rights.erase({ ground: asked.ground, scope, ...received })
  output.value(view)
  printErasure(output, view)
  return EXIT.ok
}

/** `greffier erasures list`. */
export async function listErasures(
  context: CommandContext,
  page: { limit?: number | undefined; cursor?: string | undefined },
): Promise<ExitCode> {
  const { output } = context
  const list = await (await connect(context)).rights.erasures(page)
  output.value(list)
  if (list.erasures.length === 0) output.line('No request for erasure.')
  else {
    const rows = list.erasures.map((view) => [view.erasure_id, stateOf(view), countsOf(view), whyOf(view), view.due_at.slice(0, 10)])
    printTable(output, ['request', 'state', 'documents', 'why', 'due'], rows)
  }
  if (list.next_cursor !== null) output.line(output.paint('dim', `more: greffier erasures list --cursor ${list.next_cursor}`))
  return EXIT.ok
}

/** `greffier erasures show ID`. */
export async function showErasure(context: CommandContext, id: string): Promise<ExitCode> {
  const view = await (await connect(context)).rights.erasure(id)
  context.output.value(view)
  printErasure(context.output, view)
  return EXIT.ok
}

/** `greffier erasures extend ID --reason TEXT`. */
export async function extendErasure(context: CommandContext, id: string, reason: string): Promise<ExitCode> {
  const { output } = context
  const view = await (await connect(context)).rights.extend(id, reason)
  output.value(view)
  output.line(`${id}  is due ${view.due_at.slice(0, 10)} now; tell the person, with the reason, before the first month is over`)
  return EXIT.ok
}

/** `greffier erasures certificate ID [--pdf FILE] [--out FILE]`. */
export async function fetchCertificate(
  context: CommandContext,
  id: string,
  files: { pdf?: string | undefined; out?: string | undefined },
): Promise<ExitCode> {
  const { output } = context
  const { rights } = await connect(context)
  const answer = await rights.certificate(id)
  if (files.pdf !== undefined) await writeFile(files.pdf, await rights.certificatePdf(id))
  if (files.out !== undefined) await writeFile(files.out, `${JSON.stringify(answer, null, 2)}\n`)
  output.value(answer)
  const { certificate, hash } = answer
  output.line(`${output.paint('bold', statusText(certificate.status))}: ${countText(certificate.documents.length, 'document')} erased`)
  const facts = [
    ...certificate.residuals.map(({ holder, name, until }) => [`with ${holder}`, clean(name), until ?? 'no known end']),
    ...certificate.notices.map(({ processor, operations }) => ['to be told', clean(processor), countText(operations, 'call')]),
    ...certificate.refusals.map(({ document_id, reason }) => ['refused', document_id, reason]),
    ['SHA-256', hash, ''],
  ]
  for (const line of alignRows(facts)) output.line(`  ${line}`)
  if (files.out !== undefined) output.line(output.paint('dim', `to check it: greffier erasures check ${clean(files.out)} --vkey KEY`))
  return EXIT.ok
}

export function statusText(status: CertificateStatus): string {
  if (status.state === 'complete') return 'complete'
  return status.state === 'residual_until' ? `gone everywhere after ${status.until}` : 'something remains whose end nobody knows'
}

/** Exactly one way to say it. */
async function scopeOf({ document, subject, person, purpose, type, createdBefore }: Asked): Promise<AskedScope> {
  const filter = Object.fromEntries(
    Object.entries({ purpose, type, created_before: createdBefore }).filter(([, value]) => value !== undefined),
  )
  const ways = [
    ...(document.length > 0 ? [{ document_ids: document }] : []),
    ...(subject !== undefined ? [{ subject_id: subject }] : []),
    ...(person !== undefined ? [{ identifiers: await readPerson(person) }] : []),
    ...(Object.keys(filter).length > 0 ? [{ filter }] : []),
  ]
  const [scope] = ways
  if (ways.length !== 1 || scope === undefined)
    throw new CliError('USAGE', 'say which documents in one way: --document, --subject, --person, or a filter', EXIT.usage)
  return AskedScope.parse(scope)
}

/** Never quoted back: what is wrong with a person's identifiers may be a person's identifiers. */
async function readPerson(path: string): Promise<SubjectIdentifiers> {
  const parsed = SubjectIdentifiers.safeParse(await readJson(path))
  if (parsed.success) return parsed.data
  throw new CliError('FILE_INVALID', 'the file has no identifiers such as {"email":"…","name":"…"}', EXIT.rejected)
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(path === '-' ? await readStream(process.stdin) : await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new CliError('FILE_INVALID', 'the file is no JSON', EXIT.rejected)
    throw new CliError('FILE_UNREADABLE', 'the file cannot be read', EXIT.missing, { cause: error })
  }
}

function printErasure(output: Output, view: ErasureView): void {
  output.line(`${view.erasure_id}  ${output.paint('bold', stateOf(view))}  ${countsOf(view)}`)
  const facts = [
    ['why', whyOf(view)],
    ['received', view.received_at],
    ['due', view.extended_at === null ? view.due_at : `${view.due_at}, extended ${view.extended_at.slice(0, 10)}`],
    ...(view.settles_at === null
      ? []
      : [['stores', `empty; read back once more by ${view.settles_at}, because a stage has not said that it ended`]]),
    ...view.refusals.map(({ document_id, reason, hold_until }) => [
      'refused',
      `${document_id}, ${reason}${hold_until === null ? '' : ` until ${hold_until}`}; restricted instead`,
    ]),
  ]
  for (const line of alignRows(facts)) output.line(`  ${line}`)
  if (view.state === 'done') output.line(output.paint('dim', `its certificate: greffier erasures certificate ${view.erasure_id}`))
}

function stateOf({ state, due_at }: ErasureView): string {
  return state === 'erasing' && Date.parse(due_at) < Date.now() ? 'overdue' : state
}

function countsOf({ counts: { documents, erased, refused } }: ErasureView): string {
  return `${erased} of ${countText(documents, 'document')} erased${refused > 0 ? `, ${refused} refused` : ''}`
}

function whyOf({ ground, retention_rule }: ErasureView): string {
  return ground ?? (retention_rule === null ? 'by id' : `rule ${clean(retention_rule)}`)
}
