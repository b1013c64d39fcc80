import { Mistral } from '@mistralai/mistralai'
import { HTTPValidationError, SDKError } from '@mistralai/mistralai/models/errors'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DOUBLE_OCR_MODEL } from './mistral-double/models.ts'
import { DOUBLE_DIMENSIONS, DOUBLE_MODELS, type ModelDouble, startModelDouble } from './model-double.ts'

// Mistral's own client parses what it receives with schemas of its own: what it takes from the double, it would take from Mistral.

let double: ModelDouble
let client: Mistral
beforeEach(async () => {
  double = await startModelDouble()
  client = new Mistral({ apiKey: 'a-key', serverURL: double.origin, retryConfig: { strategy: 'none' } })
})
afterEach(() => double.close())

const model = DOUBLE_MODELS.chat
const hello = [{ role: 'user' as const, content: 'Hello' }]
const TOOL = {
  type: 'function' as const,
  function: {
    name: 'find_invoice',
    parameters: { type: 'object', properties: { number: { type: 'string' } }, required: ['number'], additionalProperties: false },
  },
}

describe('Mistral’s own client reads', () => {
  afterEach(() => {
    expect(double.refusals).toEqual([])
    expect(double.requests.length).toBeGreaterThan(0)
  })

  test('a chat answer in words, with its usage', async () => {
    const answer = await client.chat.complete({ model, messages: hello })
    expect(answer).toMatchObject({ model: `${model}-0001`, object: 'chat.completion' })
    expect(answer.choices).toMatchObject([{ index: 0, finishReason: 'stop', message: { role: 'assistant', content: expect.any(String) } }])
    expect(answer.usage).toMatchObject({ promptTokens: 1, completionTokens: 5, totalTokens: 6 })
  })

  test('a chat answer that fits the JSON schema of its request', async () => {
    const schemaDefinition = {
      type: 'object',
      properties: { kind: { enum: ['letter', 'invoice'] }, total: { type: ['number', 'null'] }, parties: { type: 'array', items: {} } },
      required: ['kind', 'total', 'parties'],
      additionalProperties: false,
    }
    const responseFormat = { type: 'json_schema' as const, jsonSchema: { name: 'document', schemaDefinition, strict: true } }
    const answer = await client.chat.complete({ model, messages: hello, responseFormat })
    expect(JSON.parse(String(answer.choices[0]?.message?.content))).toEqual({ kind: 'letter', total: null, parties: [] })
  })

  test('a tool call, and the answer after the tool has answered', async () => {
    const asked = await client.chat.complete({ model, messages: hello, tools: [TOOL], toolChoice: 'any' })
    const message = asked.choices[0]?.message
    const [call] = message?.toolCalls ?? []
    expect(asked.choices[0]?.finishReason).toBe('tool_calls')
    expect(call).toMatchObject({
      id: expect.stringMatching(/^[a-zA-Z0-9]{9}$/),
      function: { name: 'find_invoice', arguments: '{"number":""}' },
    })

    const messages = [
      ...hello,
      { ...message, role: 'assistant' as const },
      { role: 'tool' as const, content: 'found', toolCallId: call?.id ?? '', name: 'find_invoice' },
    ]
    const answered = await client.chat.complete({ model, messages, tools: [TOOL], toolChoice: 'auto' })
    expect(answered.choices[0]).toMatchObject({ finishReason: 'stop', message: { content: expect.any(String) } })
  })

  test('an answer about an image', async () => {
    const content = [
      { type: 'text' as const, text: 'What does it show?' },
      { type: 'image_url' as const, imageUrl: 'data:image/png;base64,iVBORw0KGgo=' },
    ]
    const answer = await client.chat.complete({ model, messages: [{ role: 'user', content }] })
    expect(answer.choices[0]?.finishReason).toBe('stop')
    expect(answer.usage.promptTokens).toBe(4)
  })

  test('a stream of words to its end', async () => {
    double.answerWith(() => 'Words that come in more than one piece, in their order.')
    const chunks = await streamed()
    expect(chunks.length).toBeGreaterThan(3)
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant')
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content).join('')).toBe('Words that come in more than one piece, in their order.')
    expect(chunks.map((chunk) => chunk.choices[0]?.finishReason).filter((reason) => reason !== null)).toEqual(['stop'])
    expect(chunks.at(-1)?.usage).toMatchObject({ promptTokens: 1, completionTokens: 11, totalTokens: 12 })
  })

  test('a stream of a tool call', async () => {
    const chunks = await streamed({ tools: [TOOL] })
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.delta.toolCalls ?? [])).toMatchObject([{ function: { name: 'find_invoice' } }])
    expect(chunks.at(-1)?.choices[0]?.finishReason).toBe('tool_calls')
  })

  test('vectors, one for each text', async () => {
    const answer = await client.embeddings.create({ model: DOUBLE_MODELS.embed, inputs: ['one', 'two two'] })
    expect(answer.data.map(({ index, embedding }) => [index, embedding?.length])).toEqual([
      [0, DOUBLE_DIMENSIONS],
      [1, DOUBLE_DIMENSIONS],
    ])
    expect(answer.usage).toMatchObject({ promptTokens: 3, totalTokens: 3 })
  })

  test('the list of models', async () => {
    const { data = [] } = await client.models.list()
    // A card that it could not read would be of type UNKNOWN.
    const base = { type: 'base', object: 'model', ownedBy: 'double' }
    expect(data).toMatchObject([
      { ...base, id: model, capabilities: { completionChat: true, functionCalling: true, vision: true } },
      { ...base, id: DOUBLE_MODELS.embed, capabilities: { completionChat: false } },
      { ...base, id: DOUBLE_OCR_MODEL, capabilities: { ocr: true } },
    ])
  })

  test('the pages of a document', async () => {
    double.readWith(({ mediaType, bytes }) => [`${mediaType}: ${bytes}`, '# Second', 'Third'])
    const documentUrl = `data:application/pdf;base64,${Buffer.from('%PDF').toString('base64')}`
    const answer = await client.ocr.process({
      model: DOUBLE_OCR_MODEL,
      document: { type: 'document_url', documentUrl },
      pages: '0-1',
      confidenceScoresGranularity: 'word',
    })
    expect(answer.pages.map(({ index, markdown }) => [index, markdown])).toEqual([
      [0, 'application/pdf: %PDF'],
      [1, '# Second'],
    ])
    expect(answer.pages[1]?.blocks).toMatchObject([{ type: 'text', content: '# Second' }])
    expect(answer.pages[1]?.confidenceScores?.wordConfidenceScores).toMatchObject([{ text: '#' }, { text: 'Second', startIndex: 2 }])
    expect(answer.usageInfo).toMatchObject({ pagesProcessed: 2, docSizeBytes: 4 })
  })

  test('an answer cut by its length', async () => {
    const answer = await client.chat.complete({ model, messages: hello, maxTokens: 2 })
    expect(answer.choices[0]).toMatchObject({ finishReason: 'length', message: { content: 'The double ' } })
  })

  async function streamed(more: { tools?: (typeof TOOL)[] } = {}) {
    const chunks = []
    for await (const event of await client.chat.stream({ model, messages: hello, ...more })) chunks.push(event.data)
    return chunks
  }
})

describe('Mistral’s own client takes for an error', () => {
  test('a request that the schema does not know, with the place', async () => {
    const wrong = client.chat.complete({ model, messages: hello, temperature: 2 })
    const error = await wrong.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HTTPValidationError)
    expect((error as HTTPValidationError).detail).toEqual([
      { loc: ['body', 'temperature'], msg: 'Input must be <= 1.5', type: 'value_error' },
    ])
    expect(double.refusals).toMatchObject([{ path: '/v1/chat/completions', status: 422 }])
  })

  test('an unknown model', async () => {
    const error = await client.embeddings.create({ model: 'no-such', inputs: ['a'] }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SDKError)
    expect(JSON.parse((error as SDKError).body)).toMatchObject({ message: 'Invalid model: no-such', type: 'invalid_model', code: '1500' })
  })

  test.each([
    [{ kind: 'rate_limited', retryAfter: 7 } as const, 429],
    [{ kind: 'status', status: 500 } as const, 500],
    [{ kind: 'status', status: 503 } as const, 503],
  ])('%j', async (behaviour, status) => {
    double.script(behaviour)
    const error = await client.chat.complete({ model, messages: hello }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SDKError)
    expect(error).toMatchObject({ statusCode: status })
  })

  test('a request without a key', async () => {
    const error = await new Mistral({ serverURL: double.origin }).models.list().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ statusCode: 401 })
    expect(double.refusals).toMatchObject([{ path: '/v1/models', status: 401 }])
  })
})
