import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** What one request meets instead of the names it asks for. */
export type RecogniserBehaviour =
  | { kind: 'status'; status: number }
  /** The body as it is. */
  | { kind: 'body'; body: string }
  | { kind: 'hang' }
  | { kind: 'reset' }
  | { kind: 'redirect'; location: string }
  /** Headers at once, then bytes without end. */
  | { kind: 'endless' }

export interface RecogniserDouble {
  readonly baseUrl: string
  /** Bodies of all requests, in the order of arrival. */
  readonly requests: readonly AnalyzeRequest[]
  script(...behaviours: RecogniserBehaviour[]): void
  close(): Promise<void>
}

/** As Presidio's analyzer reads it. */
const AnalyzeRequest = z.strictObject({
  text: z.string().min(1),
  language: z.string().regex(/^[a-z]{2}$/),
  entities: z.array(z.enum(['PERSON', 'LOCATION'])).min(1),
  score_threshold: z.number().min(0).max(1),
})
type AnalyzeRequest = z.infer<typeof AnalyzeRequest>

/**
 * A server on 127.0.0.1 of the shape of Presidio's analyzer that knows the given words and finds each place where they stand. Its offsets are code points,
 * as Python's are.
 */
export async function startRecogniserDouble(known: Readonly<Record<string, 'PERSON' | 'LOCATION'>>): Promise<RecogniserDouble> {
  const requests: AnalyzeRequest[] = []
  const queue: RecogniserBehaviour[] = []
  const server = createServer((request, response) => {
    answer(request, response, known, requests, queue).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script: (...behaviours) => void queue.push(...behaviours),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  known: Readonly<Record<string, string>>,
  requests: AnalyzeRequest[],
  queue: RecogniserBehaviour[],
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = AnalyzeRequest.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  if (request.method !== 'POST' || request.url !== '/analyze' || !body.success) return send(response, 500, { error: 'no such request' })
  requests.push(body.data)
  const behaviour = queue.shift()
  if (behaviour) return play(response, behaviour)
  send(response, 200, analyze(body.data, known))
}

function analyze({ text, entities }: AnalyzeRequest, known: Readonly<Record<string, string>>): object[] {
  return Object.entries(known).flatMap(([word, entity_type]) => {
    if (!entities.some((entity) => entity === entity_type)) return []
    return occurrences(text, word).map((index) => {
      const start = [...text.slice(0, index)].length
      return { analysis_explanation: null, entity_type, start, end: start + [...word].length, score: 0.85 }
    })
  })
}

function occurrences(text: string, word: string): number[] {
  const found: number[] = []
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) found.push(at)
  return found
}

function play(response: ServerResponse, behaviour: RecogniserBehaviour): void {
  switch (behaviour.kind) {
    case 'status':
      send(response, behaviour.status, { error: 'the text was …' })
      return
    case 'body':
      response.writeHead(200, { 'content-type': 'application/json' }).end(behaviour.body)
      return
    case 'redirect':
      response.writeHead(307, { location: behaviour.location }).end()
      return
    case 'reset':
      response.destroy()
      return
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' })
      pour(response)
      return
    case 'hang':
      return
  }
}

function pour(response: ServerResponse): void {
  const beat = Buffer.alloc(1 << 16, ' ')
  const more = () => {
    while (!response.destroyed && response.write(beat));
  }
  response.on('drain', more)
  more()
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
