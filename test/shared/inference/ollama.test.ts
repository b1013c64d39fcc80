import { afterEach, beforeEach, expect, test } from 'vitest'
import { createOllamaProvider } from '../../../shared/inference/ollama.ts'
import { failure } from '../../support/failure.ts'
import { sendChat, sendJson, sendStatus, startWireServer, type WireServer } from '../../support/wire-server.ts'

const never = new AbortController().signal

let server: WireServer
beforeEach(async () => {
  server = await startWireServer()
})
afterEach(() => server.close())

function ollama(chat = 'mistral', embed: string | null = 'nomic-embed-text:v1.5') {
  const models = { classify: chat, extract: chat, answer: chat, embed, ocr: null }
  return createOllamaProvider({ baseUrl: server.baseUrl, models, region: 'eu', fetch })
}

test('the schema goes by the OpenAI-shaped route, with a temperature, because Ollama would take 1', async () => {
  server.answerWith(sendChat('{"answer":null,"citations":[]}'))
  await ollama().answer('Why?', [{ ref: 1, text: 'x' }], never)
  expect(server.requests).toMatchObject([
    { path: '/v1/chat/completions', body: { model: 'mistral', temperature: 0, response_format: { type: 'json_schema' } } },
  ])
})

test('a model that was not pulled is a refusal that says what to run, and nothing is pulled', async () => {
  server.answerWith(sendStatus(404, { error: { message: "model 'Anna' not found", type: 'not_found_error', param: null, code: null } }))
  expect(await failure(ollama().answer('Why?', [{ ref: 1, text: 'x' }], never))).toMatchObject({
    code: 'MODEL_REFUSED',
    detail: 'ollama has no mistral: run `ollama pull mistral`',
  })
  expect(server.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions'])
})

test.each<[string, unknown[] | null, string[]]>([
  ['nothing was pulled', null, ['mistral', 'nomic-embed-text:v1.5']],
  ['another tag was pulled', [{ id: 'mistral:7b' }, { id: 'nomic-embed-text:latest' }], ['mistral', 'nomic-embed-text:v1.5']],
  ['a name without a tag is its latest', [{ id: 'mistral:latest' }, { id: 'nomic-embed-text:v1.5' }], []],
])('at the start what is missing is named with its command: %s', async (_, data, missing) => {
  server.answerWith(sendJson({ object: 'list', data }))
  expect(await ollama().missing(never)).toEqual(missing.map((model) => `ollama has no ${model}: run \`ollama pull ${model}\``))
  expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v1/models'])
})

test.each(['gpt-oss:120b-cloud', 'gemma4:cloud'])('%s runs in its maker’s cloud behind a local address, and is refused', (model) => {
  expect(() => ollama(model)).toThrow(`INVALID_REQUEST: ${model} does not run on this Ollama but on ollama.com`)
  expect(() => ollama('mistral', model)).toThrow('INVALID_REQUEST')
})
