import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { ApiKeyCreated, ApiKeyView, type Scope } from '../../shared/contracts/access.ts'
import { CostEstimate, type CostEstimateRequest, CostReport } from '../../shared/contracts/cost.ts'
import {
  DocumentList,
  DocumentStatus,
  DocumentView,
  RedriveAccepted,
  UploadAccepted,
  UploadDefaults,
  type UploadOptions,
} from '../../shared/contracts/document.ts'
import { ExposureReport } from '../../shared/contracts/exposure.ts'
import { KeyExchange, LedgerKey } from '../../shared/contracts/ledger.ts'
import { DocumentRecord } from '../../shared/contracts/record.ts'
import { RecordsPage } from '../../shared/contracts/records.ts'
import { PolicyReplay, type PolicyReplayRequest } from '../../shared/contracts/replay.ts'
import { Answer, SearchResponse } from '../../shared/contracts/retrieval.ts'
import { type NewSchema, SchemaHead, SchemaList, SchemaView } from '../../shared/contracts/schemas.ts'
import { RegisterReport } from '../../shared/policy/register-report.ts'
import type { Connection } from './connection.ts'
import { createRightsClient } from './erasure-client.ts'
import { createHttp, type Http } from './http.ts'
import { subjectCalls } from './subject-client.ts'

const UPLOAD_TIMEOUT_MS = 15 * 60_000
/** A model may take its time over an answer. */
const ANSWER_TIMEOUT_MS = 3 * 60_000

/** A file of millions of events, to a disk or a terminal that is slow. */
const EXPORT_TIMEOUT_MS = 6 * 60 * 60_000
/** A long record is judged call by call. */
const REPLAY_TIMEOUT_MS = 10 * 60_000

const TEXT = { accept: 'text/plain' }
/** A long log takes a while, and moves all the time. */
const BUNDLE_TIMEOUT_MS = 12 * 60 * 60_000

/** At its end: a proxy may have put its own address before it. */
const ERASURE = /\/v1\/erasures\/([0-9a-f-]{36})$/
const Erasing = z.looseObject({ document_id: z.uuid(), status: DocumentStatus })
const KeyList = z.strictObject({ keys: z.array(ApiKeyView) })
export type KeyList = z.infer<typeof KeyList>

/** What the user said; what is left out is the server's or the tenant's default. */
export type UploadChoices = Partial<Omit<UploadOptions, 'file_name'>>

/** A body of which the server fills in what is left out. */
type Given<Body> = { [Name in keyof Body]?: Body[Name] | undefined }

/** The HTTP API as functions. Each throws CliError, or the reason of the interruption. */
export type Client = ReturnType<typeof createClient>

export function createClient(connection: Connection, interrupted: AbortSignal) {
  const http = createHttp(connection, interrupted)
  return {
    interrupted,
    /** Requests for erasure, holds, restrictions and retention. */
    rights: createRightsClient(http),
    ...subjectCalls(http),
    /** Streams the file; the Idempotency-Key makes a repetition harmless. */
    upload: (name: string, bytes: Blob, choices: UploadChoices): Promise<UploadAccepted> =>
      http.json(
        {
          method: 'POST',
          path: '/v1/documents',
          query: uploadQuery(name, choices),
          headers: { 'idempotency-key': randomUUID() },
          body: bytes,
          timeoutMs: UPLOAD_TIMEOUT_MS,
          repeatable: true,
        },
        UploadAccepted,
      ),
    document: (id: string): Promise<DocumentView> => get(http, `/v1/documents/${id}`, DocumentView),
    documents: (page: {
      cursor?: string | undefined
      limit?: number | undefined
      status?: DocumentStatus | undefined
    }): Promise<DocumentList> =>
      get(http, '/v1/documents', DocumentList, { cursor: page.cursor, limit: page.limit?.toString(), status: page.status }),
    /** Server-sent events; `signal` ends them. */
    progress: (id: string, signal: AbortSignal, timeoutMs: number): Promise<Response> =>
      http.send({
        method: 'GET',
        path: `/v1/documents/${id}/progress`,
        headers: { accept: 'text/event-stream' },
        timeoutMs,
        repeatable: false,
        signal,
      }),
    /** Resolves when the part can be read; its bytes are not. */
    probe: async (id: string, part: 'text' | 'content'): Promise<void> => {
      const response = await http.send({ method: 'GET', path: `/v1/documents/${id}/${part}`, headers: { accept: '*/*' }, repeatable: true })
      await response.body?.cancel()
    },
    costs: (question: {
      from?: string | undefined
      to?: string | undefined
      document_id?: string | undefined
      by?: string | undefined
    }): Promise<CostReport> => get(http, '/v1/costs', CostReport, question),
    estimate: (question: Given<CostEstimateRequest>): Promise<CostEstimate> =>
      http.json({ method: 'POST', path: '/v1/costs/estimate', body: question, repeatable: true }, CostEstimate),
    replay: (question: Given<PolicyReplayRequest>): Promise<PolicyReplay> =>
      http.json(
        { method: 'POST', path: '/v1/policy/replay', body: question, timeoutMs: REPLAY_TIMEOUT_MS, repeatable: true },
        PolicyReplay,
      ),
    exposure: (question: Record<string, string | undefined>): Promise<ExposureReport> =>
      http.json({ method: 'GET', path: '/v1/exposure', query: question, timeoutMs: REPLAY_TIMEOUT_MS, repeatable: true }, ExposureReport),
    /** Markdown. */
    exposureDraft: async (question: Record<string, string | undefined>): Promise<string> => {
      const headers = { accept: 'text/markdown' }
      const path = '/v1/exposure/draft'
      return (await http.send({ method: 'GET', path, query: question, headers, timeoutMs: REPLAY_TIMEOUT_MS, repeatable: true })).text()
    },
    register: (question: Record<string, string | undefined>): Promise<RegisterReport> =>
      get(http, '/v1/register', RegisterReport, { ...question, format: 'json' }),
    /** As bytes: a text would lose the mark that tells a spreadsheet its encoding. */
    registerFile: async (question: Record<string, string | undefined>): Promise<Buffer> => {
      const response = await http.send({
        method: 'GET',
        path: '/v1/register',
        query: question,
        headers: { accept: '*/*' },
        repeatable: true,
      })
      return Buffer.from(await response.arrayBuffer())
    },
    /** The archive as it comes, its beginning not repeated where it breaks. Throws SERVER_UNREACHABLE for a connection that ends early. */
    auditBundle: (question: Record<string, string | undefined>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> =>
      http.stream(
        {
          method: 'GET',
          path: '/v1/audit-bundle',
          query: question,
          headers: { accept: 'application/x-tar' },
          timeoutMs: BUNDLE_TIMEOUT_MS,
          repeatable: true,
        },
        onBytes,
      ),
    defaults: (): Promise<UploadDefaults> => get(http, '/v1/defaults', UploadDefaults),
    setDefaults: (chosen: UploadDefaults): Promise<UploadDefaults> =>
      http.json({ method: 'PUT', path: '/v1/defaults', body: chosen, repeatable: true }, UploadDefaults),
    /** With a justification it comes with the annex. */
    record: (id: string, justification?: string): Promise<DocumentRecord> =>
      http.json(
        {
          method: 'GET',
          path: `/v1/documents/${id}/record`,
          query: justification === undefined ? {} : { annex: 'true' },
          headers: justified(justification),
          repeatable: true,
        },
        DocumentRecord,
      ),
    records: (question: Record<string, string | undefined>, justification: string | undefined): Promise<RecordsPage> =>
      http.json({ method: 'GET', path: '/v1/records', query: question, headers: justified(justification), repeatable: true }, RecordsPage),
    /** The body is unread, and ends with an error where the export broke off. */
    exportRecords: (question: Record<string, string | undefined>, justification: string | undefined): Promise<Response> =>
      http.send({
        method: 'GET',
        path: '/v1/records/export',
        query: question,
        headers: { accept: '*/*', ...justified(justification) },
        timeoutMs: EXPORT_TIMEOUT_MS,
        repeatable: true,
      }),
    redrive: (id: string): Promise<RedriveAccepted> =>
      http.json({ method: 'POST', path: `/v1/documents/${id}/redrive`, repeatable: true }, RedriveAccepted),
    /** Twice is once: the same schema again is the version that it was. */
    addSchema: (schema: NewSchema): Promise<SchemaHead> =>
      http.json({ method: 'POST', path: '/v1/schemas', body: schema, repeatable: true }, SchemaHead),
    schemas: (): Promise<SchemaList> => get(http, '/v1/schemas', SchemaList),
    schema: (name: string, version: number | undefined): Promise<SchemaView> =>
      get(http, `/v1/schemas/${name}`, SchemaView, { version: version?.toString() }),
    removeSchema: async (name: string): Promise<void> => {
      const response = await http.send({ method: 'DELETE', path: `/v1/schemas/${name}`, repeatable: true })
      await response.body?.cancel()
    },
    /** The request that erases it; null where the server names none. */
    erase: async (id: string): Promise<string | null> => {
      const { location } = await http.located({ method: 'DELETE', path: `/v1/documents/${id}`, repeatable: true }, Erasing)
      return location?.match(ERASURE)?.[1] ?? null
    },
    search: (query: string, limit: number) =>
      http.json({ method: 'POST', path: '/v1/search', body: { query, limit }, repeatable: true }, SearchResponse),
    answer: (question: string, documentIds: readonly string[]): Promise<Answer> =>
      http.json(
        {
          method: 'POST',
          path: '/v1/answers',
          body: { question, ...(documentIds.length > 0 ? { document_ids: documentIds } : {}) },
          timeoutMs: ANSWER_TIMEOUT_MS,
          repeatable: true,
        },
        Answer,
      ),
    /** A signed note (C2SP tlog-checkpoint). */
    ledgerCheckpoint: (): Promise<string> => http.text({ method: 'GET', path: '/v1/ledger/checkpoint', headers: TEXT, repeatable: true }),
    ledgerKey: (): Promise<LedgerKey> => get(http, '/v1/ledger/key', LedgerKey),
    /** Twice is two exchanges. */
    rotateLedgerKey: (): Promise<KeyExchange> =>
      http.json({ method: 'POST', path: '/v1/ledger/rotate-key', repeatable: false }, KeyExchange),
    createKey: (name: string, scopes: readonly Scope[]): Promise<ApiKeyCreated> =>
      http.json({ method: 'POST', path: '/v1/keys', body: { name, scopes }, repeatable: false }, ApiKeyCreated),
    keys: (): Promise<KeyList> => get(http, '/v1/keys', KeyList),
    revokeKey: async (id: string): Promise<void> => {
      const response = await http.send({ method: 'DELETE', path: `/v1/keys/${id}`, repeatable: true })
      await response.body?.cancel()
    },
  }
}

function get<Schema extends z.ZodType>(
  http: Http,
  path: string,
  schema: Schema,
  query: Record<string, string | undefined> = {},
): Promise<z.infer<Schema>> {
  return http.json({ method: 'GET', path, query, repeatable: true }, schema)
}

/** A header carries ASCII; anything else in the form of RFC 8187. */
function justified(text: string | undefined): Record<string, string> {
  if (text === undefined) return {}
  return { justification: /^[\x20-\x7e]*$/.test(text) ? text : `UTF-8''${encodeURIComponent(text)}` }
}

function uploadQuery(name: string, choices: UploadChoices): Record<string, string | undefined> {
  return {
    file_name: name,
    sensitivity: choices.sensitivity,
    data_classes: choices.data_classes?.join(','),
    purpose: choices.purpose,
    on_duplicate: choices.on_duplicate,
    schema: choices.schema,
    metadata: choices.metadata && JSON.stringify(choices.metadata),
  }
}
