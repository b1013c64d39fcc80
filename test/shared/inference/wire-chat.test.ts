import { afterEach, beforeEach, expect, test } from 'vitest'
import { createWire } from '../../../shared/inference/openai-wire.ts'
import type { WireOptions } from '../../../shared/inference/wire.ts'
import type { WireChat } from '../../../shared/inference/wire-chat.ts'
import { failure } from '../../support/failure.ts'
import { sendChat, sendJson, sendStatus, startWireServer, type WireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal
const HELLO: WireChat = { model: 'm', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 50, signal: never }
const JSON_REQUEST = {
  model: 'm',
  system: 'Return JSON.',
  user: 'u',
  schema: { type: 'object' },
  schemaName: 's',
  maxTokens: 5,
  signal: never,
}
const TOOL = { name: 'status', description: 'Tells a status', parameters: { type: 'object', properties: { of: { type: 'string' } } } }

let server: WireServer
beforeEach(async () => {
  server = await startWireServer()
})
afterEach(() => server.close())

function wire(options: Partial<WireOptions> = {}) {
  return createWire({ baseUrls: [server.baseUrl], apiKey: 'k', timeoutMs: 10_000, fetch, ...options })
}

test('an answer comes with the facts of its call', async () => {
  const { value, facts } = await wire().chat(HELLO)
  expect(value).toEqual({ text: 'ok', toolCalls: [] })
  expect(facts).toEqual({
    endpoint: server.origin,
    modelReturned: 'm-0001',
    tokensIn: 11,
    tokensCached: 0,
    tokensOut: 7,
    requestId: 'completion-1',
  })
  expect(server.requests[0]?.body).toEqual({
    model: 'm',
    messages: [{ role: 'user', content: 'Hello' }],
    temperature: 0,
    max_tokens: 50,
  })
})

test('system prompts, images, tool calls and their results are sent in the shapes that all servers share', async () => {
  await wire().chat({
    ...HELLO,
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', bytes: Buffer.from('png').subarray(0), mediaType: 'image/png' },
        ],
      },
      { role: 'assistant', content: null, toolCalls: [{ id: 'abc123def', name: 'status', arguments: { of: 'x' } }] },
      { role: 'tool', toolCallId: 'abc123def', name: 'status', content: 'green' },
    ],
    temperature: 0.3,
    tools: [TOOL],
    toolChoice: { name: 'status' },
    responseFormat: { type: 'json_object' },
  })
  expect(server.requests[0]?.body).toMatchObject({
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${Buffer.from('png').toString('base64')}` } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'abc123def', type: 'function', function: { name: 'status', arguments: '{"of":"x"}' } }],
      },
      { role: 'tool', tool_call_id: 'abc123def', name: 'status', content: 'green' },
    ],
    temperature: 0.3,
    tools: [{ type: 'function', function: TOOL }],
    tool_choice: { type: 'function', function: { name: 'status' } },
    response_format: { type: 'json_object' },
  })
})

test.each([
  ['as text', '{"of":"x"}'],
  ['as an object', { of: 'x' }],
])('the arguments of a tool call are read %s', async (_, given) => {
  const calls = [{ id: 'abc123def', type: 'function', function: { name: 'status', arguments: given } }]
  server.answerWith(sendChat({ role: 'assistant', content: '', tool_calls: calls }, 'tool_calls'))
  const { value } = await wire().chat({ ...HELLO, tools: [TOOL] })
  expect(value).toEqual({ text: '', toolCalls: [{ id: 'abc123def', name: 'status', arguments: { of: 'x' } }] })
})

test.each([
  ['no JSON', '{of'],
  ['no object', '[1]'],
])('arguments that are %s are invalid output', async (_, given) => {
  server.answerWith(sendChat({ content: null, tool_calls: [{ id: 'a', function: { name: 'status', arguments: given } }] }, 'tool_calls'))
  expect((await failure(wire().chat(HELLO))).code).toBe('MODEL_OUTPUT_INVALID')
})

test('what a reasoning model thinks is no part of its answer', async () => {
  const content = [
    { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
    { type: 'text', text: 'Yes.' },
  ]
  server.answerWith(sendChat({ role: 'assistant', content }))
  expect((await wire().chat(HELLO)).value.text).toBe('Yes.')
})

test('an answer that was cut by its length is invalid, although it parses', async () => {
  server.answerWith(sendChat('{"whole":true}', 'length'))
  expect(await failure(wire().chatJson(JSON_REQUEST))).toMatchObject({ code: 'MODEL_OUTPUT_INVALID', detail: 'finish_reason length' })
})

test.each([
  ['prompt_tokens_details', { prompt_tokens_details: { cached_tokens: 8 } }, 8],
  ['prompt_token_details', { prompt_token_details: { cached_tokens: 8 } }, 8],
  ['num_cached_tokens', { num_cached_tokens: 8 }, 8],
  ['more than were sent', { num_cached_tokens: 99 }, 10],
])('cached tokens are read: %s', async (_, extra, cached) => {
  const choices = [{ message: { content: 'ok' }, finish_reason: 'stop' }]
  server.answerWith(sendJson({ model: 'm', choices, usage: { prompt_tokens: 10, completion_tokens: 1, ...extra } }))
  expect((await wire().chat(HELLO)).facts).toMatchObject({ tokensIn: 10, tokensCached: cached })
})

test('a cache key goes to a server that knows it, and to no other', async () => {
  const asked = { ...JSON_REQUEST, cacheKey: 'opaque' }
  server.answerWith(sendChat('{}'))
  await wire().chatJson(asked)
  await wire({ dialect: { cacheKey: true, streamOptions: false, unknownModel: () => '' } }).chatJson(asked)
  expect(server.requests.map(({ body }) => body.prompt_cache_key)).toEqual([undefined, 'opaque'])
})

test('a schema that a server refuses goes in words; another schema is tried again', async () => {
  server.answerWith((received, response) => {
    const format = received.body.response_format as { type: string; json_schema?: { name: string } }
    const isRefused = format.json_schema?.name === 'odd'
    const words = { message: 'The provided JSON schema contains features not supported by xgrammar.' }
    if (isRefused) sendStatus(400, words)(received, response)
    else sendChat('{}')(received, response)
  })
  const asked = wire()
  const odd = { ...JSON_REQUEST, schemaName: 'odd', schema: { type: 'object', propertyNames: {} } }
  await asked.chatJson(odd)
  await asked.chatJson(odd)
  await asked.chatJson(JSON_REQUEST)
  const types = server.requests.map(({ body }) => (body.response_format as { type: string }).type)
  expect(types).toEqual(['json_schema', 'json_object', 'json_object', 'json_schema'])
})

test('a request and its repetition without the schema have one deadline', async () => {
  server.answerWith((received, response) => {
    if (server.requests.length === 1) sendStatus(422, { message: 'response_format json_schema' })(received, response)
  })
  const error = await failure(wire({ timeoutMs: 300 }).chatJson(JSON_REQUEST))
  expect(error).toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'no complete response within 300 ms' })
  expect(server.requests).toHaveLength(2)
})

test('what is left of the limits is told after answers and refusals alike', async () => {
  const told: unknown[] = []
  const asked = wire({ onRateLimits: (endpoint, limits) => void told.push([endpoint, limits]) })
  const headers = { 'x-ratelimit-remaining-req-minute': '58', 'x-ratelimit-remaining-tokens-minute': '1900' }
  server.answerWith(sendJson({ choices: [{ message: { content: 'ok' }, finish_reason: 'stop' }] }, 200, headers))
  await asked.chat(HELLO)
  server.answerWith(sendStatus(429, {}, { 'x-ratelimit-remaining-req-minute': '0' }))
  await failure(asked.chat(HELLO))
  server.answerWith(sendChat('ok'))
  await asked.chat(HELLO)
  expect(told).toEqual([
    [server.origin, { remainingRequests: 58, remainingTokens: 1900 }],
    [server.origin, { remainingRequests: 0, remainingTokens: null }],
  ])
})

test('each single request goes through what is put around it, with its endpoint and model, and the wait is not part of the deadline', async () => {
  const asked: string[] = []
  const patient = wire({
    timeoutMs: 200,
    around: async (endpoint, signal, call, model) => {
      asked.push(`${endpoint} ${model}`)
      await new Promise((resolve) => setTimeout(resolve, 300))
      return call(signal)
    },
  })
  server.answerWith((received, response) => {
    if (server.requests.length === 1) sendStatus(422, { message: 'response_format json_schema' })(received, response)
    else sendChat('{}')(received, response)
  })
  await patient.chatJson(JSON_REQUEST)
  expect(asked).toEqual([`${server.origin} m`, `${server.origin} m`])
})

test('what is around a request may call it again, and the attempts share the deadline', async () => {
  const again = wire({
    timeoutMs: 400,
    around: async (_endpoint, signal, call) => {
      for (;;) {
        try {
          return await call(signal)
        } catch (error) {
          if ((error as { detail?: string }).detail?.startsWith('no complete')) throw error
        }
      }
    },
  })
  server.answerWith((received, response) => {
    if (server.requests.length < 3) sendStatus(500)(received, response)
  })
  expect(await failure(again.chat(HELLO))).toMatchObject({ detail: 'no complete response within 400 ms' })
  expect(server.requests).toHaveLength(3)
})

test('a document is read inline, with its pages counted from 1', async () => {
  server.answerWith(
    sendJson(
      {
        model: 'mistral-ocr-4-0',
        pages: [
          { index: 1, markdown: '# Two', images: [], dimensions: null },
          { index: 2, markdown: 'Three', images: [], dimensions: null },
        ],
        usage_info: { pages_processed: 2, doc_size_bytes: 3 },
      },
      200,
      { 'mistral-correlation-id': 'correlation-1' },
    ),
  )
  const { value, facts } = await wire().ocr({
    model: 'mistral-ocr-4-0',
    document: { bytes: Buffer.from('pdf'), mediaType: 'application/pdf' },
    pages: [2, 3],
    signal: never,
  })
  expect(value).toEqual({
    pages: [
      { number: 2, markdown: '# Two' },
      { number: 3, markdown: 'Three' },
    ],
    pagesProcessed: 2,
  })
  expect(facts).toMatchObject({ endpoint: server.origin, modelReturned: 'mistral-ocr-4-0', requestId: 'correlation-1', pages: 2 })
  expect(server.requests).toMatchObject([
    {
      path: '/v1/ocr',
      body: {
        model: 'mistral-ocr-4-0',
        document: { type: 'document_url', document_url: `data:application/pdf;base64,${Buffer.from('pdf').toString('base64')}` },
        pages: [1, 2],
      },
    },
  ])
})

test('an image is read as an image', async () => {
  server.answerWith(sendJson({ model: 'o', pages: [], usage_info: { pages_processed: 0 } }))
  await wire().ocr({ model: 'o', document: { bytes: Buffer.from('png'), mediaType: 'image/png' }, signal: never })
  expect(server.requests[0]?.body.document).toMatchObject({
    type: 'image_url',
    image_url: { url: expect.stringMatching(/^data:image\/png/) },
  })
})

test('the models of a server are its ids and their aliases; a list of none is a list', async () => {
  server.answerWith(sendJson({ data: [{ id: 'mistral-small-2603', aliases: ['mistral-small-latest'] }, { id: 'say <b>hello</b> to us' }] }))
  expect(await wire().models(never)).toEqual([{ endpoint: server.origin, models: ['mistral-small-2603', 'mistral-small-latest'] }])
  server.answerWith(sendJson({ object: 'list', data: null }))
  expect(await wire().models(never)).toEqual([{ endpoint: server.origin, models: [] }])
  expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/v1/models' })
})
