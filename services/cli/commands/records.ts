import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { type Annexes, type ExportFormat, RECORDS_PAGE_MAX, type RecordFilters } from '../../../shared/contracts/records.ts'
import { type AnnexCheck, checkAnnex } from '../../../shared/ledger/annex-commitment.ts'
import { CliError } from '../cli-error.ts'
import type { Client } from '../client.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { printAnnexChecks } from '../print/annex.ts'
import { printRecords, type ShownNames } from '../print/record.ts'
import { clean, countText } from '../print/text.ts'

/** Whether names are shown, and why. */
export interface AnnexChoices {
  annex: boolean
  justification: string | undefined
}

export interface RecordsChoices extends AnnexChoices {
  filters: { [Name in keyof RecordFilters]?: RecordFilters[Name] | undefined }
  limit: number
}

/** `greffier records [filters] [--limit N]`: the newest events, page after page. */
export async function listRecords(context: CommandContext, choices: RecordsChoices): Promise<ExitCode> {
  const { output } = context
  const justification = justificationOf(choices)
  const { events, names, next_cursor } = await collect(await connect(context), choices, justification)
  const shown = justification === undefined ? null : names
  const checks = checkAnnexes(names.annexes, events)
  output.value({ events, next_cursor, ...(shown && { ...shown, annex_checks: checks }) })
  printRecords(output, events, shown)
  output.line(
    output.paint('dim', `${countText(events.length, 'event')}, newest first${next_cursor === null ? '' : '; there are more: --limit'}`),
  )
  printAnnexChecks(output, checks)
  return checks.some(({ state }) => state === 'differs') ? EXIT.tampered : EXIT.ok
}

/** `greffier records --format F [--out FILE]`: all that the filters leave, as a file or on stdout. A file that bears its name is whole. */
export async function exportRecords(
  context: CommandContext,
  format: ExportFormat,
  out: string | undefined,
  choices: RecordsChoices,
): Promise<ExitCode> {
  const { output } = context
  if (out === undefined && output.json) throw new CliError('INVALID_ARGUMENT', 'with --json an export needs --out', EXIT.usage)
  const question = { ...choices.filters, format, ...(choices.annex ? { annex: 'true' } : {}) }
  const response = await (await connect(context)).exportRecords(question, justificationOf(choices))
  if (!response.body) throw new CliError('UNEXPECTED_ANSWER', 'the server sent no file', EXIT.protocol)
  const body = Readable.fromWeb(response.body)
  if (out === undefined) {
    await broken(pipeline(body, output.stdout, { end: false }))
    return EXIT.ok
  }
  const part = `${out}.part`
  try {
    await broken(pipeline(body, createWriteStream(part)))
    await rename(part, out)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  output.value({ format, file: out })
  output.line(`The record is in ${clean(out)}.`)
  return EXIT.ok
}

/** Of those that are shown; each against the events of its own document. */
function checkAnnexes(annexes: Annexes, events: readonly ProcessingEvent[]): (AnnexCheck & { document_id: string })[] {
  const byDocument = Map.groupBy(events, ({ doc_ref }) => doc_ref)
  return Object.entries(annexes).flatMap(([id, annex]) =>
    annex ? [{ document_id: id, ...checkAnnex(id, annex, byDocument.get(id) ?? []) }] : [],
  )
}

async function collect(client: Client, { filters, limit, annex }: RecordsChoices, justification: string | undefined) {
  const events: ProcessingEvent[] = []
  const names: ShownNames = { annexes: {}, ordered_by: {} }
  let next_cursor: string | null = null
  do {
    const question = { ...filters, ...(annex ? { annex: 'true' } : {}), ...(next_cursor === null ? {} : { cursor: next_cursor }) }
    const page = await client.records({ ...question, limit: String(Math.min(limit - events.length, RECORDS_PAGE_MAX)) }, justification)
    events.push(...page.events)
    Object.assign(names.annexes, page.annexes)
    Object.assign(names.ordered_by, page.ordered_by)
    next_cursor = page.next_cursor
  } while (next_cursor !== null && events.length < limit)
  return { events, names, next_cursor }
}

/** Throws INVALID_ARGUMENT where one of the two is missing. */
export function justificationOf({ annex, justification }: AnnexChoices): string | undefined {
  if (annex && justification === undefined)
    throw new CliError('INVALID_ARGUMENT', '--annex shows names, and needs --justification with the reason', EXIT.usage)
  if (!annex && justification !== undefined) throw new CliError('INVALID_ARGUMENT', '--justification belongs to --annex', EXIT.usage)
  return justification
}

/** What ends early was broken off by the server, or the file could not be written. */
async function broken(copying: Promise<void>): Promise<void> {
  try {
    await copying
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error
    throw new CliError('EXPORT_ABORTED', 'the export broke off before its end; nothing was kept', EXIT.unexpected, { cause: error })
  }
}
