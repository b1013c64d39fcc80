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

test('a price in a currency without a rate does not parse', () => {
  expect(PriceList.safeParse({ ...LIST, rates: [] }).success).toBe(false)
})

test('every price that ships is of a processor of the register', () => {
  const { prices } = loadPrices(new URL('../../../infra/prices.yaml', import.meta.url).pathname)
  const { register } = loadRegister(new URL('../../../infra/processors.yaml', import.meta.url).pathname)
  for (const { processor } of prices) expect(register.processors.map(({ key }) => key)).toContain(processor)
})
