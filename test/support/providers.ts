import type { Page } from '../../shared/contracts/extraction.ts'
import type { Database } from '../../shared/database/connection.ts'
import { createGateway, type ModelGateway, mapTasks } from '../../shared/inference/gateway.ts'
import type { ClaimedField, Provider } from '../../shared/inference/provider.ts'
import { type DayBudget, UNLIMITED } from '../../shared/limits/day-budget.ts'
import { Policy } from '../../shared/policy/policy.ts'
import { PriceList } from '../../shared/policy/prices.ts'
import { ProcessorRegister } from '../../shared/policy/register.ts'

export const VECTOR_DIMENSIONS = 8

/** A provider of ours, without a model: `inside` runs in this process, `outside` is somebody else's. Whatever is overridden is what a test looks at. */
export function fakeProvider(processor: 'inside' | 'outside', overrides: Partial<Provider> = {}): Provider {
  const endpoint = processor === 'inside' ? 'in-process' : 'https://outside.example'
  const facts = { endpoint, modelReturned: `${processor}-1`, tokensIn: 3, tokensCached: 0, tokensOut: 2, requestId: `${processor}-request` }
  return {
    processor,
    languageModel: processor === 'outside',
    endpoints: [endpoint],
    region: processor === 'inside' ? 'in-process' : 'eu',
    models: {
      classify: `${processor}-chat`,
      extract: `${processor}-chat`,
      answer: `${processor}-chat`,
      embed: `${processor}-embed`,
      ocr: null,
    },
    classify: async () => ({
      value: { type: 'letter', language: 'de', data_classes: [], data_categories: [], subject_categories: [] },
      facts,
    }),
    extract: async (pages) => ({ value: { claims: [firstWord(pages)], pagesRead: pages.length }, facts }),
    embed: async (texts) => ({ value: texts.map(toVector), facts }),
    answer: async () => ({ value: { answer: null, citations: [] }, facts }),
    chat: async () => ({ value: { text: '', toolCalls: [] }, facts }),
    chatStream: async function* () {
      yield { kind: 'end', facts }
    },
    missing: async () => [],
    ...overrides,
  }
}

export const REGISTER_HASH = 'hash of the register'
export const POLICY_HASH = 'hash of the policy'

/** Public data may go outside, personal data stays inside, special data goes nowhere. */
export function testGateway(
  database: Database,
  providers: readonly Provider[],
  prices: PriceList = PRICES,
  budget: DayBudget = UNLIMITED,
): ModelGateway {
  const policy = Policy.parse({
    name: 'test',
    version: 1,
    rules: [
      { name: 'public-anywhere', when: { data_classes: ['none'] }, allow: true },
      { name: 'personal-inside', when: { data_classes: ['personal'] }, require: { deployment: ['in_process'] }, allow: true },
    ],
  })
  return createGateway({
    database,
    order: mapTasks(() => providers),
    register: REGISTER,
    registerHash: REGISTER_HASH,
    policy,
    policyHash: POLICY_HASH,
    prices,
    declarations: {},
    budget,
  })
}

/** A token in is a micro-euro, one out ten; `outside` alone has a price. */
export const PRICES = PriceList.parse({
  version: 1,
  notice: 'for tests',
  rates: [{ currency: 'EUR', micro_eur: 1_000_000, source: 'a test', read_on: '2026-11-22', confidence: 'verified' }],
  prices: [
    {
      processor: 'outside',
      models: ['outside-*'],
      currency: 'EUR',
      input_micro: 1_000_000,
      output_micro: 10_000_000,
      source: 'a test',
      read_on: '2026-11-22',
      confidence: 'verified',
    },
  ],
})

const CLAIM = { source: 'a test', read_on: '2026-11-22', confidence: 'verified' }
const SUBPROCESSOR = {
  entity: 'Ivy SAS',
  country: 'FR',
  valid: { from: null, to: null },
  known: { from: '2020-01-01', to: null },
  ...CLAIM,
}
const REGISTER = ProcessorRegister.parse({
  version: 1,
  notice: 'for tests',
  processors: (['inside', 'outside'] as const).map((key) => ({
    key,
    name: key,
    legal_entity: { entity: key, country: 'DE', ...CLAIM },
    parents: [],
    role: key === 'inside' ? 'none' : 'processor',
    deployment: key === 'inside' ? 'in_process' : 'hosted',
    endpoints: key === 'inside' ? [] : [{ region: 'eu', base_url: 'https://outside.example/v1', countries: ['EEA'], ...CLAIM }],
    subprocessors: { read: true, list: key === 'inside' ? [] : [SUBPROCESSOR], ...CLAIM },
    dpa: { reference: null, ...CLAIM },
    certifications: [],
    transfer: { mechanism: 'not_needed', ...CLAIM },
    retention: { days: 0, ...CLAIM },
    training: { use: 'never', ...CLAIM },
    reach: { grade: 'none', reason: 'for tests', ...CLAIM },
  })),
})

function firstWord(pages: readonly Page[]): ClaimedField {
  const page = pages.find((candidate) => candidate.text !== '')
  const quote = /\S+/.exec(page?.text ?? '')?.[0] ?? ''
  return { path: 'title', value: quote, quote, page: page?.number ?? 1 }
}

/** The same text gives the same direction. */
function toVector(text: string): Float32Array {
  const vector = new Float32Array(VECTOR_DIMENSIONS)
  vector[text.length % VECTOR_DIMENSIONS] = 1
  return vector
}
