import { afterEach, beforeEach, expect, test } from 'vitest'
import { createVllmProvider } from '../../../shared/inference/vllm.ts'
import { sendChat, sendJson, startWireServer, type WireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal
const MODELS = { classify: 'small', extract: 'small', answer: 'small', embed: 'vectors', ocr: null }

let first: WireServer
let second: WireServer
let embedder: WireServer
beforeEach(async () => {
  ;[first, second, embedder] = await Promise.all([startWireServer(), startWireServer(), startWireServer()])
})
afterEach(() => Promise.all([first.close(), second.close(), embedder.close()]))

function vllm(embedBaseUrls?: string[]) {
  const baseUrls = [first.baseUrl, second.baseUrl]
  return createVllmProvider({ baseUrls, ...(embedBaseUrls && { embedBaseUrls }), apiKey: null, models: MODELS, region: 'eu', fetch })
}

test('the grammar of an answer is asked for by json_schema, and by nothing that a newer version ignores', async () => {
  first.answerWith(sendChat('{"answer":null,"citations":[]}'))
  await vllm().answer('Why?', [{ ref: 1, text: 'x' }], never)
  const { body } = first.requests[0] ?? {}
  expect(body?.response_format).toMatchObject({ type: 'json_schema', json_schema: { schema: { type: 'object' }, strict: true } })
  expect(Object.keys(body ?? {}).toSorted()).toEqual(['max_tokens', 'messages', 'model', 'response_format', 'temperature'])
})

test('every replica is an endpoint, and a call names the one that answered', async () => {
  const provider = vllm([embedder.baseUrl])
  expect(provider.endpoints).toEqual([first.origin, second.origin, embedder.origin])
  const request = { task: 'answer' as const, messages: [{ role: 'user' as const, content: 'Hello' }], maxTokens: 9 }
  const answered = [await provider.chat(request, never), await provider.chat(request, never)]
  expect(answered.map(({ facts }) => facts.endpoint)).toEqual([first.origin, second.origin])
})

test('texts are embedded by the servers for it, where there are some', async () => {
  const vectors = sendJson({ model: 'vectors', data: [{ index: 0, embedding: [3, 4] }], usage: { prompt_tokens: 1 } })
  for (const server of [first, embedder]) server.answerWith(vectors)
  await vllm([embedder.baseUrl]).embed(['a'], never)
  expect([first.requests.length, embedder.requests.length]).toEqual([0, 1])
  await vllm().embed(['a'], never)
  expect([first.requests.length, embedder.requests.length]).toEqual([1, 1])
})

test('what is answered is heard of from the servers for texts and from the others alike', async () => {
  const heard: string[] = []
  embedder.answerWith(sendJson({ model: 'vectors', data: [{ index: 0, embedding: [3, 4] }], usage: { prompt_tokens: 1 } }))
  const metered = vllm([embedder.baseUrl]).metered?.(({ endpoint }) => void heard.push(endpoint))
  await metered?.embed(['a'], never)
  await metered?.chat({ task: 'answer', messages: [{ role: 'user', content: 'Hello' }], maxTokens: 9 }, never)
  expect(heard).toEqual([embedder.origin, first.origin])
})

test('at the start each replica is asked for its own model', async () => {
  first.answerWith(sendJson({ data: [{ id: 'small' }] }))
  second.answerWith(sendJson({ data: [{ id: 'other' }] }))
  embedder.answerWith(sendJson({ data: [] }))
  const serves = (server: WireServer, missing: string, served: string) =>
    `vllm (${server.origin}) does not serve ${missing}; it serves: ${served}`
  expect(await vllm([embedder.baseUrl]).missing(never)).toEqual([serves(second, 'small', 'other'), serves(embedder, 'vectors', 'nothing')])
})
