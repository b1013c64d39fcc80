import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

export type Handler = (received: Received, response: ServerResponse) => void

export interface WireServer {
  /** With the version path. */
  readonly baseUrl: string
  readonly origin: string
  /** Every request that was read, in the order of arrival. */
  readonly requests: readonly Received[]
  /** Sockets that were ever opened to it. */
  readonly connections: () => number
  /** From now on. */
  answerWith(handler: Handler): void
  close(): Promise<void>
}

/** A server on 127.0.0.1 that answers with whatever a test says, where the question is what is done with it. */
export async function startWireServer(first: Handler = sendChat('ok')): Promise<WireServer> {
  const requests: Received[] = []
  let handler = first
  let connections = 0
  const server = createServer((request, response) => {
    read(request).then(
      (body) => {
        const received = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
        requests.push(received)
        handler(received, response)
      },
      () => response.destroy(),
    )
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    baseUrl: `${origin}/v1`,
    origin,
    requests,
    connections: () => connections,
    answerWith: (next) => {
      handler = next
    },
    close: () => close(server),
  }
}

export function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })
}

export function sendJson(value: unknown, status = 200, headers: Record<string, string> = {}): Handler {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(value))
  }
}

/** A chat completion with this text, or with these as its message. */
export function sendChat(message: string | Record<string, unknown>, finishReason = 'stop'): Handler {
  return ({ body }, response) =>
    sendJson({
      id: 'completion-1',
      model: `${body.model}-0001`,
      choices: [
        { index: 0, message: typeof message === 'string' ? { role: 'assistant', content: message } : message, finish_reason: finishReason },
      ],
      usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
    })({ method: '', path: '', headers: {}, body }, response)
}

export function sendStatus(status: number, words: unknown = { message: 'scripted' }, headers: Record<string, string> = {}): Handler {
  return sendJson(words, status, headers)
}

/** Server-sent events with these chunks, then `[DONE]`; without the end, the connection breaks off. */
export function sendEvents(chunks: readonly unknown[], end: 'done' | 'break' = 'done'): Handler {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const chunk of chunks) response.write(`data: ${JSON.stringify(chunk)}\n\n`)
    if (end === 'done') response.end('data: [DONE]\n\n')
    else setImmediate(() => response.destroy())
  }
}

/** A piece of a streamed chat completion. */
export function chunk(delta: Record<string, unknown>, finishReason: string | null = null): Record<string, unknown> {
  return { id: 'stream-1', model: 'served-model', choices: [{ index: 0, delta, finish_reason: finishReason }] }
}

/** One piece a beat for ever, until the client goes. */
export function trickle(piece: string, contentType = 'application/json', onGone: () => void = () => undefined): Handler {
  return (_, response) => {
    response.writeHead(200, { 'content-type': contentType })
    const beat = setInterval(() => response.write(piece), 10)
    response.on('close', () => {
      clearInterval(beat)
      onGone()
    })
  }
}

async function read(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) chunks.push(piece)
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>)
}
