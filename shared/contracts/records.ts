import { z } from 'zod'
import { Purpose } from './document.ts'
import { AnnexView, LegalBasis, Operation, OrderedBy, ProcessingEvent } from './record.ts'

export const RECORDS_PAGE_MAX = 1_000
const RECORDS_PAGE = 100
/** With the annex: the access names each document, and an event has room for as many. */
export const ANNEXED_DOCUMENTS_MAX = 400

/** How an operation ended. `failed` is the completed event of something that did not work; the others are phases. */
export const Outcome = z.enum(['intent', 'completed', 'failed', 'refused', 'outcome_unknown'])
export type Outcome = z.infer<typeof Outcome>

export function outcomeOf({ phase, result }: Pick<ProcessingEvent, 'phase' | 'result'>): Outcome {
  return phase === 'completed' && result === 'failed' ? 'failed' : phase
}

const Filters = {
  document: z.uuid().optional(),
  /** A random id of the subject index, as `POST /v1/subjects/find` gives it; it leads to documents that are here still. */
  subject: z.uuid().optional(),
  processor: z.string().trim().min(1).max(200).optional(),
  purpose: Purpose.optional(),
  legal_basis: LegalBasis.optional(),
  operation: Operation.optional(),
  outcome: Outcome.optional(),
  /** By the event's own time: `from` belongs to the period, `to` does not. */
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
} as const

const flag = z.enum(['true', 'false']).default('false')

/** All filters hold together. */
export const RecordFilters = z.strictObject(Filters)
export type RecordFilters = z.infer<typeof RecordFilters>

export const RecordsQuestion = z
  .strictObject({
    ...Filters,
    limit: z.coerce.number().int().min(1).max(RECORDS_PAGE_MAX).default(RECORDS_PAGE),
    /** The event that the page before ended with. */
    cursor: z.uuid().optional(),
    annex: flag,
  })
  .refine(isPeriod, { path: ['to'], message: 'ends before it begins' })
export type RecordsQuestion = z.infer<typeof RecordsQuestion>

export const ExportFormat = z.enum(['jsonl', 'csv', 'jsonld', 'pdf'])
export type ExportFormat = z.infer<typeof ExportFormat>

export const RecordsExport = z
  .strictObject({ ...Filters, format: ExportFormat, annex: flag })
  .refine(isPeriod, { path: ['to'], message: 'ends before it begins' })
export type RecordsExport = z.infer<typeof RecordsExport>

export const AnnexQuestion = z.strictObject({ annex: flag })

/** By document. */
export const Annexes = z.record(z.uuid(), AnnexView)
export type Annexes = z.infer<typeof Annexes>

export const RecordsPage = z.strictObject({
  events: z.array(ProcessingEvent),
  next_cursor: z.uuid().nullable(),
  /** Only where they were asked for, with a justification. */
  annexes: Annexes.optional(),
  ordered_by: OrderedBy.optional(),
})
export type RecordsPage = z.infer<typeof RecordsPage>

/** By which API key somebody looked, and why, in the words of then. */
export const RecordAccess = z.strictObject({ access_id: z.uuid(), key_id: z.uuid(), justification: z.string(), time: z.iso.datetime() })
export type RecordAccess = z.infer<typeof RecordAccess>

function isPeriod({ from, to }: Pick<RecordFilters, 'from' | 'to'>): boolean {
  return from === undefined || to === undefined || Date.parse(from) <= Date.parse(to)
}
