import { ProcessingEvent } from '../../../shared/contracts/record.ts'
import type { Annexes, ExportFormat } from '../../../shared/contracts/records.ts'
import type { RecordedEvent } from '../../../shared/database/records.ts'
import { toCsv } from '../../../shared/exports/csv.ts'
import { CSV_HEAD, csvRow } from './csv.ts'
import { toNode } from './json-ld.ts'
import { RECORD_CONTEXT } from './json-ld-context.ts'

/** Events that came together; `annexes` only where they were asked for. */
export interface ExportPage {
  rows: readonly RecordedEvent[]
  annexes: Annexes | null
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
  for await (const { rows, annexes } of pages)
    yield rows.map((row) => `${annexes === null ? row.body : `{"event":${row.body},"annexes":${annexesOf(row, annexes)}}`}\n`).join('')
}

function annexesOf({ document_ids }: RecordedEvent, annexes: Annexes): string {
  return JSON.stringify(Object.fromEntries(document_ids.map((id) => [id, annexes[id] ?? null])))
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
