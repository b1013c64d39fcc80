import { describe, expect, test } from 'vitest'
import { type AdviceCase, advise, type Way } from '../../../shared/policy/advise.ts'
import type { Rules } from '../../../shared/policy/explain.ts'
import { Policy } from '../../../shared/policy/policy.ts'
import { loadPolicy, loadPrices, loadRegister } from '../../../shared/runtime/policy-files.ts'

const INFRA = new URL('../../../infra/', import.meta.url)
const { register } = loadRegister(new URL('processors.yaml', INFRA).pathname)
const prices = loadPrices(new URL('prices.yaml', INFRA).pathname)
const rules = (name: string): Rules => ({
  policy: loadPolicy(new URL(`policies/${name}.yaml`, INFRA).pathname).policy,
  register,
  declarations: {},
  targets: { classify: [], extract: [], answer: [], embed: [], ocr: [] },
})
const CASE: AdviceCase = {
  data_classes: ['personal'],
  sensitivity: 'internal',
  purpose: 'document_processing',
  tenant_id: '01890000-0000-7000-8000-000000000001',
  day: '2026-11-26',
  documents_per_month: 5_000,
  pages: 4,
  task: null,
  server: null,
}
const ask = (change: Partial<AdviceCase> = {}, policy = 'eu-operated', of = prices) => advise(rules(policy), of, { ...CASE, ...change })
const way = (ways: readonly Way[], processor: string): Way => ways.find((one) => one.processor === processor) ?? expect.fail(processor)

describe('advice', () => {
  test('puts an API in the EU, servers of one’s own and US providers side by side, each with the decision of the policy', () => {
    const { ways } = ask({ data_classes: ['personal', 'special'], sensitivity: 'confidential' })
    expect(ways.map(({ kind, allowed }) => [kind, allowed])).toEqual([
      ['eu_api', false],
      ['self_hosted', true],
      ['us_provider', false],
      ['us_provider', false],
    ])
    expect(way(ways, 'mistral')).toMatchObject({
      rule: 'special-and-criminal-stay-inside',
      failed: [{ requirement: 'deployment in in_process, self_hosted', found: 'hosted' }],
    })
    expect(way(ask().ways, 'mistral').allowed).toBe(true)
    expect(way(ask().ways, 'openai').failed).toContainEqual({
      requirement: 'reach of foreign law in none, via_subprocessor, unknown',
      found: 'direct',
    })
  })

  test('prices a month in whole millionths, more for more documents, and names the cheapest way that is allowed', () => {
    const few = ask({ documents_per_month: 100 })
    const many = ask({ documents_per_month: 10_000 })
    for (const [at, { prices: of }] of many.ways.entries()) {
      for (const { micro_eur_per_month } of of) {
        expect(Number.isSafeInteger(micro_eur_per_month.low) && Number.isSafeInteger(micro_eur_per_month.high)).toBe(true)
        expect(micro_eur_per_month.high).toBeGreaterThanOrEqual(micro_eur_per_month.low)
      }
      expect(few.ways[at]?.prices[0]?.micro_eur_per_month.high).toBeLessThanOrEqual(of[0]?.micro_eur_per_month.high ?? 0)
    }
    expect(ask().cheapest_allowed).toBe('Mistral API, EU region')
    expect(ask({ data_classes: ['special'] }).cheapest_allowed).toBe('vLLM on a server of your own')
  })

  test('rents whole servers for whole months, as many as their documented speed asks for', () => {
    const { ways } = ask({ server: 'hetzner-gex63' })
    expect(way(ways, 'vllm').prices).toEqual([expect.objectContaining({ micro_eur_per_month: { low: 997_300_000, high: 997_300_000 } })])
    const much = way(ask({ server: 'hetzner-gex63', documents_per_month: 1_000_000 }).ways, 'vllm').prices[0]
    expect((much?.micro_eur_per_month.high ?? 0) % 997_300_000).toBe(0)
    expect(much?.micro_eur_per_month.high).toBeGreaterThan(997_300_000)
  })

  test('does not price a server whose speed nobody documented, nor a speed that says nothing of the task, and says so', () => {
    const undocumented = way(ask({ server: 'ovh-l4-90' }).ways, 'vllm')
    expect(undocumented.prices).toEqual([])
    expect(undocumented.reckoned.join('\n')).toContain('ovh-l4-90')
    expect(way(ask({ task: 'embed' }).ways, 'vllm').prices).toEqual([])
  })

  test('says of a processor without a price that it has none', () => {
    const bare = { ...prices, prices: [], server_hours: [] }
    const { ways, cheapest_allowed } = ask({}, 'open', bare)
    expect(cheapest_allowed).toBeNull()
    for (const { prices: of, reckoned } of ways) {
      expect(of).toEqual([])
      expect(reckoned.join('\n')).toMatch(/no price for it|no server in the price list/)
    }
  })

  test('compares only models that could do the task: an embedding model writes nothing, and a page is not a token', () => {
    const names = (task: AdviceCase['task']) => way(ask({ task }).ways, 'mistral').prices.map(({ what }) => what)
    expect(names('extract')).toContain('mistral-small-latest')
    expect(names('extract')).not.toContain('mistral-embed')
    expect(names('embed')).toEqual(['mistral-embed'])
    expect(names('ocr').every((name) => name.includes('ocr'))).toBe(true)
  })

  test('says what stays exposed as the register has it', () => {
    const { ways } = ask()
    const exposed = way(ways, 'openai').exposed.join('\n')
    for (const words of [
      'reach of foreign law direct',
      'list of subprocessors was not read',
      '30 days',
      'use for training: never',
      'scc_46',
    ])
      expect(exposed).toContain(words)
    expect(way(ways, 'mistral').exposed.join('\n')).toContain('reach of foreign law unknown')
  })

  test('decides about servers of one’s own by the operator’s declaration, and without one says under which it decided', () => {
    expect(way(ask().ways, 'vllm').reckoned.join('\n')).toContain('as if you declared that you run it in FI')
    const declared = { deployment: 'self_hosted', entity: 'Muster Inc.', country: 'US', declared_on: '2026-11-01' } as const
    const { ways } = advise({ ...rules('eu-operated'), declarations: { vllm: declared } }, prices, CASE)
    expect(way(ways, 'vllm')).toMatchObject({ allowed: false, failed: [{ found: 'US' }] })
    expect(way(ways, 'vllm').reckoned.join('\n')).toContain('your own declaration of 2026-11-01')
  })

  test('allows a way only where every task of a document is allowed', () => {
    const classifying = Policy.parse({
      name: 'half',
      version: 1,
      rules: [{ name: 'only-classify', when: { tasks: ['classify'] }, allow: true }],
    })
    const half = { ...rules('open'), policy: classifying }
    expect(way(advise(half, prices, CASE).ways, 'mistral')).toMatchObject({ allowed: false, rule: null })
    expect(way(advise(half, prices, { ...CASE, task: 'classify' }).ways, 'mistral').allowed).toBe(true)
  })

  test('of a processor that the register no longer holds says that it is refused and that nothing is known', () => {
    const without = { ...rules('open'), register: { ...register, processors: register.processors.filter(({ key }) => key !== 'openai') } }
    expect(way(advise(without, prices, CASE).ways, 'openai')).toMatchObject({ allowed: false, rule: null })
  })
})
