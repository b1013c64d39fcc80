import canonicalize from 'canonicalize'
import type { Client } from 'pg'
import type { ExportFormat } from '../shared/contracts/records.ts'
import { FULL_EVENT } from '../test/support/full-event.ts'
import { DeliveryError, expectExactly, type Options } from './options.ts'
import { peakRssOf } from './processes.ts'
import { connectAsOwner } from './product.ts'
import { type Row, single } from './report.ts'
import { openStack, type Service } from './stack.ts'

const FEW = 100_000
const MANY = 1_000_000
const QUICK_SHARE = 0.02
/** As many as a PDF may have, less those that the exports themselves add. */
const PDF_EVENTS = 19_000
const FIRST_MS = Date.parse('2026-01-01T00:00:00Z')
/** Between two events of the record that is made. */
const STEP_SECONDS = 20
const DOCUMENTS = 5_000
const SAMPLE_MS = 100
const MEGABYTE = 1_000_000
const FLAT = { of: 'product', atMost: 1.25 } as const
/** A completed call to a model, the longest of the events that a document has many of: 2 kB. */
const EVENT = { ...FULL_EVENT, human: null, hits: [], stores: [], justification_commit: null, output_hash: null, transfer: null }
/** Lines of a file that are no event. */
const OTHER_LINES = { jsonl: 0, csv: 1, jsonld: 2 } as const

/**
 * Exports of one tenant's whole record by a compliance service of its own: events a second as the reader sees them, and the service's memory, with a tenth of the
 * events and with all.
 */
export async function run({ quick, say }: Options): Promise<Row[]> {
  const share = quick ? QUICK_SHARE : 1
  const stack = await openStack('postgres')
  const service = await stack.service('compliance')
  const owner = await connectAsOwner(stack.postgres.ownerUrl)
  const at = { service, owner, apiKey: stack.apiKey }
  const rows: Row[] = []
  say(`exports, ${FEW * share} events`)
  await makeEvents(owner, 0, FEW * share)
  // What is compiled and cached once is in no figure.
  await exportAll(at, 'jsonl')
  const few = new Map<ExportFormat, Exported>()
  for (const format of ['jsonl', 'csv', 'jsonld'] as const) few.set(format, await exportAll(at, format))
  say(`exports, PDF of ${PDF_EVENTS * share} events`)
  rows.push(single({ name: 'export, pdf', unit: 'events/s', product: await exportPdf(at, PDF_EVENTS * share), goal: null }))
  say(`exports, up to ${MANY * share} events`)
  await makeEvents(owner, FEW * share, MANY * share)
  for (const format of ['jsonl', 'csv', 'jsonld'] as const) {
    say(`exports, ${format} of ${MANY * share} events`)
    const { eventsPerSecond, peakBytes } = await exportAll(at, format)
    const before = few.get(format)?.peakBytes ?? 0
    const note = `peak of the service ${(before / MEGABYTE).toFixed(0)} MB with ${FEW * share} events and ${(peakBytes / MEGABYTE).toFixed(0)} MB with ${MANY * share}`
    say(note)
    rows.push(single({ name: `export, ${format}, ${MANY * share} events`, unit: 'events/s', product: eventsPerSecond, goal: null }))
    rows.push(single({ name: `export, ${format}, memory`, unit: 'ratio of peaks', product: peakBytes / before, goal: FLAT, note }))
  }
  await owner.end()
  await stack.close()
  return rows
}

interface At {
  service: Service
  owner: Client
  apiKey: string
}

interface Exported {
  eventsPerSecond: number
  peakBytes: number
}

async function exportAll({ service, owner, apiKey }: At, format: keyof typeof OTHER_LINES): Promise<Exported> {
  const events = await count(owner)
  const startedAtMs = performance.now()
  const { peakBytes } = await peakRssOf(
    [service.pid],
    async () => {
      let lines = 0
      for await (const chunk of await download(service, apiKey, `format=${format}`))
        lines += linesOf(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
      expectExactly(`lines of ${format}`, lines, events + OTHER_LINES[format])
    },
    SAMPLE_MS,
  )
  return { eventsPerSecond: (events / (performance.now() - startedAtMs)) * 1_000, peakBytes }
}

/** By the search of the engine: byte by byte, the reader would be what is measured. */
function linesOf(chunk: Buffer): number {
  let lines = 0
  for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) lines++
  return lines
}

async function exportPdf({ service, apiKey }: At, events: number): Promise<number> {
  const to = new Date(FIRST_MS + events * STEP_SECONDS * 1_000).toISOString()
  const startedAtMs = performance.now()
  let tail = Buffer.alloc(0)
  for await (const chunk of await download(service, apiKey, `format=pdf&to=${to}`)) tail = Buffer.concat([tail, chunk]).subarray(-32)
  if (!tail.toString('latin1').trimEnd().endsWith('%%EOF')) throw new DeliveryError('the PDF has no end')
  return (events / (performance.now() - startedAtMs)) * 1_000
}

async function download({ url }: Service, apiKey: string, query: string): Promise<AsyncIterable<Uint8Array>> {
  const response = await fetch(`${url}/v1/records/export?${query}`, { headers: { authorization: `Bearer ${apiKey}` } })
  if (!response.ok || !response.body) throw new DeliveryError(`an export was answered with ${response.status}: ${await response.text()}`)
  return response.body
}

/** Events `from` to `to` of a record, as `appendEvent` writes them: the same columns, with as many different documents as an archive has. */
async function makeEvents(owner: Client, from: number, to: number): Promise<void> {
  const body = canonicalize(EVENT) as string
  // What would take most of the time and is no part of what is measured: references are checked, and the index of documents is kept, row by row.
  await owner.query('SET session_replication_role = replica; DROP INDEX events_documents')
  await owner.query(
    `INSERT INTO events (id, tenant_id, document_ids, phase, body, occurred_at, operation, outcome, purpose, legal_basis, processor)
     SELECT id, t.id_of, ARRAY[document], 'completed',
       replace(replace(replace($1, $2, id::text), $3, document::text), $4, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
       at, $5, 'completed', $6, $7, $8
     FROM (SELECT id AS id_of FROM tenants LIMIT 1) t,
       LATERAL (SELECT n, gen_random_uuid() AS id, ('00000000-0000-4000-8000-' || lpad((n % ${DOCUMENTS})::text, 12, '0'))::uuid AS document,
         to_timestamp(${FIRST_MS / 1_000} + n * ${STEP_SECONDS}) AS at FROM generate_series($9::int, $10::int - 1) n) made`,
    [
      body,
      EVENT.event_id,
      EVENT.doc_ref,
      EVENT.time,
      EVENT.operation,
      EVENT.purpose,
      EVENT.legal_basis,
      EVENT.recipient?.processor,
      from,
      to,
    ],
  )
  await owner.query('SET session_replication_role = origin; CREATE INDEX events_documents ON events USING gin (document_ids)')
  await owner.query('VACUUM ANALYZE events')
}

async function count(owner: Client): Promise<number> {
  return (await owner.query<{ n: number }>('SELECT count(*)::int AS n FROM events')).rows[0]?.n ?? 0
}
