import { z } from 'zod'
import { DataClass, MediaType, Purpose, Sensitivity } from './document.ts'

/** What a call cost, and by which price and rate: `rate_micro_eur` is millionths of a euro for one unit of `currency`. */
export const Cost = z.strictObject({
  micro_eur: z.int().min(0),
  currency: z.string(),
  rate_micro_eur: z.int(),
  price_read_on: z.iso.date(),
  rate_read_on: z.iso.date(),
  /** What was counted, where it was not tokens. */
  basis: z.enum(['pages', 'server_hours']).optional(),
})
export type Cost = z.infer<typeof Cost>

const sums = {
  calls: z.int(),
  /** Of them, those whose model has no price: their cost is not in `micro_eur`. */
  unpriced_calls: z.int(),
  tokens_in: z.int(),
  /** Of `tokens_in`, those that a provider read from its cache. */
  tokens_cached: z.int(),
  tokens_out: z.int(),
  micro_eur: z.int(),
}

/** What one kind of call cost in a period. */
const CostLine = z.strictObject({
  processor: z.string(),
  model: z.string(),
  task: z.string(),
  purpose: z.string().nullable(),
  ...sums,
})

export const CostGrouping = z.enum(['document', 'purpose', 'processor', 'day'])
export type CostGrouping = z.infer<typeof CostGrouping>

/** `key` null: of a document, calls that concern several of them or none (questions and their answers); of a purpose, calls without one. */
const CostGroup = z.strictObject({ key: z.string().nullable(), ...sums })

/**
 * Of one tenant, the API key's. `from` and `to` are times, ISO 8601, the second excluded; null: without end. `document_id` not null: only calls that
 * contained that document, each with its whole cost, even where it showed others too.
 */
export const CostReport = z.strictObject({
  tenant_id: z.uuid(),
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  document_id: z.uuid().nullable(),
  micro_eur: z.int(),
  calls: z.int(),
  unpriced_calls: z.int(),
  lines: z.array(CostLine),
  /** The same sum cut another way, where it was asked for: days in order (UTC), everything else with the dearest first. */
  by: CostGrouping.nullable(),
  groups: z.array(CostGroup),
  /** Groups beyond the bound of one answer: the cheapest, or the oldest days. */
  groups_left_out: z.int(),
})
export type CostReport = z.infer<typeof CostReport>

const ESTIMATED_DOCUMENTS_MAX = 10_000
const BYTES_MAX = 1_000_000_000_000
const PAGES_MAX = 1_000_000

/** A document as far as it is known before it is uploaded. */
export const EstimatedDocument = z.strictObject({
  bytes: z.int().min(0).max(BYTES_MAX),
  media_type: MediaType,
  pages: z.int().min(1).max(PAGES_MAX).optional(),
})
export type EstimatedDocument = z.infer<typeof EstimatedDocument>

export const CostEstimateRequest = z.strictObject({
  documents: z.array(EstimatedDocument).min(1).max(ESTIMATED_DOCUMENTS_MAX),
  data_classes: z.array(DataClass).min(1).max(4).optional(),
  sensitivity: Sensitivity.optional(),
  purpose: Purpose.default('document_processing'),
})
export type CostEstimateRequest = z.infer<typeof CostEstimateRequest>

/** At least and at most, as far as the assumptions hold. */
export const Span = z.strictObject({ low: z.int().min(0), high: z.int().min(0) })
export type Span = z.infer<typeof Span>

const EstimatedTask = z.strictObject({
  task: z.string(),
  /** Null: the policy allows nobody, and there will be no call. */
  processor: z.string().nullable(),
  region: z.string().nullable(),
  model: z.string().nullable(),
  /** By which the first provider that is allowed, else the first one that is asked, was decided. */
  rule: z.string().nullable(),
  calls: Span,
  tokens_in: Span,
  tokens_out: Span,
  /** Null: the model has no price. */
  micro_eur: Span.nullable(),
})
export type EstimatedTask = z.infer<typeof EstimatedTask>

/** What a batch will probably use. `micro_eur` is of the tasks with a price; `unpriced_tasks` names the others. */
export const CostEstimate = z.strictObject({
  documents: z.int(),
  pages: Span,
  calls: Span,
  tokens: Span,
  micro_eur: Span,
  unpriced_tasks: z.array(z.string()),
  tasks: z.array(EstimatedTask),
  /** In words: what was taken for granted, and from where. */
  assumptions: z.array(z.string()),
})
export type CostEstimate = z.infer<typeof CostEstimate>
