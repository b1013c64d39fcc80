import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { outcomeOf, type RecordFilters } from '../../../shared/contracts/records.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { type Section, writePdf } from '../pdf/report.ts'
import { type ExportPage, parseEvent } from './formats.ts'
import { addToSummary, emptySummary, type RecordSummary } from './summary.ts'

/** Some thousand pages: more is read by nobody, and is counted before it is begun. */
export const RECORDS_PDF_EVENTS_MAX = 20_000

const WORDS = {
  intent: 'begun',
  completed: 'completed',
  failed: 'failed',
  refused: 'refused',
  outcome_unknown: 'outcome unknown',
} as const satisfies Record<ReturnType<typeof outcomeOf>, string>

const COUNT = { width: 2, align: 'right' } as const

interface PdfServices {
  database: Database
  register: ProcessorRegister
}

/** The record as a report: what it comes to, then every event. The pages are read twice: the sums stand before what they are of. */
export async function writeRecordsPdf(
  { database, register }: PdfServices,
  tenantId: string,
  filters: RecordFilters,
  pages: () => AsyncIterable<ExportPage>,
): Promise<AsyncIterable<Buffer>> {
  const organisation = await withTenant(database, tenantId, (tx) =>
    tx.selectFrom('tenants').select('name').where('id', '=', tenantId).executeTakeFirst(),
  )
  const summary = emptySummary()
  for await (const { rows } of pages()) for (const row of rows) addToSummary(summary, parseEvent(row))
  const date = new Date()
  const name = organisation?.name ?? tenantId
  return writePdf({
    title: filters.document === undefined ? 'Record of processing' : 'Record of processing of one document',
    subtitle: `${name} · ${periodOf(filters, summary)}`,
    footer: `${name} · record of processing (GDPR Art. 5(2), 30) · made on ${minuteOf(date.toISOString())} UTC`,
    date,
    sections: sectionsOf(name, filters, summary, register, pages),
  })
}

function* sectionsOf(
  organisation: string,
  filters: RecordFilters,
  summary: RecordSummary,
  register: ProcessorRegister,
  pages: () => AsyncIterable<ExportPage>,
): Generator<Section> {
  const { from: _from, to: _to, document, ...others } = filters
  const chosen = Object.entries(others).map(([name, value]) => `${name.replace('_', ' ')} ${value}`)
  yield {
    heading: 'What this report covers',
    facts: [
      ['Organisation', organisation],
      ...(document === undefined ? [] : [['Document', document] satisfies [string, string]]),
      ['Period', periodOf(filters, summary)],
      ['Only events with', chosen.length > 0 ? chosen.join(', ') : 'no restriction: all events of the period'],
      ['Events', summary.events.toLocaleString('en')],
      ['Earliest and latest', summary.first && summary.last ? `${secondOf(summary.first)} and ${secondOf(summary.last)} UTC` : 'none'],
    ],
    paragraphs: [
      `Every event of the selection is here: a report of more than ${RECORDS_PDF_EVENTS_MAX.toLocaleString('en')} events is refused, not shortened. No event names a file or a person.`,
    ],
  }
  if (summary.events === 0) return
  yield operationsOf(summary)
  if (summary.processors.size > 0) yield processorsOf(summary, register)
  if (summary.rules.size > 0) yield rulesOf(summary)
  yield {
    heading: 'Events, oldest first',
    table: {
      columns: [
        { title: 'When (UTC)', width: 17 },
        { title: 'What', width: 20 },
        ...(document === undefined ? [{ title: 'Document', width: 22 }] : []),
        { title: 'Why, by whom and how', width: 41 },
      ],
      rows: eventRows(pages(), document === undefined),
    },
  }
}

function operationsOf({ operations }: RecordSummary): Section {
  const count = (value: number) => (value === 0 ? '–' : value.toLocaleString('en'))
  return {
    heading: 'Operations',
    paragraphs: [
      'A call to a model is two events: it is begun before a byte is sent, and then completed, failed, refused or of unknown outcome.',
    ],
    table: {
      columns: [{ title: 'Operation', width: 3 }, ...Object.values(WORDS).map((title) => ({ title, ...COUNT }))],
      rows: [...operations]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([operation, counts]) => [
          operation,
          ...(Object.keys(WORDS) as (keyof typeof WORDS)[]).map((outcome) => count(counts[outcome])),
        ]),
    },
  }
}

function processorsOf({ processors }: RecordSummary, register: ProcessorRegister): Section {
  return {
    heading: 'Processors and countries',
    paragraphs: [
      'Country: of the legal entity that the contract is with, by the register as it is today. Region: of the endpoint that was called.',
    ],
    table: {
      columns: [
        { title: 'Processor', width: 3 },
        { title: 'Legal entity', width: 5 },
        { title: 'Country', width: 2 },
        { title: 'Region', width: 2 },
        { title: 'Sent', ...COUNT },
        { title: 'Refused', ...COUNT },
        { title: 'Unknown', ...COUNT },
      ],
      rows: [...processors]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, { regions, sent, refused, unknown }]) => {
          const entity = register.processors.find((entry) => entry.key === key)?.legal_entity
          const counts = [sent, refused, unknown].map((value) => value.toLocaleString('en'))
          return [key, entity?.entity ?? 'not in the register', entity?.country ?? 'unknown', [...regions].join(', '), ...counts]
        }),
    },
  }
}

function rulesOf({ rules }: RecordSummary): Section {
  return {
    heading: 'Rules of the policy',
    table: {
      columns: [
        { title: 'Rule', width: 6 },
        { title: 'Allowed', ...COUNT },
        { title: 'Refused', ...COUNT },
      ],
      rows: [...rules]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([rule, { allowed, refused }]) => [rule, allowed.toLocaleString('en'), refused.toLocaleString('en')]),
    },
  }
}

async function* eventRows(pages: AsyncIterable<ExportPage>, withDocument: boolean): AsyncGenerator<string[]> {
  for await (const { rows } of pages)
    for (const row of rows) {
      const event = parseEvent(row)
      const what = `${event.operation} (${event.step.replaceAll('_', ' ')})\n${WORDS[outcomeOf(event)]}${event.error_code ? `: ${event.error_code}` : ''}`
      yield [secondOf(event.time), what, ...(withDocument ? [documentsOf(event)] : []), detailsOf(event)]
    }
}

function documentsOf({ doc_ref, revision, hits }: ProcessingEvent): string {
  // In two lines, broken where a person would.
  if (doc_ref !== null) return `${doc_ref.slice(0, 19)}\n${doc_ref.slice(19)}${revision === null ? '' : ` · rev. ${revision}`}`
  const others = new Set(hits.map((hit) => hit.doc_ref)).size
  return others === 0 ? '–' : `${others} document${others === 1 ? '' : 's'}`
}

function detailsOf(event: ProcessingEvent): string {
  const { recipient, model, policy, minimisation, transfer, retention } = event
  const masked = Object.values(minimisation?.before ?? {}).reduce((sum, count) => sum + (count ?? 0), 0)
  const lines = [
    [event.purpose, event.legal_basis, event.art9_basis].filter(Boolean).join(', '),
    recipient &&
      `${recipient.processor}, region ${recipient.region}${model ? `: ${model.returned ?? model.requested} (${model.task})` : ''}`,
    transfer && `to ${transfer.country}: ${transfer.importer}, ${transfer.mechanism}`,
    policy &&
      `rule ${policy.rule ?? 'none'}: ${policy.outcome}${policy.failed.map(({ requirement, found }) => `; ${requirement}: ${found}`).join('')}`,
    [
      model?.cost && model.cost.micro_eur > 0 && `${(model.cost.micro_eur / 1_000_000).toFixed(6)} EUR`,
      masked > 0 && `${masked} values masked before sending`,
    ]
      .filter(Boolean)
      .join(' · '),
    [event.special && 'special categories (Art. 9)', event.criminal && 'criminal offences (Art. 10)'].filter(Boolean).join(' · '),
    retention &&
      `kept by ${retention.rule}${retention.erase_after ? ` until ${retention.erase_after.slice(0, 10)}` : ''}${retention.hold ? ', on hold' : ''}`,
    storesOf(event),
    event.justification_commit && 'with a written justification',
  ]
  return lines.filter(Boolean).join('\n') || '–'
}

/** What an erasure left is what its probes found; of any other operation it is what stands there now. */
function storesOf({ operation, stores }: ProcessingEvent): string {
  const found = stores.map(({ store, kind, remaining }) => `${remaining.toLocaleString('en')} ${kind} in ${store}`).join(', ')
  return found && (operation === 'Erase' ? `left after it: ${found}` : `stored: ${found}`)
}

function periodOf({ from, to }: RecordFilters, { first, last }: RecordSummary): string {
  if (from === undefined && to === undefined) return first && last ? `${first.slice(0, 10)} to ${last.slice(0, 10)}` : 'everything so far'
  const words = [from && `from ${minuteOf(from)} UTC`, to && `to before ${minuteOf(to)} UTC`]
  return words.filter(Boolean).join(' ')
}

const secondOf = (time: string) => time.slice(0, 19).replace('T', ' ')
const minuteOf = (time: string) => time.slice(0, 16).replace('T', ' ')
