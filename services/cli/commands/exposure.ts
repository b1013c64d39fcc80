import { writeFile } from 'node:fs/promises'
import { EXPOSED_DOCUMENTS_MAX, type ExposedDocument, type ExposureReport } from '../../../shared/contracts/exposure.ts'
import { type Cell, toCsv } from '../../../shared/exports/csv.ts'
import type { Client } from '../client.ts'
import { type CommandContext, connect } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { printTable } from '../print/table.ts'
import { clean, countText } from '../print/text.ts'

interface Interval {
  processor: string
  from: string
  to: string
}

interface Choices {
  csv: boolean
  draft?: string | undefined
  awareAt?: string | undefined
}

/** `greffier exposure --processor X --from --to [--csv] [--draft FILE --aware-at TIME]`: what leaked where something leaked. */
export async function exposure(context: CommandContext, question: Interval, { csv, draft, awareAt }: Choices): Promise<ExitCode> {
  const { output } = context
  const client = await connect(context)
  if (draft !== undefined) await writeFile(draft, await client.exposureDraft({ ...question, aware_at: awareAt }))
  if (csv) {
    await printCsv(output, client, question)
    return EXIT.ok
  }
  const report = await client.exposure({ ...question })
  output.value(report)
  printReport(output, report)
  if (draft !== undefined) output.line(`The draft of a notification is in ${clean(draft)}; what is to be filled in says so.`)
  return EXIT.ok
}

const COLUMNS = [
  'document_id',
  'erased_at',
  'sensitivity',
  'data_classes',
  'special',
  'criminal',
  'data_categories',
  'subject_categories',
  'purposes',
  'tasks',
  'processors',
  'known_then',
  'calls',
  'calls_without_outcome',
  'masking',
  'first_sent',
  'last_sent',
] as const satisfies readonly (keyof ExposedDocument)[]

/** Page by page, however many there are. */
async function printCsv(output: Output, client: Client, question: Interval): Promise<void> {
  const print = (rows: readonly (readonly Cell[])[]) => {
    if (!output.json) output.stdout.write(toCsv(rows))
  }
  print([[...COLUMNS, 'held_until', 'held_basis', 'held_until_by_todays_register']])
  let cursor: string | undefined
  do {
    const page: ExposureReport = await client.exposure({ ...question, limit: String(EXPOSED_DOCUMENTS_MAX), cursor })
    print(
      page.documents.map((document) => {
        const { held, held_by_todays_register: today } = document
        return [...COLUMNS.map((name) => document[name]), held.until, held.basis, today ? today.until : held.until]
      }),
    )
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
}

function printReport(output: Output, { asked, totals, paths, documents, next_cursor, notes }: ExposureReport): void {
  if (!totals) return
  const rows = paths.map((path) => [
    String(path.documents),
    String(path.calls),
    clean([path.processor, path.subprocessor].filter(Boolean).join(' → ')),
    clean(path.region),
    clean(path.countries.join(', ') || 'unknown'),
    countsText(path.masking),
    path.known_then ? (path.known_now ? 'then and now' : 'then') : 'now only',
  ])
  printTable(output, ['documents', 'calls', 'path', 'region', 'countries', 'calls by masking', 'known'], rows, ['right', 'right'])
  output.line()
  const lines = documents.map(({ document_id, sensitivity, special, criminal, masking, held }) => [
    document_id,
    sensitivity,
    [special ? 'Art. 9' : '', criminal ? 'Art. 10' : ''].filter(Boolean).join(' ') || '-',
    masking.join(' '),
    held.until === null ? (held.basis === 'unknown' ? 'no known end: retention unknown' : 'no known end') : held.until,
  ])
  printTable(output, ['document', 'sensitivity', 'special', 'masking', 'held until'], lines)
  if (next_cursor !== null) output.line(output.paint('dim', 'there are more; --csv prints all of them'))
  output.line(`data categories: ${countsText(totals.data_categories)}; of whom: ${countsText(totals.subject_categories)}`)
  const subjects =
    totals.subjects === null
      ? 'an unknown number of data subjects'
      : `${totals.subjects.at_least ? 'at least ' : ''}${countText(totals.subjects.count, 'data subject')}`
  output.line(
    `${output.paint('bold', clean(asked.processor))} held ${countText(totals.documents, 'document')} of ${subjects} from ${asked.from} to ${asked.to}: ${totals.documents_special} special, ${totals.documents_criminal} criminal, ${totals.documents_erased} erased here since`,
  )
  for (const note of notes) output.line(output.paint('dim', `· ${clean(note)}`))
}

/** How many of each, for a person. */
function countsText(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, count]) => `${clean(name).replaceAll('_', ' ')} ${count}`)
      .join(', ') || 'none on record'
  )
}
