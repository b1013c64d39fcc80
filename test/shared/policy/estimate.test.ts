import { describe, expect, test } from 'vitest'
import { estimate } from '../../../shared/policy/estimate.ts'
import type { ConfiguredTarget, Rules } from '../../../shared/policy/explain.ts'
import type { Experience } from '../../../shared/policy/usage.ts'
import { loadPolicy, loadPrices, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = new URL('../../../infra/', import.meta.url)
const { register } = loadRegister(new URL('processors.yaml', INFRA).pathname)
const { policy } = loadPolicy(new URL('policies/eu-operated.yaml', INFRA).pathname)
const prices = loadPrices(new URL('prices.yaml', INFRA).pathname)

const builtin: ConfiguredTarget = { processor: 'builtin', endpoint: 'in-process', region: 'in-process', model: 'builtin' }
const mistral = (model: string): ConfiguredTarget => ({ processor: 'mistral', endpoint: 'https://api.eu.mistral.ai', region: 'eu', model })
const chat = [mistral('mistral-small-latest'), builtin]
const RULES: Rules = {
  policy,
  register,
  declarations: {},
  targets: { classify: chat, extract: chat, answer: chat, embed: [mistral('mistral-embed'), builtin], ocr: [mistral('mistral-ocr-4-0')] },
}
const NOTHING_SEEN: Experience = { sizes: [], tokens: [] }
const REQUEST = {
  data_classes: ['personal'],
  sensitivity: 'internal',
  purpose: 'document_processing',
  tenant_id: '01890000-0000-7000-8000-000000000001',
  day: '2026-11-26',
} as const
const pdf = (pages?: number, bytes = 200_000) => ({ bytes, media_type: 'application/pdf' as const, ...(pages && { pages }) })
const ask = (
  documents: Parameters<typeof estimate>[2],
  change: Partial<Parameters<typeof estimate>[3]> = {},
  seen = NOTHING_SEEN,
  rules = RULES,
) => estimate(rules, prices, documents, { ...REQUEST, ...change }, seen)

describe('an estimate before a batch', () => {
  test('names for each task whom the policy would choose, with which model and by which rule', () => {
    const { tasks } = ask([pdf(4)])
    expect(tasks.map(({ task, processor, model }) => [task, processor, model])).toEqual([
      ['classify', 'mistral', 'mistral-small-latest'],
      ['extract', 'mistral', 'mistral-small-latest'],
      ['embed', 'mistral', 'mistral-embed'],
      ['ocr', 'mistral', 'mistral-ocr-4-0'],
    ])
    expect(new Set(tasks.map(({ rule }) => rule))).toEqual(new Set(['eea-entity-and-region']))
  })

  test('of data that must stay inside is of rules that cost nothing, and of no embedding elsewhere', () => {
    const { tasks, micro_eur, tokens, assumptions } = ask([pdf(4)], { data_classes: ['special'] })
    expect(tasks.map(({ task, processor }) => [task, processor])).toEqual([
      ['classify', 'builtin'],
      ['extract', 'builtin'],
      // The embedder of an organisation is one: what it may not see is found by its words.
      ['embed', null],
      ['ocr', null],
    ])
    expect([micro_eur, tokens]).toEqual([
      { low: 0, high: 0 },
      { low: 0, high: 0 },
    ])
    expect(assumptions.join('\n')).toContain('ocr: the policy allows no configured provider')
  })

  test('grows with the documents, and is low to high', () => {
    const one = ask([pdf(4)])
    const three = ask([pdf(4), pdf(4), pdf(4)])
    for (const of of ['calls', 'tokens', 'pages'] as const)
      expect([three[of].low, three[of].high]).toEqual([one[of].low * 3, one[of].high * 3])
    expect(one.micro_eur.low).toBeGreaterThan(0)
    expect(one.micro_eur.high).toBeGreaterThan(one.micro_eur.low)
    expect(ask([pdf(40)]).tokens.low).toBeGreaterThan(one.tokens.low)
  })

  test('of a PDF whose pages nobody counted is taken from its size, and says so', () => {
    const { pages, assumptions } = ask([pdf(undefined, 600_000)])
    expect(pages).toEqual({ low: 6, high: 40 })
    expect(assumptions).toContain('1 PDF without a known number of pages: taken from its size')
    expect(ask([pdf(3)]).pages).toEqual({ low: 3, high: 3 })
  })

  test('of a text counts what is in it, and no page of it as a picture', () => {
    const { tasks } = ask([{ bytes: 30_000, media_type: 'text/plain' }])
    expect(tasks.find(({ task }) => task === 'embed')?.tokens_in).toEqual({ low: 6_000, high: 12_000 })
    expect(tasks.find(({ task }) => task === 'ocr')?.calls).toEqual({ low: 0, high: 0 })
  })

  test('uses what the organisation’s own calls used, from five documents on, and names them', () => {
    const used = (documents: number): Experience => ({
      sizes: [],
      tokens: [
        {
          media_type: 'application/pdf',
          task: 'extract',
          documents,
          tokens_in_per_page: { low: 100, high: 200 },
          tokens_out_per_page: { low: 10, high: 20 },
        },
      ],
    })
    const extract = (seen: Experience) => ask([pdf(4)], {}, seen).tasks.find(({ task }) => task === 'extract')
    expect(extract(used(5))).toMatchObject({ tokens_in: { low: 400, high: 800 }, tokens_out: { low: 40, high: 80 } })
    expect(extract(used(4))).toEqual(extract(NOTHING_SEEN))
    expect(ask([pdf(4)], {}, used(5)).assumptions.join('\n')).toContain('100 to 200 tokens a page, as 5 documents of your own used')
    expect(ask([pdf(4)]).assumptions.join('\n')).toContain('a default')
  })

  test('of a model without a price says that it has none, and counts it as nothing', () => {
    const unpriced = { ...RULES, targets: { ...RULES.targets, extract: [mistral('a-model-of-next-year')] } }
    const found = ask([pdf(4)], {}, NOTHING_SEEN, unpriced)
    expect(found.unpriced_tasks).toEqual(['extract'])
    expect(found.tasks.find(({ task }) => task === 'extract')).toMatchObject({ micro_eur: null })
    expect(found.micro_eur.high).toBeLessThan(ask([pdf(4)]).micro_eur.high)
  })

  test('says nothing of a task that nobody is configured for', () => {
    const without = { ...RULES, targets: { ...RULES.targets, ocr: [] } }
    expect(ask([pdf(4)], {}, NOTHING_SEEN, without).tasks.map(({ task }) => task)).not.toContain('ocr')
  })
})
