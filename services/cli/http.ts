import { z } from 'zod'
import { CliError } from './cli-error.ts'
import type { Connection } from './connection.ts'
import { EXIT, exitCodeOfStatus } from './exit-codes.ts'
import { pause } from './pause.ts'
import { clean } from './print/text.ts'

const ATTEMPTS_MAX = 5
const RETRY_PAUSE_MS = 1_000
const RETRY_PAUSE_MS_MAX = 10_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const PROBLEM_BYTES_MAX = 64 * 1024
const TIMEOUT_MS = 60_000
/** How a connection ends that was already made, and a file that changed under the reader. */
const BROKEN_OFF = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'NotReadableError']

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query?: Record<string, string | undefined>
  headers?: Record<string, string>
  /** A Blob is streamed with its size as Content-Length; anything else is sent as JSON. */
  body?: unknown
  /** The whole exchange, body included. */
  timeoutMs?: number
  /** True where a repetition does no harm: 503 is then repeated, as 429 always is. */
  repeatable: boolean
  signal?: AbortSignal
}

export interface Http {
  /** A successful response, its body unread. Throws CliError, or the reason of the signal. */
  send(request: HttpRequest): Promise<Response>
  /** The body of a successful response, chunk by chunk. Throws CliError, also where the connection breaks before the end. */
  stream(request: HttpRequest, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array>
  /** The parsed body of a successful response. */
  json<Schema extends z.ZodType>(request: HttpRequest, schema: Schema): Promise<z.infer<Schema>>
  /** The same, and its Location. */
  located<Schema extends z.ZodType>(request: HttpRequest, schema: Schema): Promise<{ body: z.infer<Schema>; location: string | null }>
  /** The body of a successful response as it is. */
  text(request: HttpRequest): Promise<string>
}

/** RFC 9457 with our members. Optional throughout: a proxy in between answers in its own words. */
const Problem = z.looseObject({ code: z.string().max(64).optional(), title: z.string().optional(), detail: z.string().optional() })

export function createHttp(connection: Connection, interrupted: AbortSignal): Http {
  return { send, stream, json, located, text }

  async function send(request: HttpRequest): Promise<Response> {
    const signal = AbortSignal.any([
      interrupted,
      AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS),
      ...(request.signal ? [request.signal] : []),
    ])
    for (let attempt = 1; ; attempt++) {
      const response = await attemptOnce(request, signal)
      if (response.ok) return response
      const repeat = response.status === 429 || (response.status === 503 && request.repeatable)
      if (!repeat || attempt >= ATTEMPTS_MAX) throw await problem(response)
      await response.body?.cancel()
      await pause(retryPauseMs(response, attempt), signal)
    }
  }

  async function attemptOnce(request: HttpRequest, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(urlOf(request), {
        method: request.method,
        headers: { authorization: `Bearer ${connection.apiKey}`, accept: 'application/json', ...contentType(request), ...request.headers },
        ...(request.body === undefined ? {} : { body: request.body instanceof Blob ? request.body : JSON.stringify(request.body) }),
        redirect: 'manual',
        signal,
      })
    } catch (error) {
      throw networkError(error, request)
    }
  }

  async function json<Schema extends z.ZodType>(request: HttpRequest, schema: Schema): Promise<z.infer<Schema>> {
    return (await located(request, schema)).body
  }

  async function located<Schema extends z.ZodType>(request: HttpRequest, schema: Schema) {
    const response = await send(request)
    const parsed = schema.safeParse(parseJson(await textOf(response, request)))
    if (parsed.success) return { body: parsed.data, location: response.headers.get('location') }
    const where = parsed.error.issues[0]?.path.join('.') || 'the body'
    throw unexpectedAnswer(`${request.method} ${request.path} answered something else than expected (${where})`)
  }

  async function text(request: HttpRequest): Promise<string> {
    return textOf(await send(request), request)
  }

  async function textOf(response: Response, request: HttpRequest): Promise<string> {
    try {
      return await readText(response, ANSWER_BYTES_MAX)
    } catch (error) {
      throw networkError(error, request)
    }
  }

  async function* stream(request: HttpRequest, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    const response = await send(request)
    try {
      for await (const chunk of response.body ?? []) {
        onBytes(chunk.byteLength)
        yield chunk
      }
    } catch (error) {
      throw networkError(error, request)
    }
  }

  function urlOf(request: HttpRequest): URL {
    const url = new URL(`${connection.url.replace(/\/+$/, '')}${request.path}`)
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) url.searchParams.set(name, value)
    return url
  }

  function networkError(error: unknown, request: HttpRequest): unknown {
    if (error instanceof CliError) return error
    if (interrupted.aborted) return interrupted.reason
    if (request.signal?.aborted) return request.signal.reason
    if (error instanceof DOMException && error.name === 'TimeoutError')
      return new CliError('TIMEOUT', `${connection.url} did not answer in time`, EXIT.unreachable, { cause: error })
    const code = codeOf(error)
    if (request.body instanceof Blob && BROKEN_OFF.includes(code)) {
      const message = 'the upload ended early: the server closed the connection, or the file changed while it was read'
      return new CliError('UPLOAD_ABORTED', message, EXIT.rejected, { cause: error })
    }
    return new CliError('SERVER_UNREACHABLE', `no server answers at ${connection.url} (${code})`, EXIT.unreachable, { cause: error })
  }
}

/** Reads a body up to `bytesMax` bytes of UTF-8; throws CliError beyond. */
async function readText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw unexpectedAnswer('the answer is larger than any that the API gives')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function problem(response: Response): Promise<CliError> {
  const parsed = Problem.safeParse(parseJson(await readText(response, PROBLEM_BYTES_MAX)))
  if (response.status < 400 || !parsed.success || !parsed.data.code)
    return unexpectedAnswer(`the server answered ${response.status} and no problem document; is it Greffier?`)
  const { code, title, detail } = parsed.data
  return new CliError(clean(code), clean([title, detail].filter(Boolean).join(': ') || code), exitCodeOfStatus(response.status))
}

function unexpectedAnswer(message: string): CliError {
  return new CliError('UNEXPECTED_ANSWER', message, EXIT.protocol)
}

/** Undefined is what no schema accepts: the caller then reports an unexpected answer. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function contentType({ body }: HttpRequest): Record<string, string> {
  if (body === undefined) return {}
  return { 'content-type': body instanceof Blob ? 'application/octet-stream' : 'application/json' }
}

function retryPauseMs(response: Response, attempt: number): number {
  const seconds = Number(response.headers.get('retry-after'))
  const wanted = seconds > 0 ? seconds * 1_000 : RETRY_PAUSE_MS * attempt
  return Math.min(wanted, RETRY_PAUSE_MS_MAX)
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.name : 'unknown'
}
