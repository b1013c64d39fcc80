import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { ChatRequest } from '../../../shared/inference/chat.ts'
import type { Provider } from '../../../shared/inference/provider.ts'
import { allowedOrigins } from '../../../shared/policy/origins.ts'
import { readConfig } from '../../../shared/runtime/config.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'
import { createOrder, operatorDeclarations } from '../../../shared/runtime/providers.ts'
import { loadExplainableRules, loadRules } from '../../../shared/runtime/rules.ts'
import { failure } from '../../support/failure.ts'
import { openPolicy, registerWith } from '../../support/provider-config.ts'
import { chunk, type Handler, sendChat, sendEvents, startWireServer, type WireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal
const REGISTER_FILE = join(resolve(import.meta.dirname, '../../../infra'), 'processors.yaml')

let server: WireServer
beforeEach(async () => {
  server = await startWireServer()
})
afterEach(() => server.close())

function providersOf(env: NodeJS.ProcessEnv, registerFile = REGISTER_FILE) {
  const config = readConfig(env)
  const { register } = loadRegister(registerFile)
  const { answer } = createOrder(config, register, { fetch })
  return { config, register, providers: answer, first: answer[0] as Provider }
}

const MISTRAL = { MISTRAL_API_KEY: 'the-key', MISTRAL_MODEL: 'mistral-large-latest' }
const OPENAI = { OPENAI_API_KEY: 'the-key', OPENAI_MODEL: 'mistral-large-latest' }

describe('by variables', () => {
  test.each([
    ['eu', 'https://api.eu.mistral.ai', {}],
    ['eu', 'https://api.eu.mistral.ai', { MISTRAL_REGION: 'eu' }],
    ['global', 'https://api.mistral.ai', { MISTRAL_REGION: 'global' }],
    ['us', 'https://api.us.mistral.ai', { MISTRAL_REGION: 'us' }],
  ])('MISTRAL_API_KEY alone is Mistral in the region %s at %s', (region, endpoint, env) => {
    expect(providersOf({ MISTRAL_API_KEY: 'k', ...env }).first).toMatchObject({
      processor: 'mistral',
      region,
      endpoints: [endpoint],
      models: { answer: 'mistral-small-latest', embed: 'mistral-embed' },
    })
  })

  test.each([
    ['https://api.eu.mistral.ai/v1', 'eu'],
    ['https://api.mistral.ai/v1', 'global'],
    ['https://api.us.mistral.ai/v1', 'us'],
  ])('OPENAI_BASE_URL=%s is Mistral in the region %s, and nobody else', (baseUrl, region) => {
    const { providers } = providersOf({ OPENAI_BASE_URL: baseUrl, ...OPENAI })
    expect(providers.map(({ processor }) => processor)).toEqual(['mistral', 'builtin'])
    expect(providers[0]).toMatchObject({
      region,
      endpoints: [new URL(baseUrl).origin],
      models: { answer: 'mistral-large-latest', embed: 'mistral-embed' },
    })
  })

  test('Mistral by its OPENAI_ variables is asked as Mistral: with its model when none is named', () => {
    const { first } = providersOf({ OPENAI_BASE_URL: 'https://api.mistral.ai/v1', OPENAI_API_KEY: 'k' })
    expect(first.models.answer).toBe('mistral-small-latest')
  })

  test('OPENAI_BASE_URL at OpenAI is OpenAI, under its own facts', () => {
    const { first } = providersOf({ OPENAI_BASE_URL: 'https://api.openai.com/v1', OPENAI_API_KEY: 'k', OPENAI_MODEL: 'gpt-4.1' })
    expect(first).toMatchObject({ processor: 'openai', endpoints: ['https://api.openai.com'] })
  })

  test('both ways at once can not be told apart, and are refused', () => {
    expect(() => providersOf({ ...MISTRAL, OPENAI_BASE_URL: 'https://api.mistral.ai/v1', ...OPENAI })).toThrow(
      'two of the configured providers',
    )
  })

  test('every replica of vLLM is an endpoint', () => {
    const env = {
      VLLM_BASE_URLS: 'http://10.0.0.5:8000/v1, http://10.0.0.6:8000/v1',
      VLLM_MODEL: 'm',
      VLLM_EMBED_BASE_URLS: 'http://10.0.0.7:8000/v1',
    }
    expect(providersOf(env).first.endpoints).toEqual(['http://10.0.0.5:8000', 'http://10.0.0.6:8000', 'http://10.0.0.7:8000'])
  })
})

const TOOL = {
  name: 'get_compliance_status',
  description: 'Tells a status',
  parameters: { type: 'object', properties: { activity: { type: 'string' } } },
}
const user = (content: string) => ({ role: 'user' as const, content })
const CALLS = [{ id: 'a1b2c3d4e', type: 'function', function: { name: TOOL.name, arguments: '{"activity":"email"}' } }]

/** What is asked, what the server says, and what then comes back. */
const REQUESTS: Record<string, { request: Omit<ChatRequest, 'task' | 'maxTokens'>; handler: Handler; value: unknown; streams?: boolean }> =
  {
    'a system prompt': {
      request: { messages: [{ role: 'system', content: 'Be brief.' }, user('Explain GDPR Art. 28')] },
      handler: sendChat('A contract.'),
      value: { text: 'A contract.', toolCalls: [] },
    },
    'function calling': {
      request: { messages: [user('Check our email marketing')], tools: [TOOL], toolChoice: 'auto' },
      handler: sendChat({ role: 'assistant', content: '', tool_calls: CALLS }, 'tool_calls'),
      value: { text: '', toolCalls: [{ id: 'a1b2c3d4e', name: TOOL.name, arguments: { activity: 'email' } }] },
    },
    'JSON mode': {
      request: { messages: [user('Return JSON')], responseFormat: { type: 'json_object' } },
      handler: sendChat('{"obligations":[]}'),
      value: { text: '{"obligations":[]}', toolCalls: [] },
    },
    streaming: {
      request: { messages: [user('Go on')] },
      handler: sendEvents([chunk({ content: 'on ' }), chunk({ content: 'and on' }), chunk({}, 'stop')]),
      value: ['on ', 'and on'],
      streams: true,
    },
  }

async function ask(provider: Provider, { request, streams }: (typeof REQUESTS)[string]) {
  const asked = { ...request, task: 'answer' as const, maxTokens: 100 }
  if (!streams) return (await provider.chat(asked, never)).value
  const texts: string[] = []
  for await (const delta of provider.chatStream(asked, never)) if (delta.kind === 'text') texts.push(delta.text)
  return texts
}

describe.each(Object.entries(REQUESTS))('%s', (_, asked) => {
  const ways = (): [string, NodeJS.ProcessEnv, string][] => [
    ['MISTRAL_ variables', { MISTRAL_BASE_URL: server.baseUrl, ...MISTRAL }, REGISTER_FILE],
    ['OPENAI_ variables at the address of Mistral', { OPENAI_BASE_URL: server.baseUrl, ...OPENAI }, registerWith(server.baseUrl)],
    ['OPENAI_ variables at an address that nobody knows', { OPENAI_BASE_URL: server.baseUrl, ...OPENAI }, REGISTER_FILE],
  ]

  test('is the same to the caller and on the wire, whichever variables name the server', async () => {
    server.answerWith(asked.handler)
    for (const [way, env, registerFile] of ways()) expect(await ask(providersOf(env, registerFile).first, asked), way).toEqual(asked.value)
    const [byMistral, byOpenAi, unknown] = server.requests.map(({ path, headers, body }) => ({ path, key: headers.authorization, body }))
    expect(byOpenAi).toEqual(byMistral)
    // A server that is not known to be Mistral is asked to count the tokens of a stream; Mistral counts unasked, and refuses the key.
    const counting = asked.streams ? { stream_options: { include_usage: true } } : {}
    expect(unknown).toEqual({ ...byMistral, body: { ...byMistral?.body, ...counting } })
    expect(byMistral).toMatchObject({ path: '/v1/chat/completions', key: 'Bearer the-key', body: { model: 'mistral-large-latest' } })
  })
})

describe('the way out', () => {
  const undeclared = () => readConfig({ OPENAI_BASE_URL: server.baseUrl, ...OPENAI, POLICY_FILE: openPolicy() })

  test('a provider whose base URL is in no register and that nobody declared can not be called, even past the gateway under a policy that allows everything', async () => {
    const { order, outbound } = loadRules(undeclared())
    const provider = order.answer[0] as Provider
    const error = await failure(provider.chat({ task: 'answer', messages: [user('Hello')], maxTokens: 9 }, never))
    expect(error).toMatchObject({ code: 'POLICY_REFUSED', detail: `${server.origin} is not in the register, and nobody has declared it` })
    expect((await failure(provider.missing(never))).code).toBe('POLICY_REFUSED')
    await outbound.close()
    expect(server.connections()).toBe(0)
  })

  test('one that the operator declared can', async () => {
    const { order, outbound } = loadRules({
      ...undeclared(),
      OPENAI_DEPLOYMENT: 'self_hosted',
      OPENAI_ENTITY: 'Beispiel GmbH',
      OPENAI_COUNTRY: 'DE',
      OPENAI_DECLARED_ON: '2026-11-22',
    })
    const { value } = await (order.answer[0] as Provider).chat({ task: 'answer', messages: [user('Hello')], maxTokens: 9 }, never)
    expect(value.text).toBe('ok')
    await outbound.close()
  })

  test('and so can one of the register', async () => {
    const config = readConfig({ MISTRAL_BASE_URL: server.baseUrl, ...MISTRAL, PROCESSORS_FILE: registerWith(server.baseUrl) })
    const { order, outbound } = loadRules(config)
    const { facts } = await (order.answer[0] as Provider).chat({ task: 'answer', messages: [user('Hello')], maxTokens: 9 }, never)
    expect(facts.endpoint).toBe(server.origin)
    await outbound.close()
  })

  test('a proxy in front of Mistral is no address of Mistral', async () => {
    const { order, outbound } = loadRules(readConfig({ MISTRAL_BASE_URL: server.baseUrl, ...MISTRAL }))
    const call = (order.answer[0] as Provider).chat({ task: 'answer', messages: [user('Hello')], maxTokens: 9 }, never)
    expect((await failure(call)).code).toBe('POLICY_REFUSED')
    await outbound.close()
    expect(server.connections()).toBe(0)
  })

  test('every request goes through what is put around it and what listens to its limits', async () => {
    const seen: string[] = []
    const config = readConfig({ MISTRAL_BASE_URL: server.baseUrl, ...MISTRAL, PROCESSORS_FILE: registerWith(server.baseUrl) })
    const { order, outbound } = loadRules(config, {
      around: async (endpoint, signal, call, model) => {
        seen.push(`${endpoint} ${model}`)
        return call(signal)
      },
    })
    await (order.answer[0] as Provider).chat({ task: 'answer', messages: [user('Hello')], maxTokens: 9 }, never)
    expect(seen).toEqual([`${server.origin} mistral-large-latest`])
    await outbound.close()
  })

  test('whoever explains decisions holds no provider, and its targets are those of the declared servers too', () => {
    const config = readConfig({ VLLM_BASE_URLS: 'http://10.0.0.5:8000/v1,http://10.0.0.6:8000/v1', VLLM_MODEL: 'm' })
    const { targets, register } = loadExplainableRules(config)
    expect(targets.answer.map(({ endpoint }) => endpoint)).toEqual(['http://10.0.0.5:8000', 'http://10.0.0.6:8000', 'in-process'])
    expect(allowedOrigins(register, operatorDeclarations(config), targets.answer)).not.toContain('http://10.0.0.5:8000')
  })

  test('a server of somebody whom the register holds is not taken for the recogniser that one runs oneself', () => {
    const own = { SELF_HOSTED_ENTITY: 'Beispiel GmbH', SELF_HOSTED_COUNTRY: 'DE', SELF_HOSTED_DECLARED_ON: '2026-11-22' }
    expect(() => loadRules(readConfig({ ...own, RECOGNISER_URL: 'https://api.openai.com./analyze' }))).toThrow('a server of openai')
    expect(loadRules(readConfig({ ...own, RECOGNISER_URL: 'https://presidio.example' })).recogniser).toBeDefined()
  })

  test('a key that can not be sent stops the start', () => {
    expect(() => loadRules(readConfig({ MISTRAL_API_KEY: 'sk-secret\n' }))).toThrow(AppError)
  })
})
