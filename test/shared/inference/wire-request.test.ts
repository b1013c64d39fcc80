import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createWire } from '../../../shared/inference/openai-wire.ts'
import { refusalError, retryAfter } from '../../../shared/inference/wire-error.ts'
import { type ModelDouble, startModelDouble } from '../../support/model-double.ts'

const run = promisify(execFile)
const WIRE = new URL('../../../shared/inference/openai-wire.ts', import.meta.url).href
const never = new AbortController().signal

let double: ModelDouble
beforeEach(async () => {
  double = await startModelDouble({ models: ['m'], keyless: true })
})
afterEach(() => double.close())

function wireTo(baseUrl: string, options: Partial<Parameters<typeof createWire>[0]> = {}) {
  return createWire({ baseUrls: [baseUrl], apiKey: 'the-key', timeoutMs: 10_000, fetch, ...options })
}

/** A fresh process each time: the client reads the environment when it is made, and a test may not change its own. */
async function callWith(env: NodeJS.ProcessEnv): Promise<string> {
  const source = `
    import { createWire } from ${JSON.stringify(WIRE)}
    const wire = createWire({ baseUrls: [process.argv[1]], apiKey: 'the-key', timeoutMs: 10000, fetch })
    const signal = new AbortController().signal
    await wire.chatJson({ model: 'double-chat', system: 'JSON', user: 'u', schema: {}, schemaName: 's', maxTokens: 5, signal })
    await wire.embeddings({ model: 'double-embed', inputs: ['a'], signal })`
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', source, double.baseUrl], { env })
  return stdout + stderr
}

test('no environment variable changes a request or makes the client print it', async () => {
  await callWith({})
  const plain = [...double.requests]
  const printed = await callWith({
    OPENAI_API_KEY: 'from-environment',
    OPENAI_ADMIN_KEY: 'from-environment',
    OPENAI_ORG_ID: 'from-environment',
    OPENAI_PROJECT_ID: 'from-environment',
    OPENAI_BASE_URL: 'http://127.0.0.1:9/from-environment',
    OPENAI_CUSTOM_HEADERS: 'Authorization: Bearer from-environment\nX-Other: from-environment',
    OPENAI_LOG: 'debug',
  })
  expect(plain).toHaveLength(2)
  expect(double.requests.slice(2)).toEqual(plain)
  expect(printed).toBe('')
})

test('only the headers that a call needs are sent: no operating system, no runtime, no version', async () => {
  await wireTo(double.baseUrl, { headers: { 'x-gateway': 'mine' } }).embeddings({ model: 'double-embed', inputs: ['a'], signal: never })
  const { headers } = double.requests[0] ?? {}
  expect(headers).toMatchObject({ authorization: 'Bearer the-key', 'user-agent': 'greffier', 'x-gateway': 'mine' })
  expect(Object.keys(headers ?? {}).filter((name) => /stainless|openai/i.test(name))).toEqual([])
})

test('a server without keys gets no authorization', async () => {
  await wireTo(double.baseUrl, { apiKey: null }).embeddings({ model: 'double-embed', inputs: ['a'], signal: never })
  expect(double.requests[0]?.headers).not.toHaveProperty('authorization')
})

test('a redirect is not followed: its body would go to a host that no policy has seen', async () => {
  const other = await startModelDouble()
  double.script({ kind: 'status', status: 308, headers: { location: `${other.baseUrl}/embeddings` } })
  const call = wireTo(double.baseUrl).embeddings({ model: 'double-embed', inputs: ['a'], signal: never })
  await expect(call).rejects.toThrow('MODEL_REFUSED: HTTP 308')
  expect(other.requests).toEqual([])
  await other.close()
})

test('a response larger than the bound is given up before it is whole', async () => {
  let pulled = 0
  const oversized = async () =>
    new Response(
      new ReadableStream({
        pull: (controller) => {
          pulled += 1
          if (pulled > 64) controller.close()
          else controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20))
        },
      }),
    )
  const call = wireTo(double.baseUrl, { fetch: oversized }).embeddings({ model: 'm', inputs: ['a'], signal: never })
  await expect(call).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID', detail: 'the response is larger than 33554432 bytes' })
  expect(pulled).toBeLessThan(40)
})

test.each(['', 'api.mistral.ai', 'file:///etc', 'https://anna:secret@api.mistral.ai/v1'])(
  'the base URL %j is refused, for the client would choose one of its own, or quote it',
  (baseUrl) => {
    expect(() => wireTo(baseUrl)).toThrow(/^INVALID_REQUEST: (?!.*secret)/)
  },
)

test('a wire without a base URL is refused', () => {
  expect(() => createWire({ baseUrls: [], apiKey: null, timeoutMs: 1, fetch })).toThrow('INVALID_REQUEST')
})

test('a key that no header can carry is refused without being told', () => {
  expect(() => wireTo(double.baseUrl, { apiKey: 'sk-secret\n' })).toThrow(/^INVALID_REQUEST: (?!.*secret)/)
})

test.each([
  [null, null],
  ['5', 5],
  ['999999', 3_600],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30],
  ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ['soon', null],
])('Retry-After %j is %j seconds', (header, seconds) => {
  expect(retryAfter(header, Date.parse('2026-11-22T12:00:00Z'))).toBe(seconds)
})

test.each<[string, number, Record<string, string>, string, string, number | undefined]>([
  ['429 says when to come back', 429, { 'retry-after': '17' }, 'MODEL_BUSY', 'HTTP 429', 17],
  ['429 says nothing', 429, {}, 'MODEL_BUSY', 'HTTP 429', undefined],
  [
    '429 where the plan has no tokens for this model',
    429,
    { 'x-ratelimit-limit-tokens-minute': '0' },
    'MODEL_REFUSED',
    'HTTP 429: the limit is no tokens at all',
    undefined,
  ],
  ['503 says when to come back', 503, { 'retry-after': '2' }, 'MODEL_BUSY', 'HTTP 503', 2],
  ['503 says nothing', 503, {}, 'MODEL_UNAVAILABLE', 'HTTP 503', undefined],
  ['500 says when to come back', 500, { 'retry-after': '2' }, 'MODEL_UNAVAILABLE', 'HTTP 500', 2],
])('%s', (_, status, headers, code, detail, retryAfterSeconds) => {
  const error = refusalError({ status, headers: new Headers(headers), words: '' }, 'no such model')
  expect({ ...error, retryAfterSeconds: error.retryAfterSeconds }).toMatchObject({ code, detail, retryAfterSeconds })
})

test.each<[string, number, string, boolean]>([
  ['Mistral', 400, '{"object":"error","message":"Invalid model: nope","type":"invalid_model","param":null,"code":"1500"}', true],
  ['OpenAI', 404, '{"error":{"message":"The model `nope` does not exist","type":"invalid_request_error","code":"model_not_found"}}', true],
  ['vLLM', 404, '{"error":{"message":"The model `nope` does not exist.","type":"NotFoundError","param":"model","code":404}}', true],
  ['Ollama', 404, '{"error":{"message":"model \'nope\' not found","type":"not_found_error","param":null,"code":null}}', true],
  ['a wrong path', 404, '{"message":"no Route matched with those values"}', false],
  [
    'another refusal of Mistral',
    400,
    '{"object":"error","message":"Expected last role","type":"invalid_request_message","code":"1500"}',
    false,
  ],
])('%s: whether the model is unknown is told from a refusal', (_, status, words, isUnknown) => {
  const error = refusalError({ status, headers: undefined, words }, 'no such model')
  expect(error).toMatchObject({ code: 'MODEL_REFUSED', detail: isUnknown ? 'no such model' : `HTTP ${status}` })
})
