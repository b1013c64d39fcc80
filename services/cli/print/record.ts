import type { DocumentRecord, OrderedBy, ProcessingEvent } from '../../../shared/contracts/record.ts'
import type { Annexes } from '../../../shared/contracts/records.ts'
import type { Output } from '../output.ts'
import { alignRows, printTable } from './table.ts'
import { clean, countText } from './text.ts'

/** One line per processing operation: time, operation, phase, purpose, who did it, and who ordered it where that is told. */
export function printRecord(output: Output, { document_id, events, complete, ordered_by }: DocumentRecord): void {
  const head = ['time (UTC)', 'operation', 'step', 'phase', 'purpose', 'processor / model', ...(ordered_by ? ['ordered by'] : [])]
  const [title, ...lines] = alignRows([
    head,
    ...events.map((event) => [...row(event), ...(ordered_by ? [ordererOf(event, ordered_by)] : [])]),
  ])
  output.line(output.paint('dim', `  ${title}`))
  for (const line of lines) output.line(`  ${line}`)
  if (!complete)
    output.line(output.paint('dim', `  older ones are left out; all of them: greffier records --document ${document_id} --format jsonl`))
}

/** What `greffier records` is shown with a justification. */
export interface ShownNames {
  annexes: Annexes
  ordered_by: OrderedBy
}

/** The same of events of many documents; with `names`, by the name of the file where it is known still, and of the API key that ordered it. */
export function printRecords(output: Output, events: readonly ProcessingEvent[], names: ShownNames | null): void {
  const lines = events.map((event) => {
    const [time = '', operation = '', step = '', phase = '', ...rest] = row(event)
    return [time, operation, step, phase, event.doc_ref ?? countOthers(event), ...(names ? namesOf(event, names) : []), ...rest]
  })
  const named = names ? ['file', 'ordered by'] : []
  const head = ['time (UTC)', 'operation', 'step', 'phase', 'document', ...named, 'purpose', 'processor / model']
  printTable(output, head, lines)
}

function namesOf(event: ProcessingEvent, { annexes, ordered_by }: ShownNames): string[] {
  return [clean(annexes[event.doc_ref ?? '']?.file_name ?? '-'), ordererOf(event, ordered_by)]
}

function ordererOf({ event_id }: ProcessingEvent, orderedBy: OrderedBy): string {
  const key = orderedBy[event_id]
  return clean(key ? (key.name ?? key.key_id) : '-')
}

function countOthers({ hits }: ProcessingEvent): string {
  return hits.length === 0 ? '-' : countText(new Set(hits.map(({ doc_ref }) => doc_ref)).size, 'document')
}

function row(event: ProcessingEvent): string[] {
  const phase = [event.phase, event.error_code && `(${event.error_code})`].filter(Boolean).join(' ')
  return [timeText(event.time), event.operation, event.step, phase, event.purpose ?? '-', processorText(event)].map(clean)
}

function processorText(event: ProcessingEvent): string {
  const model = event.model && (event.model.returned ?? event.model.requested)
  const called = [event.recipient?.processor, model].filter(Boolean).join(' / ') || '-'
  const recogniser = event.minimisation?.recogniser
  return recogniser ? `${called}, names masked by ${recogniser.entity} at ${recogniser.endpoint}` : called
}

/** `2026-11-22T16:34:27.123Z` → `2026-11-22 16:34:27.123`. */
function timeText(time: string): string {
  return time.replace('T', ' ').replace('Z', '')
}
