import { type ChatRequest, chatRequest, formatOf, lacksTheWordJson, tokensIn } from './chat-request.ts'
import { TOOL_CALL_ID } from './completion.ts'
import { inputsOf } from './embeddings.ts'
import type { JsonSchema } from './minimal-value.ts'
import { servesModel } from './models.ts'
import { documentOf } from './ocr.ts'
import { type ErrorAnswer, invalidBody, invalidModel, invalidRequest } from './refusals.ts'
import { requestedSchema } from './requested-schema.ts'
import { CHAT_PATH, EMBEDDINGS_PATH, OCR_PATH, type PostPath, requestProblems } from './schemas.ts'

const INPUTS_MAX = 256
const BATCH_TOKENS_MAX = 16_384

export interface Rules {
  moreModels: readonly string[]
  /** `refuse`: json_object without the word JSON in a message is refused. */
  withoutTheWord: 'refuse' | 'white_space'
}

/** Why Mistral's server would not take a request, or null: what its schemas say, then what they cannot say. */
export function refusalOf(path: PostPath, body: Record<string, unknown>, rules: Rules): ErrorAnswer | null {
  const problems = requestProblems(path, body)
  if (problems.length > 0) return invalidBody(problems)
  if (!servesModel(path, body.model, rules.moreModels)) return invalidModel(body.model)
  return OF_PATH[path](body, rules)
}

const OF_PATH: Record<PostPath, (body: Record<string, unknown>, rules: Rules) => ErrorAnswer | null> = {
  [CHAT_PATH]: (body, rules) => {
    const request = chatRequest(body)
    return misordered(request) ?? wrongToolUse(request) ?? wrongFormat(request, rules)
  },
  [EMBEDDINGS_PATH]: (body) => {
    const inputs = inputsOf(body)
    if (inputs.length === 0) return invalidBody([{ loc: ['body', 'input'], msg: 'List should have at least 1 item', type: 'too_short' }])
    if (inputs.length > INPUTS_MAX) return tooLarge('inputs in request')
    if (inputs.reduce((total, text) => total + tokensIn(text), 0) > BATCH_TOKENS_MAX) return tooLarge('tokens overall')
    // What the server sends for base64 or integers the document does not describe.
    if ((body.encoding_format ?? 'float') === 'float' && (body.output_dtype ?? 'float') === 'float') return null
    return invalidBody([{ loc: ['body', 'encoding_format'], msg: 'encoding_format: the double speaks float', type: 'value_error' }])
  },
  [OCR_PATH]: (body) => (documentOf(body) ? null : invalidRequest('the document could not be fetched', 'invalid_file')),
}

function tooLarge(what: string): ErrorAnswer {
  return invalidRequest(`Too many ${what}, split into more batches.`, 'invalid_request_prompt', '3210')
}

function misordered({ messages }: ChatRequest): ErrorAnswer | null {
  const last = messages.at(-1)
  if (last?.role === 'user' || last?.role === 'tool' || (last?.role === 'assistant' && last.prefix)) return null
  const message = `Expected last role User or Tool (or Assistant with prefix True) for serving but got ${last?.role ?? 'none'}`
  return invalidRequest(message, 'invalid_request_message_order', '3230')
}

function wrongToolUse({ messages, tools, tool_choice: choice }: ChatRequest): ErrorAnswer | null {
  const ids = messages.flatMap(({ role, tool_call_id, tool_calls }) => [
    ...(role === 'tool' ? [tool_call_id] : []),
    ...(tool_calls ?? []).map(({ id }) => id),
  ])
  const wrong = ids.find((id) => !TOOL_CALL_ID.test(id ?? ''))
  if (ids.length > 0 && wrong !== undefined)
    return invalidRequest(`Tool call id was ${wrong} but must be a-z, A-Z, 0-9, with a length of 9.`, 'invalid_function_call', '3280')
  if (typeof choice === 'object' && !tools?.some(({ function: { name } }) => name === choice.function.name))
    return invalidRequest('tool_choice names a function that is not among the tools', 'invalid_request_error')
  return firstInvalid((tools ?? []).map(({ function: { parameters } }) => parameters))
}

function wrongFormat(request: ChatRequest, rules: Rules): ErrorAnswer | null {
  const schema = request.response_format?.json_schema?.schema
  if (formatOf(request) === 'json_schema' && !schema)
    return invalidBody([{ loc: ['body', 'response_format', 'json_schema'], msg: 'Field required', type: 'missing' }])
  if (rules.withoutTheWord === 'refuse' && lacksTheWordJson(request))
    return invalidBody([{ loc: ['body', 'messages'], msg: "messages must contain the word 'JSON'", type: 'value_error' }])
  return firstInvalid(schema ? [schema] : [])
}

function firstInvalid(schemas: readonly JsonSchema[]): ErrorAnswer | null {
  for (const schema of schemas) {
    try {
      requestedSchema(schema)
    } catch (error) {
      return invalidRequest(`not a JSON Schema: ${error instanceof Error ? error.message : error}`, 'invalid_request_error')
    }
  }
  return null
}
