import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What one request (in the order of arrival, GET apart) meets instead of the default answer. */
export type Behaviour =
  /** The chat answer holds this as its JSON. */
  | { kind: 'json'; value: unknown }
  /** The chat answer holds this text, whatever it is. */
  | { kind: 'content'; content: string; finishReason?: string }
  /** The answer is cut by its length, although it may parse. */
  | { kind: 'length'; value: unknown }
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: unknown }
  /** The body is not JSON at all: a proxy's page. */
  | { kind: 'invalid_json' }
  | { kind: 'hang' }
  /** Headers at once, then one byte a beat for ever. */
  | { kind: 'slow_body' }
  | { kind: 'reset' }
  /** The default answer, changed: for vectors in another order, of other dimensions, and the like. */
  | { kind: 'change'; change: (answer: Record<string, unknown>) => unknown }

interface RecordedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

export interface ModelDouble {
  /** With the version path, as providers take it. */
  readonly baseUrl: string
  readonly origin: string
  /** Every request in the order of arrival. */
  readonly requests: readonly RecordedRequest[]
  /** Adds to the queue of behaviours; when it is empty, requests get the default answer. */
  script(...behaviours: Behaviour[]): void
  /** From now on json_schema is refused, as by an older server. */
  refuseJsonSchema(): void
  close(): Promise<void>
}

export const DOUBLE_MODELS = { chat: 'double-chat', embed: 'double-embed' } as const
export const DOUBLE_DIMENSIONS = 64

const BODY_BYTES_MAX = 64 * 1024 * 1024
const BEAT_MS = 20

/** Keys that Mistral's API knows: it refuses others (its schemas say `additionalProperties: false`), and so does the double. */
const KNOWN_KEYS: Record<string, readonly string[]> = {
  '/v1/chat/completions': ['model', 'messages', 'temperature', 'max_tokens', 'response_format'],
  '/v1/embeddings': ['model', 'input', 'encoding_format'],
}

/** An OpenAI-shaped server on 127.0.0.1 with a port of its own, deterministic, for a provider to talk to. */
export async function startModelDouble(): Promise<ModelDouble> {
  const requests: RecordedRequest[] = []
  const queue: Behaviour[] = []
  const state = { jsonSchema: true }
  const server = createServer((request, response) => {
    handle(request, response, { requests, queue, state }).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    baseUrl: `${origin}/v1`,
    origin,
    requests,
    script: (...behaviours) => void queue.push(...behaviours),
    refuseJsonSchema: () => {
      state.jsonSchema = false
    },
    close: () => close(server),
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })
}

interface Scene {
  requests: RecordedRequest[]
  queue: Behaviour[]
  state: { jsonSchema: boolean }
}

async function handle(request: IncomingMessage, response: ServerResponse, scene: Scene): Promise<void> {
  const path = request.url ?? ''
  const body = await readBody(request)
  scene.requests.push({ method: request.method ?? '', path, headers: request.headers, body })
  const known = KNOWN_KEYS[path]
  if (request.method === 'GET' && path === '/v1/models') {
    send(response, 200, { object: 'list', data: Object.values(DOUBLE_MODELS).map((id) => ({ id, object: 'model' })) })
  } else if (request.method === 'POST' && known) {
    const behaviour = scene.queue.shift()
    const refusal = refusalOf(path, body, known, scene.state.jsonSchema)
    if (refusal) send(response, 422, { detail: [{ loc: ['body'], msg: refusal, type: 'value_error' }] })
    else
      play(
        response,
        behaviour,
        body,
        path === '/v1/embeddings' ? embeddings(body) : chat(body, JSON.stringify(defaultAnswer(body)), 'stop'),
      )
  } else {
    send(response, 404, { message: 'no such route' })
  }
}

function play(
  response: ServerResponse,
  behaviour: Behaviour | undefined,
  body: Record<string, unknown>,
  answer: Record<string, unknown>,
): void {
  switch (behaviour?.kind) {
    case undefined:
      send(response, 200, answer)
      break
    case 'json':
      send(response, 200, chat(body, JSON.stringify(behaviour.value), 'stop'))
      break
    case 'content':
      send(response, 200, chat(body, behaviour.content, behaviour.finishReason ?? 'stop'))
      break
    case 'length':
      send(response, 200, chat(body, JSON.stringify(behaviour.value), 'length'))
      break
    case 'status':
      send(response, behaviour.status, behaviour.body ?? { message: 'scripted' }, behaviour.headers)
      break
    case 'invalid_json':
      response.writeHead(200, { 'content-type': 'application/json' }).end('<html>Anna Muster</html>')
      break
    case 'hang':
      break
    case 'slow_body':
      trickle(response)
      break
    case 'reset':
      response.destroy()
      break
    case 'change':
      send(response, 200, behaviour.change(answer))
      break
  }
}

function send(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'double-request', ...headers })
  response.end(JSON.stringify(value))
}

function trickle(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const beat = setInterval(() => response.write(' '), BEAT_MS)
  response.on('close', () => clearInterval(beat))
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Error('the request is larger than the double reads')
    chunks.push(chunk)
  }
  return bytes === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>)
}

/** What a real server would not take. */
function refusalOf(path: string, body: Record<string, unknown>, known: readonly string[], jsonSchema: boolean): string | null {
  const extra = Object.keys(body).find((key) => !known.includes(key))
  if (extra) return `extra field ${extra}`
  if (path === '/v1/embeddings') {
    if (!Array.isArray(body.input) || body.input.length === 0 || body.input.length > 256) return 'between 1 and 256 inputs'
    return body.encoding_format === 'float' ? null : 'encoding_format'
  }
  const format = formatOf(body)
  if (format === 'json_schema') return jsonSchema ? null : 'response_format json_schema is not supported by this model'
  if (format !== 'json_object') return 'response_format'
  return promptOf(body).includes('JSON') ? null : "messages must contain the word 'JSON'"
}

function formatOf(body: Record<string, unknown>): unknown {
  return (body.response_format as { type?: unknown } | undefined)?.type
}

function promptOf(body: Record<string, unknown>): string {
  return ((body.messages ?? []) as { content: string }[]).map((message) => message.content).join('\n')
}

function chat(body: Record<string, unknown>, content: string, finishReason: string): Record<string, unknown> {
  return {
    id: 'double-chat-1',
    object: 'chat.completion',
    created: 0,
    model: `${body.model}-0001`,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finishReason }],
    usage: {
      prompt_tokens: words(promptOf(body)),
      completion_tokens: words(content),
      total_tokens: words(promptOf(body)) + words(content),
    },
  }
}

/** An answer quotes the first line of the first passage; anything else is a letter whose title is its first line. */
function defaultAnswer(body: Record<string, unknown>): unknown {
  const user = ((body.messages ?? []) as { role: string; content: string }[]).findLast((message) => message.role === 'user')?.content ?? ''
  const passage = firstLine(user, 'passage')
  if (passage) return { answer: passage.line, citations: [{ passage: passage.number, quote: passage.line }] }
  if (/^\[\[question /m.test(user)) return { answer: null, citations: [] }
  const page = firstLine(user, 'page')
  return { type: 'letter', language: null, fields: page ? [{ name: 'title', value: page.line, quote: page.line, page: page.number }] : [] }
}

function firstLine(user: string, name: string): { number: string; line: string } | null {
  const start = new RegExp(`^\\[\\[${name} (\\d+) ([0-9a-f]+)\\]\\]\\n`, 'm').exec(user)
  if (!start) return null
  const text = user.slice(start.index + start[0].length).split(`\n[[end ${start[2]}]]`)[0] ?? ''
  const line = text.split('\n').find((candidate) => candidate.trim() !== '')
  return line ? { number: start[1] ?? '', line: line.trim().slice(0, 200) } : null
}

function embeddings(body: Record<string, unknown>): Record<string, unknown> {
  const input = body.input as string[]
  const tokens = input.reduce((total, text) => total + words(text), 0)
  return {
    id: 'double-embed-1',
    object: 'list',
    model: `${body.model}-0001`,
    data: input.map((text, index) => ({ object: 'embedding', index, embedding: hashed(text) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

/** Counts of hashed words (FNV-1a), not of unit length: that is the client's to do. */
function hashed(text: string): number[] {
  const vector = Array<number>(DOUBLE_DIMENSIONS).fill(0)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    let hash = 0x811c9dc5
    for (const byte of Buffer.from(word)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
    const at = hash % DOUBLE_DIMENSIONS
    vector[at] = (vector[at] ?? 0) + 1
  }
  return vector
}

function words(text: string): number {
  return text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
}
