import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerTo, type Body, eventsIn, hello, inSchema, LETTER, post, scan, two } from './mistral-double/asking.ts'
import {
  CHAT_PATH,
  EMBEDDINGS_PATH,
  eventProblems,
  MODELS_PATH,
  OCR_PATH,
  refusalProblems,
  responseProblems,
} from './mistral-double/schemas.ts'
import { DOUBLE_MODELS, type ModelDouble, startModelDouble } from './model-double.ts'

let double: ModelDouble
beforeEach(async () => {
  double = await startModelDouble()
})
afterEach(() => double.close())

describe('what does not fit the API is refused, and known to the test', () => {
  test.each<[string, string, unknown, unknown]>([
    [
      'a key that it does not know',
      CHAT_PATH,
      { ...hello, max_completion_tokens: 5 },
      { loc: ['body', 'max_completion_tokens'], type: 'extra_forbidden' },
    ],
    [
      'a key of a message',
      CHAT_PATH,
      { ...hello, messages: [{ role: 'user', content: 'x', name: 'n' }] },
      { loc: ['body', 'messages', 0, 'name'], type: 'extra_forbidden' },
    ],
    ['a missing key', EMBEDDINGS_PATH, { model: DOUBLE_MODELS.embed }, { loc: ['body', 'input'], type: 'missing' }],
    ['a value of another type', EMBEDDINGS_PATH, { ...two, input: [1] }, { loc: ['body', 'input', 0], type: 'string_type' }],
    ['a number out of its range', CHAT_PATH, { ...hello, temperature: 2 }, { loc: ['body', 'temperature'] }],
    ['no JSON', CHAT_PATH, '{', { type: 'json_invalid' }],
    ['json_schema without a schema', CHAT_PATH, { ...hello, response_format: { type: 'json_schema' } }, { type: 'missing' }],
    [
      'json_object without the word JSON',
      CHAT_PATH,
      { ...hello, response_format: { type: 'json_object' } },
      { msg: expect.stringContaining('JSON') },
    ],
    ['no input', EMBEDDINGS_PATH, { ...two, input: [] }, { loc: ['body', 'input'] }],
    [
      'an encoding that the document does not describe',
      EMBEDDINGS_PATH,
      { ...two, encoding_format: 'base64' },
      { msg: expect.any(String) },
    ],
    ['a document without its bytes', OCR_PATH, { model: 'double-ocr', document: { type: 'document_url' } }, { type: 'missing' }],
  ])('%s', async (_, path, body, problem) => {
    const response = await post(double, path, body)
    const answer = (await response.json()) as { detail: unknown[] }
    expect(response.status).toBe(422)
    expect(answer.detail).toEqual(expect.arrayContaining([expect.objectContaining(problem)]))
    expect(refusalProblems(answer)).toEqual([])
    expect(double.refusals).toEqual([{ path, status: 422, answer }])
  })

  test.each<[string, string, unknown, object]>([
    ['257 inputs', EMBEDDINGS_PATH, { ...two, input: Array(257).fill('a') }, { code: '3210' }],
    ['too many tokens', EMBEDDINGS_PATH, { ...two, input: Array(9).fill('a '.repeat(2_000)) }, { code: '3210' }],
    ['an unknown model', CHAT_PATH, { ...hello, model: 'no-such' }, { code: '1500', message: 'Invalid model: no-such' }],
    ['a model that does something else', EMBEDDINGS_PATH, { ...two, model: DOUBLE_MODELS.chat }, { code: '1500' }],
    ['a conversation that ends with the system', CHAT_PATH, { ...hello, messages: [{ role: 'system', content: 'x' }] }, { code: '3230' }],
    [
      'an id of a tool call that is not of nine letters',
      CHAT_PATH,
      { ...hello, messages: [{ role: 'tool', content: 'x', tool_call_id: 'call_1' }] },
      { code: '3280' },
    ],
    [
      'a choice of a tool that is not there',
      CHAT_PATH,
      { ...hello, tool_choice: { type: 'function', function: { name: 'f' } } },
      { type: 'invalid_request_error' },
    ],
    ['a schema that is none', CHAT_PATH, inSchema('s', { type: 'frog' }), { message: expect.stringContaining('not a JSON Schema') }],
    [
      'a document that stands elsewhere',
      OCR_PATH,
      { ...scan, document: { type: 'document_url', document_url: 'https://example.org/a.pdf' } },
      { type: 'invalid_file' },
    ],
  ])('%s', async (_, path, body, expected) => {
    const response = await post(double, path, body)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ object: 'error', ...expected })
    expect(double.refusals).toMatchObject([{ path, status: 400 }])
  })

  test('a request without a key, on every path, unless the double is told to ask for none', async () => {
    expect((await fetch(`${double.baseUrl}/models`)).status).toBe(401)
    expect((await fetch(`${double.origin}${CHAT_PATH}`, { method: 'POST', body: JSON.stringify(hello) })).status).toBe(401)
    expect(double.refusals.map(({ status }) => status)).toEqual([401, 401])
    const own = await startModelDouble({ keyless: true, models: ['mine'] })
    expect((await fetch(`${own.origin}${CHAT_PATH}`, { method: 'POST', body: JSON.stringify({ ...hello, model: 'mine' }) })).status).toBe(
      200,
    )
    await own.close()
  })

  test('a path that is not there', async () => {
    expect((await post(double, '/v1/completions', hello)).status).toBe(404)
    expect(double.refusals).toMatchObject([{ path: '/v1/completions', status: 404 }])
  })

  test('256 inputs are taken, a refused request uses up no behaviour, and a scripted refusal is none of the client’s', async () => {
    double.script({ kind: 'status', status: 503 })
    await post(double, EMBEDDINGS_PATH, { ...two, extra: 1 })
    expect((await post(double, EMBEDDINGS_PATH, { ...two, input: Array(256).fill('a') })).status).toBe(503)
    expect((await post(double, EMBEDDINGS_PATH, { ...two, input: Array(256).fill('a') })).status).toBe(200)
    double.refuseJsonSchema()
    expect((await post(double, CHAT_PATH, inSchema('s'))).status).toBe(422)
    expect(double.refusals).toHaveLength(1)
  })
})

describe('its own answers fit the schemas of Mistral’s document', () => {
  test.each([
    [CHAT_PATH, hello],
    [CHAT_PATH, { ...hello, n: 2, prompt_cache_key: 'k' }],
    [CHAT_PATH, inSchema('enrichment')],
    [CHAT_PATH, { ...hello, tools: [{ function: { name: 'f', parameters: LETTER } }] }],
    [EMBEDDINGS_PATH, two],
    [EMBEDDINGS_PATH, { ...two, input: 'one' }],
    [OCR_PATH, scan],
    [OCR_PATH, { ...scan, include_blocks: true, confidence_scores_granularity: 'page', pages: [1] }],
  ] as const)('%s %j', async (path, body) => {
    expect(responseProblems(path, await answerTo(double, path, body))).toEqual([])
  })

  test('the list of models', async () => {
    const response = await fetch(`${double.baseUrl}/models`, { headers: { authorization: 'Bearer a-key' } })
    expect(responseProblems(MODELS_PATH, await response.json())).toEqual([])
  })

  test.each<[string, Body]>([
    ['words', { ...hello, n: 2 }],
    ['JSON', inSchema('enrichment')],
    ['a tool call', { ...hello, tools: [{ function: { name: 'f', parameters: LETTER } }] }],
  ])('each event of a stream of %s', async (_, body) => {
    const response = await post(double, CHAT_PATH, { ...body, stream: true })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const events = eventsIn(await response.text())
    expect(events.pop()).toBe('DONE')
    expect(events.length).toBeGreaterThan(1)
    expect(events.flatMap((data) => eventProblems({ data }))).toEqual([])
  })

  test('a schema that is dropped from an answer would be seen: without usage none of them fits', async () => {
    for (const [path, body] of [
      [CHAT_PATH, hello],
      [EMBEDDINGS_PATH, two],
    ] as const) {
      const { usage: _, ...answer } = await answerTo(double, path, body)
      expect(responseProblems(path, answer)).toEqual(['body.usage: Field required'])
    }
  })
})
