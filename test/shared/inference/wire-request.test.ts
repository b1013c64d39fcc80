import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createWire } from '../../../shared/inference/openai-wire.ts'
import { retryAfter } from '../../../shared/inference/wire-error.ts'
import { type ModelDouble, startModelDouble } from '../../support/model-double.ts'

const run = promisify(execFile)
const WIRE = new URL('../../../shared/inference/openai-wire.ts', import.meta.url).href

let double: ModelDouble
beforeEach(async () => {
  double = await startModelDouble({ models: ['m'], keyless: true })
})
afterEach(() => double.close())

/** A fresh process each time: the client reads the environment when it is made, and a test may not change its own. */
async function callWith(env: NodeJS.ProcessEnv): Promise<string> {
  const source = `
    import { createWire } from ${JSON.stringify(WIRE)}
    const wire = createWire({ baseUrl: process.argv[1], apiKey: 'the-key', timeoutMs: 10000 })
    const signal = new AbortController().signal
    await wire.chatJson({ model: 'm', system: 'JSON', user: 'u', schema: {}, schemaName: 's', maxTokens: 5, signal })
    await wire.embeddings({ model: 'm', inputs: ['a'], signal })`
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
  const wire = createWire({ baseUrl: double.baseUrl, apiKey: 'the-key', timeoutMs: 10_000, headers: { 'x-gateway': 'mine' } })
  await wire.embeddings({ model: 'm', inputs: ['a'], signal: new AbortController().signal })
  const { headers } = double.requests[0] ?? {}
  expect(headers).toMatchObject({ authorization: 'Bearer the-key', 'user-agent': 'greffier', 'x-gateway': 'mine' })
  expect(Object.keys(headers ?? {}).filter((name) => /stainless|openai/i.test(name))).toEqual([])
})

test('a server without keys gets no authorization', async () => {
  const wire = createWire({ baseUrl: double.baseUrl, apiKey: null, timeoutMs: 10_000 })
  await wire.embeddings({ model: 'm', inputs: ['a'], signal: new AbortController().signal })
  expect(double.requests[0]?.headers).not.toHaveProperty('authorization')
})

test('a redirect is not followed: its body would go to a host that no policy has seen', async () => {
  const other = await startModelDouble()
  double.script({ kind: 'status', status: 308, headers: { location: `${other.baseUrl}/embeddings` } })
  const wire = createWire({ baseUrl: double.baseUrl, apiKey: 'the-key', timeoutMs: 10_000 })
  await expect(wire.embeddings({ model: 'm', inputs: ['a'], signal: new AbortController().signal })).rejects.toThrow(
    'MODEL_REFUSED: HTTP 308',
  )
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
  const wire = createWire({ baseUrl: double.baseUrl, apiKey: null, timeoutMs: 10_000, fetch: oversized })
  const call = wire.embeddings({ model: 'm', inputs: ['a'], signal: new AbortController().signal })
  await expect(call).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID', detail: 'the response is larger than 33554432 bytes' })
  expect(pulled).toBeLessThan(40)
})

test.each(['', 'api.mistral.ai', 'file:///etc'])('the base URL %j is refused, for the client would choose one of its own', (baseUrl) => {
  expect(() => createWire({ baseUrl, apiKey: 'k', timeoutMs: 1 })).toThrow('INVALID_REQUEST')
})

test('a key that no header can carry is refused without being told', () => {
  expect(() => createWire({ baseUrl: double.baseUrl, apiKey: 'sk-secret\n', timeoutMs: 1 })).toThrow(/^INVALID_REQUEST: (?!.*secret)/)
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
