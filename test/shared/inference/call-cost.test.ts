import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cost } from '../../../shared/contracts/cost.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { Provider } from '../../../shared/inference/provider.ts'
import { PriceList } from '../../../shared/policy/prices.ts'
import { fakeProvider, PRICES, testGateway } from '../../support/providers.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const CLAIM = { source: 'a test', read_on: '2026-11-22', confidence: 'verified' }

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('what a provider read from its cache is billed as such, and stands in the event', async () => {
  const prices = PriceList.parse({ ...PRICES, prices: PRICES.prices.map((price) => ({ ...price, cached_input_micro: 100_000 })) })
  const { facts } = await fakeProvider('outside').extract([], { schema: schemaFor('letter'), language: null }, new AbortController().signal)
  const caching = fakeProvider('outside', {
    extract: async () => ({ value: { claims: [], pagesRead: 1 }, facts: { ...facts, tokensIn: 100, tokensCached: 90, tokensOut: 1 } }),
  })
  // 10 tokens at a micro-euro, 90 at a tenth of one, and one out at ten.
  expect(await costOf(caching, prices)).toEqual({ cost: expect.objectContaining({ micro_eur: 29 }), tokens_cached: 90 })
})

test('pages that were looked at are billed as such', async () => {
  const [price] = PRICES.prices
  const { input_micro: _in, output_micro: _out, ...byPage } = price ?? {}
  const prices = PriceList.parse({ ...PRICES, prices: [{ ...byPage, per_1000_pages_micro: 4_000_000 }] })
  const { facts } = await fakeProvider('outside').extract([], { schema: schemaFor('letter'), language: null }, new AbortController().signal)
  const looking = fakeProvider('outside', {
    extract: async () => ({ value: { claims: [], pagesRead: 1 }, facts: { ...facts, tokensIn: 0, tokensOut: 0, pages: 3 } }),
  })
  expect((await costOf(looking, prices)).cost).toMatchObject({ micro_eur: 12_000, basis: 'pages' })
})

test('a call on a server of one’s own costs its share of the time that it took', async () => {
  const prices = PriceList.parse({
    ...PRICES,
    prices: [],
    // A thousandth of a euro for each millisecond.
    server_hours: [
      {
        processor: 'outside',
        server: 'ours',
        name: 'Our server',
        currency: 'EUR',
        micro_per_hour: 3_600_000_000,
        calls_at_once: 1,
        ...CLAIM,
      },
    ],
  })
  const { cost } = await costOf(fakeProvider('outside'), prices)
  expect(cost?.basis).toBe('server_hours')
  expect(cost?.micro_eur).toBeGreaterThan(0)
  expect((cost?.micro_eur ?? 1) % 1_000).toBe(0)
})

/** Of one call, as its document's record has it. */
async function costOf(
  provider: Provider,
  prices: PriceList,
): Promise<{ cost: Cost | null | undefined; tokens_cached: number | null | undefined }> {
  const { document_id, revision } = await bench.upload({ options: { data_classes: ['none'] } })
  const subject = { document_id, revision, page: null, sensitivity: 'internal', data_classes: ['none'], purpose: 'test' } as const
  const context = { tenant_id: bench.tenantId, task: 'extract', step: 'enrich', subjects: [subject], tokens: 0, language: null } as const
  const request = { schema: schemaFor('letter'), language: null }
  await testGateway(bench.database, [provider], prices).call({ ...context, signal: new AbortController().signal }, (chosen, signal) =>
    chosen.extract([], request, signal),
  )
  const { model } = (await bench.tenant((tx) => readRecord(tx, document_id))).at(-1) ?? {}
  return { cost: model?.cost, tokens_cached: model?.tokens_cached }
}
