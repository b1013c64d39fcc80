import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CostReport } from '../../../shared/contracts/cost.ts'
import { DocumentView, type StageView } from '../../../shared/contracts/document.ts'
import type { ErasureView } from '../../../shared/contracts/erasure.ts'
import { ERRORS, type ErrorCode } from '../../../shared/contracts/errors.ts'
import { DocumentRecord, ProcessingEvent } from '../../../shared/contracts/record.ts'
import { Answer } from '../../../shared/contracts/retrieval.ts'

export const API_KEY = 'gk_test_0123456789abcdef'
const STAGES = ['extract', 'enrich', 'index', 'done']

export interface FakeServerOptions {
  /** `cut`: the stream ends in the middle. `none`: there is none. */
  events?: 'full' | 'cut' | 'none'
  /** Documents are never done. */
  stuck?: boolean
  /** So many uploads are answered with 429 first. */
  busyUploads?: number
  uploadBytesMax?: number
  type?: string
  /** Answers a question even where no document holds one. */
  inventive?: boolean
  /** How often an erasure is looked at before it is done. */
  erasingLooks?: number
  /** What it says of an erasure that is not done: the stores are empty, and are looked at again then. */
  settlesAt?: string
  /** An erasure is by no request, as after a backup was restored. */
  forgetful?: boolean
}

interface Stored {
  view: DocumentView
  text: string
  erased: boolean
}

/** Two calls, one of them to a model without a price. */
const COSTS: CostReport = {
  tenant_id: '01890000-0000-7000-8000-000000000001',
  from: null,
  to: null,
  document_id: null,
  by: null,
  groups: [],
  groups_left_out: 0,
  micro_eur: 1_234_567,
  calls: 2,
  unpriced_calls: 1,
  lines: [
    {
      processor: 'mistral',
      model: 'mistral-small-latest',
      task: 'extract',
      purpose: 'invoice_processing',
      calls: 1,
      unpriced_calls: 0,
      tokens_in: 1_000,
      tokens_cached: 400,
      tokens_out: 100,
      micro_eur: 1_234_567,
    },
    {
      processor: 'mistral',
      model: 'mistral-embed',
      task: 'embed',
      purpose: null,
      calls: 1,
      unpriced_calls: 1,
      tokens_in: 9,
      tokens_cached: 0,
      tokens_out: 0,
      micro_eur: 0,
    },
  ],
}

/** The HTTP API in memory, in the shapes of shared/contracts: a file named `broken…` fails in the pipeline, `foreign…` is rejected. */
export async function startFakeServer(options: FakeServerOptions = {}) {
  const documents = new Map<string, Stored>()
  const requests: Array<{ method: string; path: string; query: URLSearchParams; headers: IncomingMessage['headers']; atMs: number }> = []
  const erasures = new Map<string, { documentId: string; looks: number }>()
  const keys = new Map<string, { key_id: string; name: string; scopes: string[]; created_at: string; revoked_at: string | null }>()
  let busy = options.busyUploads ?? 0
  const server = createServer((request, response) => {
    void handle(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, apiKey: API_KEY, documents, requests, close }

  async function close(): Promise<void> {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<ServerResponse> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    const method = request.method ?? 'GET'
    requests.push({ method, path: pathname, query: searchParams, headers: request.headers, atMs: performance.now() })
    if (request.headers.authorization !== `Bearer ${API_KEY}`) return problem(response, 'UNAUTHENTICATED')
    const [, , resource, id, part] = pathname.split('/')
    if (resource === 'costs') return send(response, 200, COSTS)
    if (resource === 'erasures') return erasureRequest(id, response)
    if (resource === 'records') return records(searchParams, response)
    if (method === 'POST' && pathname === '/v1/documents') return upload(request, response, searchParams)
    if (method === 'POST') return post(pathname, JSON.parse((await bodyOf(request)) || '{}'), response)
    if (resource === 'keys') return keyRequest(method, id, response)
    if (!id) return listDocuments(searchParams, response)
    const found = documents.get(id)
    if (!found) return problem(response, 'DOCUMENT_NOT_FOUND')
    if (part === 'record') return send(response, 200, recordOf(found))
    if (found.erased) return problem(response, 'DOCUMENT_ERASED', { document_status: 'erased' })
    if (method === 'DELETE') {
      found.erased = true
      const erasureId = randomUUID()
      if (options.forgetful !== true) response.setHeader('location', `/v1/erasures/${erasureId}`)
      erasures.set(erasureId, { documentId: id, looks: 0 })
      return send(response, 202, { document_id: id, status: 'erased' })
    }
    if (part === 'progress') return progress(found, response)
    if (part === 'text' || part === 'content') return send(response, 200, { text: found.text })
    return send(response, 200, DocumentView.parse(found.view))
  }

  async function upload(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<ServerResponse> {
    if (busy > 0) {
      busy--
      request.resume()
      return problem(response, 'RATE_LIMITED', {}, { 'retry-after': '0.01' })
    }
    if (Number(request.headers['content-length']) > (options.uploadBytesMax ?? Number.POSITIVE_INFINITY))
      return problem(response, 'DOCUMENT_TOO_LARGE', {}, { connection: 'close' })
    const text = await bodyOf(request)
    const name = query.get('file_name') ?? ''
    if (text === '') return problem(response, 'EMPTY_DOCUMENT')
    if (name.startsWith('foreign')) return problem(response, 'UNSUPPORTED_TYPE')
    const view = viewOf(name, text, query, options)
    documents.set(view.document_id, { view, text, erased: false })
    return send(response, 202, { document_id: view.document_id, revision: 1, status: 'received', outcome: 'created' })
  }

  function progress({ view }: Stored, response: ServerResponse): ServerResponse {
    if (options.events === 'none') return problem(response, 'UNAVAILABLE')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const event = (percent: number, status: string, stages: StageView[]) =>
      response.write(
        `: beat\r\nevent: progress\r\ndata: ${JSON.stringify({ document_id: view.document_id, status, error_code: null, stages, percent })}\r\n\r\n`,
      )
    event(25, 'processing', view.stages.slice(0, 1))
    if (options.stuck) return response
    if (options.events !== 'cut') event(100, view.status, view.stages)
    return response.end()
  }

  function post(
    path: string,
    body: { query: string; question: string; name: string; scopes: string[] },
    response: ServerResponse,
  ): ServerResponse {
    const live = [...documents.values()].filter(({ erased }) => !erased)
    if (path === '/v1/search') {
      const hits = live.filter(({ text }) => text.includes(body.query))
      const hit = { revision: 1, page: 1, start: 0, end: body.query.length, text: body.query, score: 1, corrections: [] }
      return send(response, 200, { hits: hits.map(({ view }) => ({ document_id: view.document_id, ...hit })) })
    }
    if (path === '/v1/answers') return send(response, 200, answerOf(body.question, live, options.inventive === true))
    const key = { key_id: randomUUID(), name: body.name, scopes: body.scopes, created_at: new Date().toISOString(), revoked_at: null }
    keys.set(key.key_id, key)
    return send(response, 201, { key_id: key.key_id, name: key.name, scopes: key.scopes, api_key: 'gk_new' })
  }

  function erasureRequest(id: string | undefined, response: ServerResponse): ServerResponse {
    const asked = erasures.get(id ?? '')
    if (!asked) return problem(response, 'ERASURE_NOT_FOUND')
    const done = ++asked.looks > (options.erasingLooks ?? 0)
    const now = new Date().toISOString()
    const view: ErasureView = {
      erasure_id: id ?? '',
      key_id: null,
      ground: null,
      scope: { document_ids: [asked.documentId] },
      retention_rule: null,
      received_at: now,
      due_at: now,
      extended_at: null,
      state: done ? 'done' : 'erasing',
      completed_at: done ? now : null,
      settles_at: done ? null : (options.settlesAt ?? null),
      counts: { documents: 1, erasing: done ? 0 : 1, erased: done ? 1 : 0, refused: 0 },
      refusals: [],
    }
    return send(response, 200, view)
  }

  /** Of one document, newest first. */
  function records(query: URLSearchParams, response: ServerResponse): ServerResponse {
    const found = documents.get(query.get('document') ?? '')
    const events = found ? recordOf(found).events.filter(({ operation }) => operation === query.get('operation')) : []
    return send(response, 200, { events: events.reverse(), next_cursor: null })
  }

  function keyRequest(method: string, id: string | undefined, response: ServerResponse): ServerResponse {
    if (method === 'GET') return send(response, 200, { keys: [...keys.values()] })
    if (!id || !keys.delete(id)) return problem(response, 'NOT_FOUND')
    return response.writeHead(204).end()
  }

  function listDocuments(query: URLSearchParams, response: ServerResponse): ServerResponse {
    const all = [...documents.values()].filter(({ erased }) => !erased)
    const from = Number(query.get('cursor') ?? 0)
    const limit = Number(query.get('limit') ?? 20)
    const page = all.slice(from, from + limit).map(({ view }) => {
      const { file_name, metadata, stages, pages, schema_name, fields, ai, extraction, refusal, ...head } = view
      return head
    })
    return send(response, 200, { documents: page, next_cursor: from + limit < all.length ? String(from + limit) : null })
  }
}

function viewOf(name: string, text: string, query: URLSearchParams, options: FakeServerOptions): DocumentView {
  const broken = name.startsWith('broken')
  const now = new Date().toISOString()
  const stages = STAGES.map((stage) => ({
    stage,
    status: options.stuck ? ('running' as const) : ('completed' as const),
    starts: 1,
    started_at: now,
    finished_at: options.stuck ? null : now,
    error_code: null,
  }))
  return DocumentView.parse({
    document_id: randomUUID(),
    status: options.stuck ? 'processing' : broken ? 'failed' : 'completed',
    error_code: broken ? 'DOCUMENT_UNREADABLE' : null,
    revision: 1,
    media_type: 'text/plain',
    bytes: Buffer.byteLength(text),
    sensitivity: query.get('sensitivity') ?? 'internal',
    data_classes: (query.get('data_classes') ?? 'personal').split(','),
    purpose: query.get('purpose') ?? 'document_processing',
    type: broken ? null : (options.type ?? 'letter'),
    language: broken ? null : 'de',
    created_at: now,
    completed_at: now,
    file_name: name,
    metadata: JSON.parse(query.get('metadata') ?? '{}'),
    stages,
    pages: broken ? [] : [{ number: 1, method: 'plain', characters: text.length, reason: null }],
    fields: broken
      ? {}
      : {
          title: {
            value: text.slice(0, 20),
            status: 'verified',
            evidence: [{ page: 1, start: 0, end: 20, quote: text.slice(0, 20) }],
            produced_by: null,
          },
        },
    ai: { generated: false, mark: null, notice: 'Read by rules; no language model was used.', classified_by: null },
    schema_name: query.get('schema'),
    extraction: null,
    refusal: null,
  })
}

/** Quotes the first document that holds the question's longest word. */
function answerOf(question: string, live: readonly Stored[], inventive: boolean): unknown {
  const word = question.split(/\W+/).reduce((longest, next) => (next.length > longest.length ? next : longest), '')
  const found = live.find(({ text }) => text.includes(word)) ?? (inventive ? live[0] : undefined)
  const citation = found && {
    document_id: found.view.document_id,
    page: 1,
    start: 0,
    end: found.text.length,
    quote: found.text,
    verified: true,
  }
  return Answer.parse({
    question,
    answer: found ? found.text : null,
    abstained: !found,
    citations: citation ? [citation] : [],
    corrections: [],
    ai: {
      generated: false,
      mark: null,
      notice: 'Quoted by rules; no language model wrote this.',
      processor: 'builtin',
      model: 'builtin',
      model_version: null,
    },
  })
}

function recordOf({ view, erased }: Stored): DocumentRecord {
  const event = ProcessingEvent.parse({
    schema: 'greffier.event/1',
    event_id: randomUUID(),
    time: view.created_at,
    controller_ref: randomUUID(),
    role: 'controller',
    doc_ref: view.document_id,
    revision: 1,
    content_commit: null,
    parent_events: [],
    operation: 'Collect',
    step: 'upload',
    purpose: view.purpose,
    sensitivity: 'internal',
    special: false,
    criminal: false,
    data_categories: [],
    subject_categories: [],
    provenance: 'provided',
    recipient: { processor: 'builtin', endpoint: 'in-process', region: 'local', register_hash: 'x' },
    policy: null,
    model: null,
    minimisation: null,
    ai_generated: false,
    hits: [],
    stores: [],
    phase: 'completed',
    result: 'ok',
    error_code: null,
    duration_ms: 1,
  })
  const erasure = { ...event, operation: 'Erase', step: 'erase', stores: [{ store: 'sqlite', kind: 'points', remaining: 0 }] }
  return DocumentRecord.parse({ document_id: view.document_id, events: erased ? [event, erasure] : [event], complete: true })
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function problem(response: ServerResponse, code: ErrorCode, extra: object = {}, headers: Record<string, string> = {}): ServerResponse {
  const { status, title } = ERRORS[code]
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
  return response.end(JSON.stringify({ type: 'about:blank', title, status, code, ...extra }))
}

function send(response: ServerResponse, status: number, body: unknown): ServerResponse {
  response.writeHead(status, { 'content-type': 'application/json' })
  return response.end(JSON.stringify(body))
}
