import { expect, test } from 'vitest'
import { createMistralProvider } from '../../../shared/inference/mistral.ts'
import { failure } from '../../support/failure.ts'
import { chunk, sendChat, sendEvents, sendJson, sendStatus, startWireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal
const MODELS = {
  classify: 'mistral-small-latest',
  extract: 'mistral-small-latest',
  answer: 'mistral-large-latest',
  embed: 'mistral-embed',
  ocr: 'mistral-ocr-4-0',
}

test.each([
  ['eu', 'https://api.eu.mistral.ai'],
  ['global', 'https://api.mistral.ai'],
  ['us', 'https://api.us.mistral.ai'],
] as const)('the region %s is served by %s, and the bytes go there', async (region, origin) => {
  const called: string[] = []
  const offline: typeof fetch = async (input) => {
    called.push(String(input))
    return new Response('{}', { status: 400 })
  }
  const provider = createMistralProvider({ apiKey: 'k', region, models: MODELS, fetch: offline })
  expect(provider).toMatchObject({ processor: 'mistral', endpoints: [origin], region, models: MODELS })
  await expect(provider.embed(['a'], never)).rejects.toThrow('MODEL_REFUSED')
  expect(called).toEqual([`${origin}/v1/embeddings`])
})

async function mistralAt(models: Partial<typeof MODELS> = {}, promptCache = false) {
  const server = await startWireServer()
  const provider = createMistralProvider({
    apiKey: 'k',
    region: 'eu',
    models: { ...MODELS, ...models },
    baseUrl: server.baseUrl,
    promptCache,
    fetch,
  })
  return { server, provider }
}

test('nothing is sent that would let the server keep what a prompt begins with, unless the operator says so', async () => {
  const { server, provider } = await mistralAt()
  await provider.chat({ task: 'answer', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 9, cacheKey: 'opaque' }, never)
  expect(server.requests[0]?.body).not.toHaveProperty('prompt_cache_key')
  await server.close()
})

test('a conversation goes to the model of its task, with its cache key and without the keys that Mistral refuses', async () => {
  const { server, provider } = await mistralAt({}, true)
  const request = { messages: [{ role: 'user' as const, content: 'Hello' }], maxTokens: 9, cacheKey: 'opaque' }
  await provider.chat({ ...request, task: 'answer' }, never)
  server.answerWith(sendEvents([chunk({ content: 'x' }, 'stop')]))
  for await (const _ of provider.chatStream({ ...request, task: 'classify' }, never));
  const body = { temperature: 0, max_tokens: 9, prompt_cache_key: 'opaque', messages: request.messages }
  expect(server.requests.map((received) => received.body)).toEqual([
    { ...body, model: 'mistral-large-latest' },
    { ...body, model: 'mistral-small-latest', stream: true },
  ])
  await server.close()
})

test('an image goes to a vision model by name', async () => {
  const { server, provider } = await mistralAt({ answer: 'pixtral-large-latest' })
  server.answerWith(sendChat('a cat'))
  const image = { type: 'image' as const, bytes: Buffer.from('png'), mediaType: 'image/png' }
  const { value } = await provider.chat({ task: 'answer', messages: [{ role: 'user', content: [image] }], maxTokens: 9 }, never)
  expect(value.text).toBe('a cat')
  expect(server.requests[0]?.body).toMatchObject({ model: 'pixtral-large-latest' })
  await server.close()
})

test('pages are read by the model for reading', async () => {
  const { server, provider } = await mistralAt()
  server.answerWith(sendJson({ model: 'mistral-ocr-4-0', pages: [{ index: 0, markdown: 'One' }], usage_info: { pages_processed: 1 } }))
  const { value } = await provider.readPages({ bytes: Buffer.from('pdf'), mediaType: 'application/pdf', pages: [1] }, never)
  expect(value.pages).toEqual([{ number: 1, markdown: 'One' }])
  expect(server.requests[0]).toMatchObject({ path: '/v1/ocr', body: { model: 'mistral-ocr-4-0', pages: [0] } })
  await server.close()
})

test('an unknown model is said to be unknown, in our words', async () => {
  const { server, provider } = await mistralAt()
  server.answerWith(sendStatus(400, { object: 'error', message: 'Invalid model: Anna', type: 'invalid_model', code: '1500' }))
  expect(await failure(provider.embed(['a'], never))).toMatchObject({ code: 'MODEL_REFUSED', detail: 'the server has no such model' })
  await server.close()
})

test('at the start each configured model that the region does not serve is named, with those that it does', async () => {
  const { server, provider } = await mistralAt({ extract: 'mistral-foo' })
  server.answerWith(
    sendJson({
      object: 'list',
      data: [{ id: 'mistral-small-2603', aliases: ['mistral-small-latest'] }, { id: 'mistral-large-latest' }, { id: 'mistral-embed' }],
    }),
  )
  const serves = 'it serves: mistral-small-2603, mistral-small-latest, mistral-large-latest, mistral-embed'
  expect(await provider.missing(never)).toEqual([
    `mistral (${server.origin}) does not serve mistral-foo; ${serves}`,
    `mistral (${server.origin}) does not serve mistral-ocr-4-0; ${serves}`,
  ])
  expect(await provider.missing(never, ['classify', 'embed'])).toEqual([])
  expect(server.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
    ['GET', '/v1/models', {}],
    ['GET', '/v1/models', {}],
  ])
  await server.close()
})
