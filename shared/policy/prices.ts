import { z } from 'zod'
import type { Cost } from '../contracts/cost.ts'
import { Country, Evidenced } from './register.ts'

/** ISO 4217. */
const Currency = z.string().regex(/^[A-Z]{3}$/, 'an ISO 4217 code such as USD')
/** Millionths, so that no sum needs floating point. */
const Micro = z.int().min(0).max(1_000_000_000_000)

/**
 * What a processor asks for a model, in millionths of `currency`: by token (for a million of them) or by page (for a thousand). `models` are names, or
 * beginnings that end in `*`; the first entry that fits a model is its price.
 */
const Price = z
  .strictObject({
    processor: z.string().min(1),
    models: z.array(z.string().min(1).max(200)).min(1).max(100),
    currency: Currency,
    input_micro: Micro.optional(),
    /** Of input that the provider reads from its cache; like other input where it is left out. */
    cached_input_micro: Micro.optional(),
    output_micro: Micro.optional(),
    per_1000_pages_micro: Micro.optional(),
    /** Per cent of the price in a region that costs more or less, whatever is billed there; 100 where it is not named. */
    region_percent: z.record(z.string(), z.int().min(1).max(1_000)).default({}),
    ...Evidenced.shape,
  })
  .refine(
    ({ input_micro, output_micro, cached_input_micro, per_1000_pages_micro }) =>
      per_1000_pages_micro === undefined
        ? input_micro !== undefined && output_micro !== undefined
        : [input_micro, output_micro, cached_input_micro].every((micro) => micro === undefined),
    'a price is by token (input_micro and output_micro) or by page (per_1000_pages_micro)',
  )
export type Price = z.infer<typeof Price>

/** What somebody measured of a model on a server of this kind, requests of several callers together. */
const Throughput = z.strictObject({
  model: z.string().min(1).max(200),
  tokens_per_second_in: z.int().min(1),
  tokens_per_second_out: z.int().min(1),
  ...Evidenced.shape,
})

/**
 * A server that can be rented to host a model oneself; it costs the same whether it is called or not. `processor` is what would serve the model on it.
 * `calls_at_once` is left to the operator: written at the one entry of a processor that is in use, it says how many calls share that server, and lets
 * a call cost its share of the server's time. Without it nobody can say what a single call costs.
 */
const ServerHour = z.strictObject({
  processor: z.string().min(1),
  server: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a short lower-case name such as hetzner-gex63'),
  name: z.string().min(1).max(200),
  /** Where it stands; left out where the offer has several places or the place was not read. */
  country: Country.optional(),
  currency: Currency,
  micro_per_hour: Micro,
  /** Where a whole month costs less than its hours. */
  micro_per_month: Micro.optional(),
  setup_micro: Micro.optional(),
  throughput: Throughput.optional(),
  calls_at_once: z.int().min(1).max(10_000).optional(),
  ...Evidenced.shape,
})
export type ServerHour = z.infer<typeof ServerHour>

/** Dated: a call is priced by what this list says on its day, and the event keeps the rate and both days. */
export const PriceList = z
  .strictObject({
    version: z.literal(1),
    notice: z.string().min(1),
    /** Millionths of a euro for one unit of a currency. */
    rates: z
      .array(z.strictObject({ currency: Currency, micro_eur: Micro.min(1), ...Evidenced.shape }))
      .max(100)
      .refine((list) => areDistinct(list.map(({ currency }) => currency)), 'two rates for one currency'),
    prices: z.array(Price).max(1_000),
    server_hours: z
      .array(ServerHour)
      .max(1_000)
      .default([])
      .refine((list) => areDistinct(list.map(({ processor, server }) => `${processor} ${server}`)), 'two prices for one server')
      .refine(
        (list) => areDistinct(list.filter(({ calls_at_once }) => calls_at_once !== undefined).map(({ processor }) => processor)),
        'calls_at_once at two servers of one processor: nobody could say which of them a call was on',
      ),
  })
  .refine(({ rates, prices }) => prices.every(({ currency }) => rates.some((rate) => rate.currency === currency)), {
    path: ['prices'],
    message: 'a price is in a currency without a rate',
  })
  .refine(({ rates, server_hours }) => server_hours.every(({ currency }) => rates.some((rate) => rate.currency === currency)), {
    path: ['server_hours'],
    message: 'a server is priced in a currency without a rate',
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
  /** Pages that were looked at, where the model is billed by page. */
  pages?: number
  /** From sending to the whole answer, where the model runs on a server of one's own. */
  duration_ms?: number
}

/** An amount of `currency` in millionths, as a fraction: it is rounded once, at the end. */
interface Amount {
  micro: bigint
  divisor: bigint
  currency: string
  read_on: string
  basis?: 'pages' | 'server_hours'
}

const MILLION = 1_000_000n
const HUNDRED = 100n
const THOUSAND = 1_000n
const HOUR_MS = 3_600_000n

/**
 * Millionths of a euro, rounded up; null where the list holds no price for the model: what a call cost is then not known, which is not nothing. On a server
 * of one's own a call costs its share of the server's time, where the operator says how many calls share it.
 */
export function costOf(list: PriceList, call: PricedCall): Cost | null {
  const price = priceOf(list, call.processor, call.model)
  const amount = price ? amountOf(price, call) : serverShare(list, call)
  return amount && inEuros(list, amount)
}

/** The entry by which a model is priced. */
function priceOf({ prices }: PriceList, processor: string, model: string): Price | undefined {
  return prices.find((price) => price.processor === processor && price.models.some((name) => fits(name, model)))
}

/** Millionths of a euro for some millionths of another currency, rounded up; null without a rate. */
export function microEur({ rates }: PriceList, currency: string, micro: bigint): number | null {
  const rate = rates.find((candidate) => candidate.currency === currency)
  return rate ? Number(roundedUp(micro * BigInt(rate.micro_eur), MILLION)) : null
}

function amountOf(price: Price, call: PricedCall): Amount | null {
  const { currency, read_on } = price
  const percent = BigInt(price.region_percent[call.region] ?? 100)
  if (price.per_1000_pages_micro !== undefined) {
    if (call.pages === undefined) return null
    const micro = BigInt(call.pages) * BigInt(price.per_1000_pages_micro) * percent
    return { micro, divisor: THOUSAND * HUNDRED, currency, read_on, basis: 'pages' }
  }
  const input = BigInt(price.input_micro ?? 0)
  const cachedInput = BigInt(price.cached_input_micro ?? price.input_micro ?? 0)
  const cached = BigInt(Math.min(call.tokens_cached, call.tokens_in))
  const tokens =
    (BigInt(call.tokens_in) - cached) * input + cached * cachedInput + BigInt(call.tokens_out) * BigInt(price.output_micro ?? 0)
  return { micro: tokens * percent, divisor: MILLION * HUNDRED, currency, read_on }
}

function serverShare({ server_hours }: PriceList, { processor, duration_ms }: PricedCall): Amount | null {
  const server = server_hours.find((entry) => entry.processor === processor && entry.calls_at_once !== undefined)
  if (server?.calls_at_once === undefined || duration_ms === undefined) return null
  const { currency, read_on, micro_per_hour, calls_at_once } = server
  return {
    micro: BigInt(Math.ceil(duration_ms)) * BigInt(micro_per_hour),
    divisor: HOUR_MS * BigInt(calls_at_once),
    currency,
    read_on,
    basis: 'server_hours',
  }
}

function inEuros({ rates }: PriceList, { micro, divisor, currency, read_on, basis }: Amount): Cost | null {
  const rate = rates.find((candidate) => candidate.currency === currency)
  if (!rate) return null
  return {
    micro_eur: Number(roundedUp(micro * BigInt(rate.micro_eur), divisor * MILLION)),
    currency,
    rate_micro_eur: rate.micro_eur,
    price_read_on: read_on,
    rate_read_on: rate.read_on,
    ...(basis && { basis }),
  }
}

function roundedUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator
}

function fits(name: string, model: string): boolean {
  return name.endsWith('*') ? model.startsWith(name.slice(0, -1)) : name === model
}

function areDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}
