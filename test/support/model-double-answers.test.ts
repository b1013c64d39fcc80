import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerTo, type Body, chat, eventsIn, hello, inSchema, LETTER, post, said, scan, two } from './mistral-double/asking.ts'
import { requestedSchema } from './mistral-double/requested-schema.ts'
import { CHAT_PATH, EMBEDDINGS_PATH, OCR_PATH, responseProblems } from './mistral-double/schemas.ts'
import { type Behaviour, DOUBLE_DIMENSIONS, type ModelDouble, startModelDouble } from './model-double.ts'

let double: ModelDouble
beforeEach(async () => {
  double = await startModelDouble()
})
afterEach(() => double.close())

describe('what the model says', () => {
  test('is the smallest value of the schema, the same each time', async () => {
    expect(await said(double, inSchema('anything'))).toEqual({ type: 'invoice', language: null, tags: [] })
    expect(await said(double, inSchema('anything'))).toEqual(await said(double, inSchema('anything')))
  })

  test('is what the test says for a schema or a prompt, and what it does not say stays the double’s', async () => {
    double.answerWith(({ schemaName, user }) =>
      schemaName === 'classification' && user === 'Hello' ? { type: 'letter', language: 'de', tags: ['x'] } : undefined,
    )
    expect(await said(double, inSchema('classification'))).toEqual({ type: 'letter', language: 'de', tags: ['x'] })
    expect(await said(double, inSchema('another'))).toEqual({ type: 'invoice', language: null, tags: [] })
  })

  test('cannot be what a strict schema does not allow: the test hears of it when the double is closed', async () => {
    const own = await startModelDouble({ keyless: true })
    own.answerWith(() => ({ type: 'frog' }))
    const response = await fetch(`${own.origin}${CHAT_PATH}`, { method: 'POST', body: JSON.stringify(inSchema('s')) })
    expect(response.status).toBe(500)
    await expect(own.close()).rejects.toThrow(/answerWith gave what schema s does not allow/)
  })

  test('of a document is a letter with the title that its first line is, as far as the schema has these keys', async () => {
    const user = '[[page 3 0123456789abcdef]]\n\n  The title\nText\n[[end 0123456789abcdef]]'
    const asked = (name: string, schema: Body) => ({ ...inSchema(name, schema), messages: [{ role: 'user', content: user }] })
    const extraction = {
      type: 'object',
      properties: { title: { type: 'object' }, total: { type: 'integer' } },
      required: ['title', 'total'],
    }
    expect(await said(double, asked('classification', LETTER))).toEqual({ type: 'letter', language: null, tags: [] })
    expect(await said(double, asked('extraction', extraction))).toEqual({
      title: { value: 'The title', quote: 'The title', page: '3' },
      total: 0,
    })
    const inPrompt = {
      ...hello,
      response_format: { type: 'json_object' },
      messages: [
        { role: 'system', content: `JSON:\n${JSON.stringify(extraction)}` },
        { role: 'user', content: user },
      ],
    }
    expect(await said(double, inPrompt)).toEqual(await said(double, asked('extraction', extraction)))
  })

  test('ends where max_tokens ends it, and says so', async () => {
    const { choices, usage } = await chat(double, { ...hello, max_tokens: 2 })
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'The double ' } })
    expect(usage.completion_tokens).toBe(2)
  })

  test('costs less for the blocks of a prompt that came before under the same cache key', async () => {
    const start = 'word '.repeat(200)
    const asked = async (content: string, prompt_cache_key: string) =>
      (await chat(double, { ...hello, messages: [{ role: 'user', content }], prompt_cache_key })).usage
    expect((await asked(`${start}one`, 'a')).prompt_tokens_details.cached_tokens).toBe(0)
    expect(await asked(`${start}two`, 'a')).toMatchObject({ prompt_tokens: 201, prompt_tokens_details: { cached_tokens: 192 } })
    expect((await asked(`${start}one`, 'b')).prompt_tokens_details.cached_tokens).toBe(0)
  })

  test('is a call of the tool that is asked for, and of none where none is wanted', async () => {
    const tools = ['f', 'g'].map((name) => ({ function: { name, parameters: LETTER } }))
    const called = async (tool_choice: unknown) => (await chat(double, { ...hello, tools, tool_choice })).choices[0]?.message.tool_calls
    expect(await called('auto')).toMatchObject([{ function: { name: 'f', arguments: '{"type":"invoice","language":null,"tags":[]}' } }])
    expect(await called({ function: { name: 'g' } })).toMatchObject([{ function: { name: 'g' } }])
    expect(await called('none')).toBeNull()
  })

  test('of pages is what the test reads in them, else their text', async () => {
    const pages = async () => ((await answerTo(double, OCR_PATH, scan)).pages as { markdown: string }[]).map(({ markdown }) => markdown)
    expect(await pages()).toEqual(['First', 'Second'])
    double.readWith(({ mediaType, bytes }) => [`${mediaType} of ${bytes.length} bytes`])
    expect(await pages()).toEqual(['text/plain of 12 bytes'])
  })
})

describe('a scripted answer', () => {
  test.each<[Behaviour, number, Record<string, string | RegExp>]>([
    [
      { kind: 'rate_limited', retryAfter: 17, remainingTokens: 12 },
      429,
      { 'retry-after': '17', 'x-ratelimit-remaining-tokens-minute': '12', 'x-ratelimit-remaining-req-minute': '0' },
    ],
    [{ kind: 'rate_limited', retryAfter: new Date('2026-11-26T12:00:00Z') }, 429, { 'retry-after': 'Thu, 26 Nov 2026 12:00:00 GMT' }],
    [{ kind: 'status', status: 429, headers: { 'retry-after': '3' } }, 429, { 'retry-after': '3' }],
    [{ kind: 'status', status: 500 }, 500, {}],
    [{ kind: 'status', status: 503 }, 503, {}],
    [{ kind: 'unknown_model' }, 400, {}],
  ])('%j', async (behaviour, status, headers) => {
    double.script(behaviour)
    const response = await post(double, CHAT_PATH, hello)
    expect(response.status).toBe(status)
    expect(Object.fromEntries(response.headers)).toMatchObject(headers)
    expect(await response.json()).toMatchObject({ object: 'error', raw_status_code: status })
    expect((await post(double, CHAT_PATH, hello)).status).toBe(200)
    expect(double.refusals).toEqual([])
  })

  test.each<[string, Behaviour, object]>([
    ['JSON of the test', { kind: 'json', value: [1] }, { message: { content: '[1]' }, finish_reason: 'stop' }],
    ['words of the test', { kind: 'content', content: 'x', finishReason: 'error' }, { message: { content: 'x' }, finish_reason: 'error' }],
    ['a cut one that parses', { kind: 'length', value: {} }, { message: { content: '{}' }, finish_reason: 'length' }],
    ['one that is cut in its content', { kind: 'cut_content' }, { message: { content: '{"type":"invoice","lan' }, finish_reason: 'stop' }],
    ['a refusal', { kind: 'refusal', as: 'key' }, { message: { content: null, refusal: expect.any(String) } }],
    ['a refusal in prose', { kind: 'refusal', as: 'prose' }, { message: { content: 'I cannot help with that.' } }],
    [
      'a tool call',
      { kind: 'tool_calls', calls: [{ name: 'f', arguments: { a: 1 } }] },
      { message: { tool_calls: [{ function: { name: 'f', arguments: '{"a":1}' } }] }, finish_reason: 'tool_calls' },
    ],
    [
      'white space as long as it may be',
      { kind: 'white_space' },
      { message: { content: expect.stringMatching(/^\s{20}$/) }, finish_reason: 'length' },
    ],
  ])('%s', async (_, behaviour, choice) => {
    double.script(behaviour)
    expect((await chat(double, { ...inSchema('s'), max_tokens: 10 })).choices).toMatchObject([choice])
  })

  test('comes in a stream as well: a refusal, and one that is cut by its length', async () => {
    double.script({ kind: 'refusal', as: 'key' }, { kind: 'length', value: { a: 1 } })
    const streamed = async () => eventsIn(await (await post(double, CHAT_PATH, { ...hello, stream: true })).text())
    expect(await streamed()).toContainEqual(
      expect.objectContaining({ choices: [expect.objectContaining({ delta: { refusal: expect.any(String) } })] }),
    )
    expect((await streamed()).at(-2)).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: {} })
  })

  test('of the wrong schema parses and does not fit', async () => {
    double.script({ kind: 'wrong_schema' }, { kind: 'wrong_schema' })
    expect(requestedSchema(LETTER).problems(await said(double, inSchema('s')))).not.toEqual([])
    expect(responseProblems(EMBEDDINGS_PATH, await answerTo(double, EMBEDDINGS_PATH, two))).not.toEqual([])
  })

  test('with extra keys has them in the envelope and in the JSON', async () => {
    double.script({ kind: 'extra_keys' })
    const answer = await chat(double, inSchema('s'))
    expect(answer).toMatchObject({ unexpected: {}, usage: { unexpected: {} }, choices: [{ unexpected: {}, message: { unexpected: {} } }] })
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toMatchObject({ type: 'invoice', unexpected: {} })
  })

  test('has the vectors of other dimensions, in another order, or with the same index', async () => {
    double.script({ kind: 'dimensions', dimensions: [3, 4] }, { kind: 'reordered_indexes' }, { kind: 'duplicate_index' })
    const vectors = async () => (await answerTo(double, EMBEDDINGS_PATH, two)).data as { index: number; embedding: number[] }[]
    expect((await vectors()).map(({ embedding }) => embedding.length)).toEqual([3, 4])
    const [reordered, duplicate, usual] = [await vectors(), await vectors(), await vectors()]
    expect(usual.map(({ index, embedding }) => [index, embedding.length])).toEqual([
      [0, DOUBLE_DIMENSIONS],
      [1, DOUBLE_DIMENSIONS],
    ])
    expect(reordered).toEqual(usual.toReversed())
    expect(duplicate.map(({ index }) => index)).toEqual([0, 0])
  })

  test('for one path waits for a request to it', async () => {
    double.scriptFor(EMBEDDINGS_PATH, { kind: 'status', status: 503 })
    expect((await post(double, CHAT_PATH, hello)).status).toBe(200)
    expect((await post(double, EMBEDDINGS_PATH, two)).status).toBe(503)
  })

  test('can be white space for json_object without the word JSON', async () => {
    double.withoutTheWordJson('white_space')
    const { choices } = await chat(double, { ...hello, response_format: { type: 'json_object' }, max_tokens: 5 })
    expect(choices).toMatchObject([{ message: { content: expect.stringMatching(/^\s+$/) }, finish_reason: 'length' }])
    expect(double.refusals).toEqual([])
  })

  test('that is huge has its size, and still parses', async () => {
    double.script({ kind: 'huge_body', bytes: 3_000_000 })
    const text = await (await post(double, CHAT_PATH, hello)).text()
    expect(text.length).toBeGreaterThan(3_000_000)
    expect(responseProblems(CHAT_PATH, JSON.parse(text))).toEqual([])
  })

  test('whose headers the test sets has them', async () => {
    double.answerHeaders({ 'x-ratelimit-remaining-tokens-minute': '0' })
    expect((await post(double, CHAT_PATH, hello)).headers.get('x-ratelimit-remaining-tokens-minute')).toBe('0')
  })
})
