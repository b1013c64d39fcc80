import { z } from 'zod'

/** What a call cost, and by which price and rate: `rate_micro_eur` is millionths of a euro for one unit of `currency`. */
export const Cost = z.strictObject({
  micro_eur: z.int().min(0),
  currency: z.string(),
  rate_micro_eur: z.int(),
  price_read_on: z.iso.date(),
  rate_read_on: z.iso.date(),
})
export type Cost = z.infer<typeof Cost>

/** What one kind of call cost in a period. */
const CostLine = z.strictObject({
  processor: z.string(),
  model: z.string(),
  task: z.string(),
  purpose: z.string().nullable(),
  calls: z.int(),
  /** Of them, those whose model has no price: their cost is not in `micro_eur`. */
  unpriced_calls: z.int(),
  tokens_in: z.int(),
  tokens_out: z.int(),
  micro_eur: z.int(),
})

/** `from` and `to` are times, ISO 8601, the second excluded; null: without end. */
export const CostReport = z.strictObject({
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  micro_eur: z.int(),
  calls: z.int(),
  unpriced_calls: z.int(),
  lines: z.array(CostLine),
})
export type CostReport = z.infer<typeof CostReport>
