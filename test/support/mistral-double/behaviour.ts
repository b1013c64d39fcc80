import type { ServerResponse } from 'node:http'
import { type ChatRequest, chatRequest } from './chat-request.ts'
import type { Said, ToolCall } from './completion.ts'
import { invalidModel, type RateLimit, rateLimited, statusAnswer } from './refusals.ts'
import { breakOff, forEver, pour, sendError, sendJson, startEvents, startJson } from './reply.ts'
import { requestedSchema } from './requested-schema.ts'
import { CHAT_PATH, type PostPath } from './schemas.ts'
import { chunksOf, deltaChunk, eventText, STREAM_END } from './stream.ts'

type Answer = Record<string, unknown>

/** What one request (in the order of arrival, GET apart) meets instead of the usual answer. A request that is refused meets none. */
export type Behaviour =
  /** Holds a place in the queue. */
  | { kind: 'usual' }
  /** The chat answer holds this as its JSON. */
  | { kind: 'json'; value: unknown }
  /** The chat answer holds this text, whatever it is. */
  | { kind: 'content'; content: string; finishReason?: string }
  /** The answer is cut by its length, although it may parse. */
  | { kind: 'length'; value: unknown }
  | { kind: 'tool_calls'; calls: readonly ToolCall[] }
  /** The model declines: in the key `refusal` as OpenAI's servers do, or in prose where JSON was asked for. */
  | { kind: 'refusal'; as: 'key' | 'prose' }
  /** Parses, and is not what was asked for: the JSON of a chat, or the body of any other answer. */
  | { kind: 'wrong_schema' }
  /** Every object, also of the JSON in a chat answer, has one key more than was asked for. */
  | { kind: 'extra_keys' }
  /** The JSON in the chat answer ends in its middle, and `finish_reason` says stop. */
  | { kind: 'cut_content' }
  /** White space: in a stream for ever, one piece a beat; else as much as `max_tokens` allows. */
  | { kind: 'white_space'; beatMs?: number }
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: unknown }
  | ({ kind: 'rate_limited' } & RateLimit)
  | { kind: 'unknown_model' }
  /** The body is not JSON at all: a proxy's page. */
  | { kind: 'invalid_json' }
  | { kind: 'hang' }
  /** Headers at once, then one byte a beat for ever. */
  | { kind: 'slow_body'; beatMs?: number }
  /** Headers and the first half of the body, then the connection ends. */
  | { kind: 'cut_body' }
  | { kind: 'reset' }
  /** The usual answer, after so many bytes of white space (in a stream, of comments). */
  | { kind: 'huge_body'; bytes: number }
  /** The usual answer, when the test lets it go. */
  | { kind: 'held'; until: Promise<unknown> }
  /** The usual answer, changed; of a stream each chunk. */
  | { kind: 'change'; change: (answer: Answer) => unknown }
  /** Vectors of these dimensions, in turn. */
  | { kind: 'dimensions'; dimensions: readonly [number, ...number[]] }
  /** The vectors come in another order than the inputs; `index` says which is whose. */
  | { kind: 'reordered_indexes' }
  | { kind: 'duplicate_index' }

/** One request that is played. */
export interface Stage {
  path: PostPath
  body: Record<string, unknown>
  response: ServerResponse
  headers: Record<string, string>
  /** The answer of a server that is well. */
  usual(): Answer
  /** A chat answer with other words. */
  saying(said: Said): Answer
}

const BEAT_MS = 20
const PIECE_BYTES = 64 * 1024

/** The API does not bound a chat that names no `max_tokens` lower than the model's context. */
const WHITE_SPACE_TOKENS = 4_096

const PLAYS: { [Kind in Behaviour['kind']]: (stage: Stage, behaviour: Extract<Behaviour, { kind: Kind }>) => void | Promise<void> } = {
  usual: (stage) => send(stage, stage.usual()),
  json: (stage, { value }) => say(stage, JSON.stringify(value)),
  content: (stage, { content, finishReason }) => say(stage, content, finishReason),
  length: (stage, { value }) => say(stage, JSON.stringify(value), 'length'),
  tool_calls: (stage, { calls }) => send(stage, stage.saying({ content: '', finishReason: 'tool_calls', toolCalls: calls })),
  refusal: (stage, { as }) =>
    as === 'prose' ? say(stage, REFUSAL) : send(stage, withRefusal(stage.saying({ content: null, finishReason: 'stop' }))),
  wrong_schema: (stage) => {
    if (stage.path === CHAT_PATH) return say(stage, JSON.stringify(misfit(chatRequest(stage.body))))
    return sendJson(stage.response, 200, { ...stage.usual(), data: 'none', pages: 'none' }, stage.headers)
  },
  extra_keys: (stage) => send(stage, withExtraKeys(stage.usual()) as Answer),
  cut_content: (stage) => {
    const content = contentOf(stage.usual())
    return say(stage, content.slice(0, Math.ceil(content.length / 2)))
  },
  white_space: (stage, { beatMs = BEAT_MS }) => whiteSpace(stage, beatMs),
  status: (stage, { status, headers, body }) =>
    sendJson(stage.response, status, body ?? statusAnswer(status).body, { ...stage.headers, ...headers }),
  rate_limited: (stage, limit) => sendError(stage.response, rateLimited(limit)),
  unknown_model: (stage) => sendError(stage.response, invalidModel(stage.body.model)),
  invalid_json: ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>Anna Muster</html>'),
  hang: () => undefined,
  slow_body: (stage, { beatMs = BEAT_MS }) => {
    start(stage)
    return pour(stage.response, forEver(' '), beatMs)
  },
  cut_body: (stage) => {
    const text = isStream(stage) ? eventsOf(chunksOf(stage.usual())).join('') : JSON.stringify(stage.usual())
    start(stage, isStream(stage) ? {} : { 'content-length': String(Buffer.byteLength(text)) })
    breakOff(stage.response, text.slice(0, Math.floor(text.length / 2)))
  },
  reset: ({ response }) => void response.destroy(),
  huge_body: async (stage, { bytes }) => {
    start(stage)
    const piece = isStream(stage) ? `:${' '.repeat(PIECE_BYTES - 3)}\n\n` : ' '.repeat(PIECE_BYTES)
    await pour(stage.response, Array(Math.ceil(bytes / PIECE_BYTES)).fill(piece))
    const answer = stage.usual()
    stage.response.end(isStream(stage) ? eventsOf(chunksOf(answer)).join('') : JSON.stringify(answer))
  },
  held: async (stage, { until }) => {
    await until
    return send(stage, stage.usual())
  },
  change: (stage, { change }) => {
    const answer = stage.usual()
    if (isStream(stage)) return sendChunks(stage, chunksOf(answer).map(change))
    return sendJson(stage.response, 200, change(answer), stage.headers)
  },
  dimensions: (stage, { dimensions }) =>
    withVectors(stage, (data) => data.map((item, at) => ({ ...item, embedding: Array(dimensions[at % dimensions.length]).fill(1) }))),
  reordered_indexes: (stage) => withVectors(stage, (data) => data.toReversed()),
  duplicate_index: (stage) => withVectors(stage, (data) => data.map((item) => ({ ...item, index: 0 }))),
}

export function play(stage: Stage, behaviour: Behaviour): void | Promise<void> {
  const perform = PLAYS[behaviour.kind] as (stage: Stage, behaviour: Behaviour) => void | Promise<void>
  return perform(stage, behaviour)
}

function isStream({ path, body }: Stage): boolean {
  return path === CHAT_PATH && body.stream === true
}

function start(stage: Stage, more: Record<string, string> = {}): void {
  if (isStream(stage)) startEvents(stage.response, { ...stage.headers, ...more })
  else startJson(stage.response, 200, { ...stage.headers, ...more })
}

function say(stage: Stage, content: string, finishReason = 'stop'): void | Promise<void> {
  return send(stage, stage.saying({ content, finishReason }))
}

function send(stage: Stage, answer: Answer): void | Promise<void> {
  if (isStream(stage)) return sendChunks(stage, chunksOf(answer))
  sendJson(stage.response, 200, answer, stage.headers)
}

async function sendChunks(stage: Stage, chunks: readonly unknown[]): Promise<void> {
  start(stage)
  await pour(stage.response, eventsOf(chunks))
  stage.response.end()
}

function eventsOf(chunks: readonly unknown[]): string[] {
  return [...chunks.map(eventText), STREAM_END]
}

async function whiteSpace(stage: Stage, beatMs: number): Promise<void> {
  if (isStream(stage)) {
    start(stage)
    await pour(stage.response, forEver(eventText(deltaChunk(stage.saying({ content: '', finishReason: 'stop' }), ' \n'))), beatMs)
    return
  }
  const tokens = chatRequest(stage.body).max_tokens ?? WHITE_SPACE_TOKENS
  await send(stage, stage.saying({ content: ' \n'.repeat(tokens), finishReason: 'length', tokens }))
}

const REFUSAL = 'I cannot help with that.'

function withRefusal(answer: Answer): Answer {
  const choices = answer.choices as { message: object }[]
  return { ...answer, choices: choices.map((choice) => ({ ...choice, message: { ...choice.message, refusal: REFUSAL } })) }
}

function contentOf(answer: Answer): string {
  const [choice] = (answer.choices ?? []) as { message: { content: string | null } }[]
  return choice?.message.content ?? ''
}

/** The first of a few values that the schema of the request does not allow. */
function misfit(request: ChatRequest): unknown {
  const schema = request.response_format?.json_schema?.schema
  const candidates = [{ unexpected: true }, [], 'text', 1]
  return schema ? candidates.find((value) => requestedSchema(schema).problems(value).length > 0) : []
}

function withExtraKeys(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withExtraKeys(item))
  if (key === 'content' && typeof value === 'string' && value.startsWith('{')) return JSON.stringify(withExtraKeys(JSON.parse(value)))
  if (value === null || typeof value !== 'object') return value
  return {
    ...Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withExtraKeys(item, name)])),
    unexpected: { key: true },
  }
}

function withVectors(stage: Stage, change: (data: Record<string, unknown>[]) => unknown[]): void {
  const answer = stage.usual()
  sendJson(stage.response, 200, { ...answer, data: change(answer.data as Record<string, unknown>[]) }, stage.headers)
}
