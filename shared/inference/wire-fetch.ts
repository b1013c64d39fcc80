import { AppError } from '../contracts/errors.ts'

/** 256 vectors of 4,096 numbers at 20 characters each are 21 MB; nothing that we ask for is larger. */
const RESPONSE_BYTES_MAX = 32 * 1024 * 1024

/** What is kept of a refusal: enough to see what the server did not like. */
const REFUSAL_CHARACTERS_MAX = 4_096

/** What a request that wants a stream accepts. */
export const EVENT_STREAM = 'text/event-stream'

export interface WireFetchOptions {
  /** All that is sent, but for `accept` of a stream. */
  headers: Readonly<Record<string, string>>
  fetchOnce: typeof fetch
  /** Sees the headers of every response. */
  onHeaders: (headers: Headers) => void
}

/**
 * A `fetch` for a vendor's client that sends exactly `headers` and nothing that the client adds of itself (it reads OPENAI_CUSTOM_HEADERS and
 * reports operating system and versions), follows no redirect (the body would go to a host that no policy has seen), and returns only
 * complete bodies, so that the request's signal bounds the whole of it; a stream comes as it is, up to the same size.
 * A refusal's body comes back as `{ error: { message } }`, whatever its shape.
 */
export function createWireFetch({ headers, fetchOnce, onHeaders }: WireFetchOptions): typeof fetch {
  return async (input, init) => {
    const streams = new Headers(init?.headers).get('accept') === EVENT_STREAM
    const response = await fetchOnce(input, {
      method: init?.method ?? 'GET',
      body: init?.body ?? null,
      signal: init?.signal ?? null,
      headers: streams ? { ...headers, accept: EVENT_STREAM } : headers,
      redirect: 'manual',
    })
    onHeaders(response.headers)
    const { status } = response
    const isAnswer = status >= 200 && status < 300
    if (streams && isAnswer) return streamed(response)
    const text = await readText(response)
    const kept = new Headers(response.headers)
    kept.set('content-type', 'application/json')
    if (isAnswer) return new Response(text, { status: 200, headers: kept })
    return new Response(JSON.stringify({ error: { message: text.slice(0, REFUSAL_CHARACTERS_MAX) } }), {
      status: refusalStatus(status),
      headers: kept,
    })
  }
}

/** A Response can't be made with a body for 304, nor at all below 200: the client sees a redirect, which it takes for the refusal that it is. */
function refusalStatus(status: number): number {
  return status < 300 || status === 304 ? 300 : status
}

async function streamed(response: Response): Promise<Response> {
  if (!response.body || !response.headers.get('content-type')?.startsWith(EVENT_STREAM)) {
    await response.body?.cancel()
    throw new AppError('MODEL_OUTPUT_INVALID', 'the response is no event stream')
  }
  let bytes = 0
  const bounded = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      bytes += chunk.byteLength
      if (bytes > RESPONSE_BYTES_MAX) throw tooLarge()
      controller.enqueue(chunk)
    },
  })
  return new Response(response.body.pipeThrough(bounded), { status: 200, headers: new Headers(response.headers) })
}

async function readText(response: Response): Promise<string> {
  if (!response.body) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.byteLength
    if (bytes > RESPONSE_BYTES_MAX) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes).toString('utf8')
}

function tooLarge(): AppError {
  return new AppError('MODEL_OUTPUT_INVALID', `the response is larger than ${RESPONSE_BYTES_MAX} bytes`)
}
