import { describe, expect, test } from 'vitest'
import { costOf, type PricedCall, PriceList } from '../../../shared/policy/prices.ts'
import { loadPrices, loadRegister } from '../../../shared/runtime/policy-files.ts'

const claim = { source: 'a test', confidence: 'verified' as const }
const LIST = PriceList.parse({
  version: 1,
  notice: 'for tests',
  rates: [{ currency: 'USD', micro_eur: 900_000, ...claim, read_on: '2026-11-02' }],
  prices: [
    {
      processor: 'mistral',
      models: ['mistral-small*', 'exact'],
      currency: 'USD',
      input_micro: 200_000,
      output_micro: 600_000,
      region_percent: { eu: 110 },
      ...claim,
      read_on: '2026-11-01',
    },
  ],
})
const CALL: PricedCall = {
  processor: 'mistral',
  region: 'global',
  model: 'mistral-small-latest',
  tokens_in: 1_000_000,
  tokens_cached: 0,
  tokens_out: 500_000,
}

describe('the cost of a call', () => {
  test('is integer millionths of a euro, with the rate and both days', () => {
    // 0.20 + 0.30 dollars at 0.90
    expect(costOf(LIST, CALL)).toEqual({
      micro_eur: 450_000,
      currency: 'USD',
      rate_micro_eur: 900_000,
      price_read_on: '2026-11-01',
      rate_read_on: '2026-11-02',
    })
  })

  test('counts what a region costs more', () => {
    expect(costOf(LIST, { ...CALL, region: 'eu' })?.micro_eur).toBe(495_000)
  })

  test('is rounded up, and nothing costs nothing', () => {
    expect(costOf(LIST, { ...CALL, tokens_in: 1, tokens_out: 0 })?.micro_eur).toBe(1)
    expect(costOf(LIST, { ...CALL, tokens_in: 0, tokens_out: 0 })?.micro_eur).toBe(0)
  })

  test('is exact where floating point is not', () => {
    const tokens = 999_999_999_999
    const expected = (BigInt(tokens) * 200_000n * 900_000n + 999_999_999_999n) / 1_000_000_000_000n
    expect(costOf(LIST, { ...CALL, tokens_in: tokens, tokens_out: 0 })?.micro_eur).toBe(Number(expected))
  })

  test('is unknown for a model or a processor without a price', () => {
    expect(costOf(LIST, { ...CALL, model: 'mistral-large-latest' })).toBeNull()
    expect(costOf(LIST, { ...CALL, model: 'exactly' })).toBeNull()
    expect(costOf(LIST, { ...CALL, processor: 'openai' })).toBeNull()
  })
})

describe('what a provider reads from its cache', () => {
  const cached = PriceList.parse({ ...LIST, prices: [{ ...LIST.prices[0], cached_input_micro: 20_000 }] })

  test('costs the cached price, and the rest of the input its own, with the surcharge of the region on both', () => {
    // 0.25 million at 0.20, 0.75 million at 0.02, 0.5 million out at 0.60, in dollars at 0.90
    const call = { ...CALL, tokens_cached: 750_000 }
    expect(costOf(cached, call)?.micro_eur).toBe(328_500)
    expect(costOf(cached, { ...call, region: 'eu' })?.micro_eur).toBe(361_350)
  })

  test('costs as much as other input where the list names no price for it', () => {
    expect(costOf(LIST, { ...CALL, tokens_cached: 750_000 })).toEqual(costOf(LIST, CALL))
  })

  test('is never more than the whole input', () => {
    const all = costOf(cached, { ...CALL, tokens_cached: CALL.tokens_in })
    expect(costOf(cached, { ...CALL, tokens_cached: CALL.tokens_in + 5 })).toEqual(all)
  })
})

describe('a model that is billed by page', () => {
  const byPage = PriceList.parse({
    ...LIST,
    prices: [
      {
        processor: 'mistral',
        models: ['ocr'],
        currency: 'USD',
        per_1000_pages_micro: 4_000_000,
        region_percent: { eu: 110 },
        ...claim,
        read_on: '2026-11-01',
      },
    ],
  })
  const scan: PricedCall = { ...CALL, model: 'ocr', tokens_in: 9_999, pages: 7 }

  test('costs its pages and not its tokens', () => {
    expect(costOf(byPage, scan)).toMatchObject({ micro_eur: 25_200, basis: 'pages' })
    expect(costOf(byPage, { ...scan, region: 'eu' })?.micro_eur).toBe(27_720)
  })

  test('has an unknown cost where nobody counted the pages', () => {
    const { pages: _, ...uncounted } = scan
    expect(costOf(byPage, uncounted)).toBeNull()
  })
})

describe('a call on a server of one’s own', () => {
  const server = {
    processor: 'vllm',
    server: 'ours',
    name: 'Our server',
    currency: 'EUR',
    micro_per_hour: 1_800_000,
    ...claim,
    read_on: '2026-11-03',
  }
  const rates = [...LIST.rates, { currency: 'EUR', micro_eur: 1_000_000, ...claim, read_on: '2026-11-02' }]
  const list = (...server_hours: object[]) => PriceList.safeParse({ ...LIST, rates, server_hours })
  const call: PricedCall = { ...CALL, processor: 'vllm', model: 'our-model', duration_ms: 2_000 }
  const costOn = (entry: object, asked = call) => costOf(list(entry).data ?? LIST, asked)

  test('costs its share of the server’s time where the operator says how many calls share it', () => {
    // 2 s of 0.0005 euros a second, of four at once
    expect(costOn({ ...server, calls_at_once: 4 })).toEqual({
      micro_eur: 250,
      currency: 'EUR',
      rate_micro_eur: 1_000_000,
      price_read_on: '2026-11-03',
      rate_read_on: '2026-11-02',
      basis: 'server_hours',
    })
    expect(costOn({ ...server, calls_at_once: 4 }, { ...call, duration_ms: 1 })?.micro_eur).toBe(1)
  })

  test('has an unknown cost where nobody says so, or nobody measured the time', () => {
    expect(costOn(server)).toBeNull()
    const { duration_ms: _, ...unmeasured } = call
    expect(costOn({ ...server, calls_at_once: 4 }, unmeasured)).toBeNull()
  })

  test('can be on one server only, and on one with a rate', () => {
    const other = { ...server, server: 'another' }
    expect(list(server, other).success).toBe(true)
    expect(list(server, server).success).toBe(false)
    expect(list({ ...server, calls_at_once: 4 }, { ...other, calls_at_once: 2 }).success).toBe(false)
    expect(list({ ...server, currency: 'CHF' }).success).toBe(false)
  })
})

test.each([
  ['neither by token nor by page', {}],
  ['by token without output', { input_micro: 1 }],
  ['both by token and by page', { input_micro: 1, output_micro: 1, per_1000_pages_micro: 1 }],
])('a price %s does not parse', (_, micro) => {
  const price = { processor: 'mistral', models: ['m'], currency: 'USD', ...claim, read_on: '2026-11-01', ...micro }
  expect(PriceList.safeParse({ ...LIST, prices: [price] }).success).toBe(false)
})

test('a price in a currency without a rate does not parse', () => {
  expect(PriceList.safeParse({ ...LIST, rates: [] }).success).toBe(false)
})

describe('the list that ships', () => {
  const list = loadPrices(new URL('../../../infra/prices.yaml', import.meta.url).pathname)
  const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
  const keys = register.processors.map(({ key }) => key)

  test('prices processors of the register only, each model once', () => {
    for (const { processor } of [...list.prices, ...list.server_hours]) expect(keys).toContain(processor)
    const names = list.prices.flatMap(({ processor, models }) => models.map((model) => `${processor} ${model}`))
    expect(new Set(names).size).toBe(names.length)
  })

  test('knows the models that are asked where nothing else is configured, and counts a tenth more in the EU', () => {
    for (const model of ['mistral-small-latest', 'mistral-embed']) {
      const call = { ...CALL, model, tokens_in: 10_000_000, tokens_out: 0 }
      const [global, eu] = ['global', 'eu'].map((region) => costOf(list, { ...call, region })?.micro_eur ?? 0)
      expect(eu).toBe(Math.ceil(((global ?? 0) * 110) / 100))
    }
    expect(costOf(list, { ...CALL, model: 'mistral-ocr-4-0', pages: 1_000 })?.basis).toBe('pages')
  })

  test('leaves a single call on a server of one’s own without a price', () => {
    expect(costOf(list, { ...CALL, processor: 'vllm', duration_ms: 1_000 })).toBeNull()
  })
})
