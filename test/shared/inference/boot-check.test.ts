import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkModels } from '../../../shared/inference/boot-check.ts'
import { createBuiltinProvider } from '../../../shared/inference/builtin/provider.ts'
import { mapTasks, type Order } from '../../../shared/inference/gateway.ts'
import { createMistralProvider } from '../../../shared/inference/mistral.ts'
import { createOllamaProvider } from '../../../shared/inference/ollama.ts'
import type { Provider, Task } from '../../../shared/inference/provider.ts'
import { createVllmProvider } from '../../../shared/inference/vllm.ts'
import { DOUBLE_MODELS, type ModelDouble, startModelDouble } from '../../support/model-double.ts'
import { fakeProvider } from '../../support/providers.ts'

const never = new AbortController().signal
/** Nobody listens there: the port is reserved, and no server of ours takes it. */
const NOBODY = 'http://127.0.0.1:1/v1'
const SERVED = `${DOUBLE_MODELS.chat}, ${DOUBLE_MODELS.embed}, double-ocr`

let double: ModelDouble
beforeEach(async () => {
  double = await startModelDouble()
})
afterEach(() => double.close())

/** The double answers nobody without one, and Ollama has none. */
const withKey: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers)
  headers.set('authorization', 'Bearer key')
  return fetch(input, { ...init, headers })
}
/** Each asks the double, unless it is at another address. */
const CREATE = {
  mistral: (models: Provider['models'], baseUrl: string) => createMistralProvider({ apiKey: 'key', region: 'eu', models, baseUrl, fetch }),
  vllm: (models: Provider['models'], baseUrl: string) =>
    createVllmProvider({ apiKey: 'key', region: 'eu', models, baseUrls: [baseUrl], fetch }),
  ollama: (models: Provider['models'], baseUrl: string) => createOllamaProvider({ region: 'eu', models, baseUrl, fetch: withKey }),
}
const MISSING = {
  mistral: (model: string) => `mistral (${double.origin}) does not serve ${model}; it serves: ${SERVED}`,
  vllm: (model: string) => `vllm (${double.origin}) does not serve ${model}; it serves: ${SERVED}`,
  ollama: (model: string) => `ollama has no ${model}: run \`ollama pull ${model}\``,
}
const NAMES = ['mistral', 'vllm', 'ollama'] as const

test.each(NAMES)('%s with models that its server has is nothing to speak of, asked once for all tasks', async (name) => {
  expect(await checkModels(everywhere(CREATE[name](modelsWith({}), double.baseUrl)), never)).toEqual([])
  const asked = new Set(double.requests.map(({ method, path }) => `${method} ${path}`))
  expect([...asked]).toEqual(['GET /v1/models'])
})

test.each(NAMES)('a chosen model that the server of %s does not have is named, with what to do about it', async (name) => {
  const provider = CREATE[name](modelsWith({ extract: 'elsewhere', embed: 'nowhere' }), double.baseUrl)
  expect(await checkModels(everywhere(provider), never)).toEqual([MISSING[name]('elsewhere'), MISSING[name]('nowhere')])
})

test('only for the tasks that a provider is chosen for is it asked, and never for reading pictures', async () => {
  const provider = CREATE.mistral(modelsWith({ extract: 'elsewhere', embed: 'nowhere', ocr: 'unheard-of' }), double.baseUrl)
  const order: Order = { ...mapTasks(() => []), classify: [provider], embed: [provider], ocr: [provider] }
  expect(await checkModels(order, never)).toEqual([MISSING.mistral('nowhere')])
})

test.each(NAMES)('%s that does not answer is said not to have told, and the others are asked all the same', async (name) => {
  const [silent, other] = [CREATE[name](modelsWith({}), NOBODY), CREATE.mistral(modelsWith({ answer: 'elsewhere' }), double.baseUrl)]
  const order: Order = { ...mapTasks(() => []), classify: [silent], answer: [other] }
  expect(await checkModels(order, never)).toEqual([
    `${name} (http://127.0.0.1:1) did not say which models it serves`,
    MISSING.mistral('elsewhere'),
  ])
})

test('a list that is none, and a refusal, are said as silence, without a word of the server’s', async () => {
  const fetchOnce = async () => new Response('{"error":"Anna Muster"}', { status: 401 })
  const refused = createOllamaProvider({ region: 'eu', models: modelsWith({}), baseUrl: double.baseUrl, fetch: fetchOnce })
  expect(await checkModels(everywhere(refused), never)).toEqual([`ollama (${double.origin}) did not say which models it serves`])
})

test('rules have no models that could be missing', async () => {
  const rules = fakeProvider('inside', { missing: () => Promise.reject(new Error('rules were asked for models')) })
  expect(await checkModels(everywhere(rules), never)).toEqual([])
  expect(await checkModels(everywhere(createBuiltinProvider()), never)).toEqual([])
})

test('a check that is stopped ends, and rejects nobody', async () => {
  const provider = CREATE.vllm(modelsWith({}), double.baseUrl)
  expect(await checkModels(everywhere(provider), AbortSignal.abort())).toEqual([
    `vllm (${double.origin}) did not say which models it serves`,
  ])
  expect(double.requests).toEqual([])
})

function everywhere(provider: Provider): Order {
  return mapTasks(() => [provider])
}

function modelsWith(change: Partial<Record<Task, string>>): Provider['models'] {
  const { chat, embed } = DOUBLE_MODELS
  return { classify: chat, extract: chat, answer: chat, embed, ocr: null, ...change }
}
