import { z } from 'zod'
import type { Cost } from '../contracts/cost.ts'
import { Evidenced } from './register.ts'

/** ISO 4217. */
const Currency = z.string().regex(/^[A-Z]{3}$/, 'an ISO 4217 code such as USD')
/** Millionths, so that no sum needs floating point. */
const Micro = z.int().min(0).max(1_000_000_000_000)

/** What a processor asks for a million tokens of a model, in millionths of `currency`. `models` are names, or beginnings that end in `*`. */
const Price = z.strictObject({
  processor: z.string().min(1),
  models: z.array(z.string().min(1).max(200)).min(1).max(100),
  currency: Currency,
  input_micro: Micro,
  output_micro: Micro,
  /** Per cent of the price in a region that costs more or less; 100 where it is not named. */
  region_percent: z.record(z.string(), z.int().min(1).max(1_000)).default({}),
  ...Evidenced.shape,
})

/** Dated: a call is priced by what this list says on its day, and the event keeps the rate and both days. */
export const PriceList = z
  .strictObject({
    version: z.literal(1),
    notice: z.string().min(1),
    /** Millionths of a euro for one unit of a currency. */
    rates: z
      .array(z.strictObject({ currency: Currency, micro_eur: Micro.min(1), ...Evidenced.shape }))
      .max(100)
      .refine((list) => new Set(list.map(({ currency }) => currency)).size === list.length, 'two rates for one currency'),
    prices: z.array(Price).max(1_000),
  })
  .refine(({ rates, prices }) => prices.every(({ currency }) => rates.some((rate) => rate.currency === currency)), {
    path: ['prices'],
    message: 'a price is in a currency without a rate',
  })
export type PriceList = z.infer<typeof PriceList>

export interface PricedCall {
  processor: string
  region: string
  model: string
  tokens_in: number
  /** Of `tokens_in`, those read from a cache. */
  tokens_cached: number
  tokens_out: number
}

const MILLION = 1_000_000n
const HUNDRED = 100n

/** Millionths of a euro, rounded up; null where the list holds no price for the model: what a call cost is then not known, which is not nothing. */
export function costOf({ prices, rates }: PriceList, call: PricedCall): Cost | null {
  const price = prices.find(({ processor, models }) => processor === call.processor && models.some((name) => fits(name, call.model)))
  const rate = rates.find(({ currency }) => currency === price?.currency)
  if (!price || !rate) return null
  const tokens = BigInt(call.tokens_in) * BigInt(price.input_micro) + BigInt(call.tokens_out) * BigInt(price.output_micro)
  const scaled = tokens * BigInt(rate.micro_eur) * BigInt(price.region_percent[call.region] ?? 100)
  const unit = MILLION * MILLION * HUNDRED
  return {
    micro_eur: Number((scaled + unit - 1n) / unit),
    currency: price.currency,
    rate_micro_eur: rate.micro_eur,
    price_read_on: price.read_on,
    rate_read_on: rate.read_on,
  }
}

function fits(name: string, model: string): boolean {
  return name.endsWith('*') ? model.startsWith(name.slice(0, -1)) : name === model
}
