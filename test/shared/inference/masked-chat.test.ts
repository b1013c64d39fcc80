import { expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { ChatDelta, ChatRequest, ChatTool, ToolCall } from '../../../shared/inference/chat.ts'
import { type ChatMask, maskedChat } from '../../../shared/inference/masked-chat.ts'
import { failure } from '../../support/failure.ts'
import { fakeProvider } from '../../support/providers.ts'

const never = new AbortController().signal
const MASK: ChatMask = {
  maskAll: async (texts) => texts.map((text) => text.replaceAll('Anna', '[NAME-1]')),
  unmask: (text) => text.replaceAll('[NAME-1]', 'Anna'),
}
const REQUEST: ChatRequest = {
  task: 'answer',
  maxTokens: 9,
  messages: [
    { role: 'system', content: 'Anna asks.' },
    { role: 'user', content: 'Who is Anna?' },
    { role: 'user', content: [{ type: 'text', text: 'Anna again' }] },
    { role: 'assistant', content: null, toolCalls: [{ id: '1', name: 'find', arguments: { who: ['Anna', { also: 'Anna' }], age: 9 } }] },
    { role: 'tool', toolCallId: '1', name: 'find', content: 'Anna lives here' },
  ],
  tools: [{ name: 'find', description: 'Finds people, such as Anna.', parameters: { type: 'object', properties: { who: {} } } }],
  toolChoice: { name: 'find' },
  responseFormat: { type: 'json_schema', name: 'found', schema: { type: 'object', required: ['where'] } },
  cacheKey: 'finding',
}

function listening(mask: ChatMask = MASK) {
  const seen: string[] = []
  const provider = fakeProvider('outside', {
    chat: async (request) => {
      seen.push(JSON.stringify(request))
      return {
        value: { text: 'It is [NAME-1].', toolCalls: [{ id: '2', name: 'find', arguments: { who: '[NAME-1]' } }] },
        facts: { endpoint: '', modelReturned: '', tokensIn: 1, tokensCached: 0, tokensOut: 1, requestId: null },
      }
    },
    chatStream: async function* (request): AsyncGenerator<ChatDelta> {
      seen.push(JSON.stringify(request))
      yield { kind: 'text', text: 'It is [NA' }
      yield { kind: 'text', text: 'ME-1].' }
      yield { kind: 'tool_call', call: { id: '2', name: 'find', arguments: { who: '[NAME-1]' } } }
    },
  })
  return { seen, chat: maskedChat(provider, mask) }
}

test('every text of a conversation is masked, wherever it stands, and the rest is as it was', async () => {
  const { seen, chat } = listening()
  await chat.chat(REQUEST, never)
  for await (const _ of chat.chatStream(REQUEST, never));
  const masked = JSON.stringify(REQUEST).replaceAll('Anna', '[NAME-1]')
  expect(seen).toEqual([masked, masked])
})

test('the answer is unmasked, in tool calls too', async () => {
  const { value } = await listening().chat.chat(REQUEST, never)
  expect(value).toEqual({ text: 'It is Anna.', toolCalls: [{ id: '2', name: 'find', arguments: { who: 'Anna' } }] })
})

test('a stream whose placeholder was cut is unmasked all the same', async () => {
  const deltas: ChatDelta[] = []
  for await (const delta of listening().chat.chatStream(REQUEST, never)) deltas.push(delta)
  expect(deltas).toEqual([
    { kind: 'text', text: 'It is Anna.' },
    { kind: 'tool_call', call: { id: '2', name: 'find', arguments: { who: 'Anna' } } },
  ])
})

test('an image is not shown where names are masked', async () => {
  const { seen, chat } = listening()
  const image = { type: 'image' as const, bytes: Buffer.from('png'), mediaType: 'image/png' }
  const request: ChatRequest = { ...REQUEST, messages: [{ role: 'user', content: [image] }] }
  expect((await failure(chat.chat(request, never))).code).toBe('POLICY_REFUSED')
  expect((await failure(chat.chatStream(request, never)[Symbol.asyncIterator]().next() as Promise<unknown>)).code).toBe('POLICY_REFUSED')
  expect(seen).toEqual([])
})

const calling = (given: Partial<ToolCall>): Partial<ChatRequest> => ({
  messages: [{ role: 'assistant', content: null, toolCalls: [{ id: '1', name: 'find', arguments: {}, ...given }] }],
})
const tool = (given: Partial<ChatTool>): Partial<ChatRequest> => ({
  tools: [{ name: 'find', description: '', parameters: {}, ...given }],
})

test.each<[string, Partial<ChatRequest>]>([
  ['the key of an argument', calling({ arguments: { 'born of Anna': 1 } })],
  ['a key deep in an argument', calling({ arguments: { list: [{ of: { Anna: true } }] } })],
  ['a number', calling({ arguments: { id: 4711 } })],
  ['the name of a call', calling({ name: 'call-Anna' })],
  ['the id of a call', calling({ id: 'Anna-1' })],
  ['the name of an answer', { messages: [{ role: 'tool', toolCallId: '1', name: 'call-Anna', content: '' }] }],
  ['the id of an answer', { messages: [{ role: 'tool', toolCallId: 'Anna-1', name: 'find', content: '' }] }],
  ['the name of a tool', tool({ name: 'call-Anna' })],
  ['the key of a parameter', tool({ parameters: { properties: { Anna: {} } } })],
  ['the words that a parameter allows', tool({ parameters: { properties: { who: { enum: ['Bert', 'Anna'] } } } })],
  ['the choice of a tool', { toolChoice: { name: 'call-Anna' } }],
  ['the name of a format', { responseFormat: { type: 'json_schema', name: 'Anna', schema: {} } }],
  ['the schema of a format', { responseFormat: { type: 'json_schema', name: 'found', schema: { description: 'of Anna' } } }],
  ['a cache key', { cacheKey: 'Anna' }],
])('what has to be given back as it is goes out as it is or not at all: %s', async (_what, given) => {
  const { seen, chat } = listening({
    ...MASK,
    maskAll: async (texts) => texts.map((text) => text.replaceAll('Anna', '[NAME-1]').replaceAll('4711', '[NATIONAL_ID-1]')),
  })
  const { tools: _tools, toolChoice: _choice, responseFormat: _format, cacheKey: _key, ...plain } = REQUEST
  const refused = await failure(chat.chat({ ...plain, ...given }, never))
  expect(refused.code).toBe('POLICY_REFUSED')
  expect(refused.message).not.toContain('Anna')
  expect(
    (
      await failure(
        chat
          .chatStream({ ...plain, ...given }, never)
          [Symbol.asyncIterator]()
          .next(),
      )
    ).code,
  ).toBe('POLICY_REFUSED')
  expect(seen).toEqual([])
})

test('the bounds of a schema are nobody’s number', async () => {
  const { seen, chat } = listening({ ...MASK, maskAll: async (texts) => texts.map((text) => text.replace(/\d{4,}/, '[PHONE-1]')) })
  await chat.chat({ ...REQUEST, ...tool({ parameters: { maximum: Number.MAX_SAFE_INTEGER } }) }, never)
  expect(seen).toHaveLength(1)
})

test('nothing is sent where something is still to be seen', async () => {
  const { seen, chat } = listening({ ...MASK, maskAll: () => Promise.reject(new AppError('POLICY_REFUSED')) })
  await failure(chat.chat(REQUEST, never))
  expect(seen).toEqual([])
})
