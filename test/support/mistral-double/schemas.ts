import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import extract from '../../fixtures/mistral-openapi.json' with { type: 'json' }

/** As in Mistral's 422 (schema `ValidationError`); without `input`, for it would be content. */
export interface Problem {
  loc: (string | number)[]
  msg: string
  type: string
}

export type OperationPath = keyof typeof extract.paths
export const CHAT_PATH = '/v1/chat/completions' satisfies OperationPath
export const EMBEDDINGS_PATH = '/v1/embeddings' satisfies OperationPath
export const OCR_PATH = '/v1/ocr' satisfies OperationPath
export const MODELS_PATH = '/v1/models' satisfies OperationPath

const PROBLEMS_MAX = 20

const JSON_TYPE = 'application/json'
const { [CHAT_PATH]: chat, [EMBEDDINGS_PATH]: embeddings, [OCR_PATH]: ocr, [MODELS_PATH]: models } = extract.paths

const ajv = createAjv()
const REQUESTS = {
  [CHAT_PATH]: validatorOf(chat.post.requestBody.content[JSON_TYPE].schema),
  [EMBEDDINGS_PATH]: validatorOf(embeddings.post.requestBody.content[JSON_TYPE].schema),
  [OCR_PATH]: validatorOf(ocr.post.requestBody.content[JSON_TYPE].schema),
}
const RESPONSES = {
  [CHAT_PATH]: validatorOf(chat.post.responses['200'].content[JSON_TYPE].schema),
  [EMBEDDINGS_PATH]: validatorOf(embeddings.post.responses['200'].content[JSON_TYPE].schema),
  [OCR_PATH]: validatorOf(ocr.post.responses['200'].content[JSON_TYPE].schema),
  [MODELS_PATH]: validatorOf(models.get.responses['200'].content[JSON_TYPE].schema),
}
const EVENT = validatorOf(chat.post.responses['200'].content['text/event-stream'].schema)
const REFUSAL = validatorOf(chat.post.responses['422'].content[JSON_TYPE].schema)

export type PostPath = keyof typeof REQUESTS

export function isPostPath(path: string): path is PostPath {
  return path in REQUESTS
}

/** What the server would find wrong with a body, as it would say it; empty when the body fits. */
export function requestProblems(path: PostPath, body: unknown): Problem[] {
  return REQUESTS[path](body) ? [] : problemsOf(REQUESTS[path].errors ?? [])
}

/** Where an answer of ours is not what the document describes; empty when it fits. */
export function responseProblems(path: OperationPath, answer: unknown): string[] {
  return told(RESPONSES[path], answer)
}

/** The same for one event of a stream, `{ data }`. */
export function eventProblems(event: unknown): string[] {
  return told(EVENT, event)
}

/** The same for the body of a 422. */
export function refusalProblems(body: unknown): string[] {
  return told(REFUSAL, body)
}

function createAjv(): Ajv2020 {
  // All of Ajv's strict mode but two rules: the document says `type: [string, null]` once, and requires in one branch of `allOf` what another describes.
  const created = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false })
  addFormats.default(created)
  // Of an audio chunk: what OpenAPI 3.0 called a file. Any string.
  created.addFormat('binary', true)
  const document = structuredClone(extract) as unknown as { components: { schemas: Record<string, unknown> } }
  const response = document.components.schemas.ChatCompletionResponse as { allOf: { required?: string[] }[] }
  const own = response.allOf.find(({ required }) => required?.includes('data'))
  // It requires a `data` that it does not describe, that the server does not send, and that Mistral's own client does not know.
  if (!own?.required) throw new Error('the extract no longer requires `data` of a chat completion: leave this out')
  own.required = own.required.filter((name) => name !== 'data')
  created.addSchema({ $id: 'mistral', components: document.components })
  // Only names that hold schemas: Ajv need not take them for keywords.
  created.addVocabulary(['components'])
  return created
}

function validatorOf({ $ref }: { $ref: string }): ValidateFunction {
  return ajv.compile({ $ref: `mistral${$ref}` })
}

function told(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return []
  return problemsOf(validate.errors ?? []).map(({ loc, msg }) => `${loc.join('.')}: ${msg}`)
}

/** They say of a union only that nothing fitted; its branches say why, except the one for null. */
const UNION_KEYWORDS = new Set(['anyOf', 'oneOf', 'const'])

function problemsOf(errors: readonly ErrorObject[]): Problem[] {
  const reasons = errors.filter(({ keyword, params }) => !UNION_KEYWORDS.has(keyword) && params.type !== 'null')
  const problems = (reasons.length > 0 ? reasons : errors).map(problemOf)
  // Each branch of a union says the same again.
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()].slice(0, PROBLEMS_MAX)
}

/** In the words of Pydantic, which the server validates with. */
function problemOf({ keyword, instancePath, params, message = 'not valid' }: ErrorObject): Problem {
  const loc = ['body', ...instancePath.split('/').slice(1).map(unescaped)]
  if (keyword === 'additionalProperties')
    return { loc: [...loc, params.additionalProperty], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' }
  if (keyword === 'required') return { loc: [...loc, params.missingProperty], msg: 'Field required', type: 'missing' }
  if (keyword === 'type') return { loc, msg: `Input should be a valid ${params.type}`, type: `${params.type}_type` }
  return { loc, msg: `Input ${message}`, type: 'value_error' }
}

/** RFC 6901; an index is a number. */
function unescaped(part: string): string | number {
  return /^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')
}
