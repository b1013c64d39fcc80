import { expect, test } from 'vitest'
import type { ChatRequest } from '../../../shared/inference/chat.ts'
import { createMistralProvider } from '../../../shared/inference/mistral.ts'
import { DOUBLE_MODELS, startModelDouble } from '../../support/model-double.ts'

const never = new AbortController().signal
const TOOL = { name: 'status', description: 'Tells a status', parameters: { type: 'object', properties: { of: { type: 'string' } } } }
const IMAGE = { type: 'image' as const, bytes: Buffer.from('png'), mediaType: 'image/png' }

test('every kind of request fits the schemas of Mistral’s own API', async () => {
  const double = await startModelDouble()
  const models = {
    classify: DOUBLE_MODELS.chat,
    extract: DOUBLE_MODELS.chat,
    answer: DOUBLE_MODELS.chat,
    embed: DOUBLE_MODELS.embed,
    ocr: 'double-ocr',
  }
  const provider = createMistralProvider({ apiKey: 'k', region: 'eu', models, baseUrl: double.baseUrl, fetch })
  const request: ChatRequest = {
    task: 'answer',
    maxTokens: 200,
    cacheKey: 'opaque',
    messages: [
      { role: 'system', content: 'Return JSON.' },
      { role: 'user', content: [{ type: 'text', text: 'What is this?' }, IMAGE] },
      { role: 'assistant', content: null, toolCalls: [{ id: 'a1b2c3d4e', name: 'status', arguments: { of: 'x' } }] },
      { role: 'tool', toolCallId: 'a1b2c3d4e', name: 'status', content: 'green' },
      { role: 'user', content: 'And now?' },
    ],
  }
  const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }
  const variants: Partial<ChatRequest>[] = [
    {},
    { temperature: 0.7, tools: [TOOL], toolChoice: 'auto' },
    { tools: [TOOL], toolChoice: { name: 'status' } },
    { tools: [TOOL], toolChoice: 'required' },
    { responseFormat: { type: 'json_object' } },
    { responseFormat: { type: 'json_schema', name: 'thing', schema } },
  ]
  for (const variant of variants) {
    await provider.chat({ ...request, ...variant }, never)
    const kinds: string[] = []
    for await (const delta of provider.chatStream({ ...request, ...variant }, never)) kinds.push(delta.kind)
    expect(kinds.at(-1)).toBe('end')
  }
  await provider.embed(['a', 'b'], never)
  await provider.readPages({ bytes: Buffer.from('%PDF-1.7'), mediaType: 'application/pdf', pages: [1] }, never)
  await provider.readPages(IMAGE, never)
  expect(await provider.missing(never)).toEqual([])
  expect(double.refusals).toEqual([])
  expect(double.requests).toHaveLength(2 * variants.length + 4)
  await double.close()
})
