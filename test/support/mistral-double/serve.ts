import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Behaviour, play, type Stage } from './behaviour.ts'
import { chatRequest, lacksTheWordJson, promptOf } from './chat-request.ts'
import { completion, type Said } from './completion.ts'
import { embeddings } from './embeddings.ts'
import { modelList } from './models.ts'
import { documentOf, ocr } from './ocr.ts'
import { type ErrorAnswer, invalidBody, NO_ROUTE, rateLimited, UNAUTHORIZED } from './refusals.ts'
import { sendError, sendJson } from './reply.ts'
import { refusalOf } from './rules.ts'
import type { Scene } from './scene.ts'
import { CHAT_PATH, EMBEDDINGS_PATH, isPostPath, MODELS_PATH, type OperationPath, type PostPath, responseProblems } from './schemas.ts'
import { usualAnswer } from './usual-answer.ts'

const BODY_BYTES_MAX = 64 * 1024 * 1024

/** Answers one request; whatever goes wrong in it stays in it. */
export function serve(request: IncomingMessage, response: ServerResponse, scene: Scene): void {
  handle(request, response, scene).catch((error: unknown) => {
    // Who leaves while it sends its request (a killed process) is no fault of the double.
    if (request.complete) failed(error, response, scene)
    else response.destroy()
  })
}

async function handle(request: IncomingMessage, response: ServerResponse, scene: Scene): Promise<void> {
  const path = new URL(request.url ?? '', 'http://double').pathname
  const text = await readBody(request)
  const body = parsed(text)
  if (scene.options.keepRequests !== false)
    scene.requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: body ?? {} })
  const authorized = scene.options.keyless || /^Bearer \S+$/.test(request.headers.authorization ?? '')
  if (!authorized) refuse(response, path, UNAUTHORIZED, scene)
  else if (request.method === 'GET' && path === MODELS_PATH) {
    sendJson(response, 200, honest(MODELS_PATH, modelList(scene.rules.moreModels)), scene.state.headers)
  } else if (request.method !== 'POST' || !isPostPath(path)) refuse(response, path, NO_ROUTE, scene)
  else if (!body) refuse(response, path, invalidBody([{ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid' }]), scene)
  else await post(path, body, response, scene)
}

async function post(path: PostPath, body: Record<string, unknown>, response: ServerResponse, scene: Scene): Promise<void> {
  const { state, meter } = scene
  const refusal = refusalOf(path, body, scene.rules)
  if (refusal) return refuse(response, path, refusal, scene)
  if (!state.jsonSchema && asksForSchema(path, body)) return sendError(response, NO_JSON_SCHEMA)
  if (meter.load().inFlight >= state.atOnce) {
    meter.turnAway()
    return sendError(response, rateLimited({ retryAfter: state.retryAfterSeconds }), state.headers)
  }
  // One that has left already would never be counted out.
  if (response.destroyed) return
  response.once('close', meter.enter())
  const behaviour = scene.queues[path].shift() ?? scene.queue.shift() ?? unscripted(path, body)
  if (state.delayMs > 0 && !(await stillThereAfter(state.delayMs, response))) return
  await play(stageOf(path, body, response, scene), behaviour)
}

function stageOf(path: PostPath, body: Record<string, unknown>, response: ServerResponse, scene: Scene): Stage {
  const { state } = scene
  state.answers += 1
  const number = state.answers
  const request = chatRequest(body)
  const cachedPrompt = path === CHAT_PATH ? scene.cache.replace(request.prompt_cache_key, promptOf(request)) : ''
  const saying = (said: Said) => completion(request, said, number, cachedPrompt)
  function usual(): Record<string, unknown> {
    if (path === CHAT_PATH) return saying(usualAnswer(request, state.answer))
    if (path === EMBEDDINGS_PATH) return embeddings(body, number)
    const document = documentOf(body)
    if (!document) throw new Error('a document without bytes was not refused')
    return ocr(body, document, state.read)
  }
  const headers = { ...LIMITS, ...state.headers }
  return { path, body, response, headers, usual: () => honest(path, usual()), saying }
}

/** An account that is far from its limits, as its answers say. */
const LIMITS = {
  'x-ratelimit-limit-tokens-minute': '5000000',
  'x-ratelimit-remaining-tokens-minute': '4900000',
  'x-ratelimit-limit-req-minute': '720',
  'x-ratelimit-remaining-req-minute': '700',
}

const NO_JSON_SCHEMA = invalidBody([
  { loc: ['body', 'response_format'], msg: 'response_format json_schema is not supported by this model', type: 'value_error' },
])

function asksForSchema(path: PostPath, body: Record<string, unknown>): boolean {
  return path === CHAT_PATH && chatRequest(body).response_format?.type === 'json_schema'
}

/** Without the word JSON a request comes this far only where a test wants the white space. */
function unscripted(path: PostPath, body: Record<string, unknown>): Behaviour {
  return path === CHAT_PATH && lacksTheWordJson(chatRequest(body)) ? { kind: 'white_space' } : { kind: 'usual' }
}

/** Throws when an answer of ours is not what Mistral's document describes. */
function honest(path: OperationPath, answer: Record<string, unknown>): Record<string, unknown> {
  const wrong = responseProblems(path, answer)
  if (wrong.length > 0) throw new Error(`an answer of ${path} that the API does not know: ${wrong.join(', ')}`)
  return answer
}

function refuse(response: ServerResponse, path: string, refusal: ErrorAnswer, scene: Scene): void {
  scene.refusals.push({ path, status: refusal.status, answer: refusal.body })
  sendError(response, refusal, scene.state.headers)
}

/** A fault of the double, which no server would answer so: the test hears of it from `close`. */
function failed(error: unknown, response: ServerResponse, scene: Scene): void {
  scene.mistakes.push(error)
  if (response.headersSent) response.destroy()
  else sendJson(response, 500, { message: `the double failed: ${error}` })
}

/** False when the asker left before. */
function stillThereAfter(delayMs: number, response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const left = () => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      response.off('close', left)
      resolve(true)
    }, delayMs)
    response.once('close', left)
  })
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Error('the request is larger than the double reads')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Null where the text is no JSON object. */
function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    // What a client sends may be anything: it is answered 422.
    return null
  }
}
