import { ProcessingEvent } from '../../../shared/contracts/record.ts'
import type { ExportFormat } from '../../../shared/contracts/records.ts'
import type { RecordedEvent } from '../../../shared/database/records.ts'
import { toCsv } from '../../../shared/exports/csv.ts'
import type { Names } from './annex.ts'
import { CSV_HEAD, csvRow } from './csv.ts'
import { toNode } from './json-ld.ts'
import { RECORD_CONTEXT } from './json-ld-context.ts'

/** Events that came together; `names` only where they were asked for. */
export interface ExportPage {
  rows: readonly RecordedEvent[]
  names: Names | null
}

interface TextFormat {
  mediaType: string
  write(pages: AsyncIterable<ExportPage>): AsyncIterable<string>
}

/** Each as its pages come: no more than one of them is held. */
export const TEXT_FORMATS = {
  jsonl: { mediaType: 'application/jsonl; charset=utf-8', write: jsonLines },
  csv: { mediaType: 'text/csv; charset=utf-8; header=present', write: csv },
  jsonld: { mediaType: 'application/ld+json', write: jsonLd },
} as const satisfies Record<Exclude<ExportFormat, 'pdf'>, TextFormat>

export function parseEvent({ body }: RecordedEvent): ProcessingEvent {
  return ProcessingEvent.parse(JSON.parse(body))
}

/** The canonical text of each event, which the log commits to, as it is. */
async function* jsonLines(pages: AsyncIterable<ExportPage>): AsyncGenerator<string> {
  for await (const { rows, names } of pages) yield rows.map((row) => `${names === null ? row.body : withNames(row, names)}\n`).join('')
}

function withNames({ id, document_ids, body }: RecordedEvent, { annexes, ordered_by }: Names): string {
  const own = Object.fromEntries(document_ids.map((document) => [document, annexes[document] ?? null]))
  return `{"event":${body},"annexes":${JSON.stringify(own)},"ordered_by":${JSON.stringify(ordered_by[id] ?? null)}}`
}

async function* csv(pages: AsyncIterable<ExportPage>): AsyncGenerator<string> {
  yield toCsv([CSV_HEAD])
  for await (const { rows } of pages) yield toCsv(rows.map((row) => csvRow(parseEvent(row))))
}

async function* jsonLd(pages: AsyncIterable<ExportPage>): AsyncGenerator<string> {
  yield `{"@context":${JSON.stringify(RECORD_CONTEXT)},"@graph":[`
  let separator = '\n'
  for await (const { rows } of pages) {
    yield rows
      .map((row) => {
        const line = `${separator}${JSON.stringify(toNode(parseEvent(row)))}`
        separator = ',\n'
        return line
      })
      .join('')
  }
  yield '\n]}\n'
}
