import OpenAI, { APIConnectionError, APIError } from 'openai'
import { AppError } from '../contracts/errors.ts'
import type { ChatDelta } from './chat.ts'
import type { CallFacts, OnAnswered } from './provider.ts'
import type { Dialect, ServedModels, Wire, WireOptions } from './wire.ts'
import { chatBody, readChat, type WireChat } from './wire-chat.ts'
import { createDeadline, type Deadline } from './wire-deadline.ts'
import { batchesOf, joinEmbeddings, readEmbeddings } from './wire-embeddings.ts'
import { connectionCode, invalid, RefusedSchema, refusalError } from './wire-error.ts'
import { rateLimitsOf } from './wire-facts.ts'
import { createWireFetch, EVENT_STREAM } from './wire-fetch.ts'
import { jsonOf, withSchema, withSchemaInWords } from './wire-json.ts'
import { readModels } from './wire-models.ts'
import { ocrBody, readOcr } from './wire-ocr.ts'
import { createReplicas, type Verdict } from './wire-replicas.ts'
import { createRefusedSchemas } from './wire-schemas.ts'
import { pulled, readStream, unlessAborted } from './wire-stream.ts'

const OPENAI: Dialect = { cacheKey: false, streamOptions: true, unknownModel: () => 'the server has no such model' }

/** As good as none (the largest a timer takes): the deadline of the call is the only one, and covers its repetitions too. */
const CLIENT_TIMEOUT_MS = 2 ** 31 - 1

/** A list is short and made at once; who waits for it is starting. */
const MODELS_TIMEOUT_MS = 10_000

interface Replica {
  endpoint: string
  client: OpenAI
}

interface Call {
  model: string
  signal: AbortSignal
  deadline: Deadline
}

/**
 * The OpenAI wire format over the `openai` client: no retries of its own (a retry is `around`'s, or the pipeline's), nothing from the environment, no
 * redirects. A replica that is away or answers 5xx is passed over for a while, and another one asked; one that answered anything else has answered.
 * Throws AppError INVALID_REQUEST for a base URL or key that can't be sent.
 */
export function createWire(options: WireOptions): Wire {
  const { dialect = OPENAI, timeoutMs } = options
  const members = options.baseUrls.map((baseUrl): Replica => ({ endpoint: originOf(baseUrl), client: createClient(baseUrl, options) }))
  const link = { members, request: createRequest(members, options, dialect), refusedSchemas: createRefusedSchemas(), dialect, timeoutMs }
  return wireOver(link, () => undefined)
}

/** What all views of one wire share: the replicas with their turns, and what they refused. */
interface Link {
  members: readonly Replica[]
  request: SendRequest
  refusedSchemas: ReturnType<typeof createRefusedSchemas>
  dialect: Dialect
  timeoutMs: number
}

function wireOver(link: Link, onAnswered: OnAnswered): Wire {
  const { members, request, refusedSchemas, dialect, timeoutMs } = link
  const chat = (asked: WireChat, deadline = createDeadline(timeoutMs)) =>
    request({ ...asked, deadline }, async ({ client, endpoint }, signal) => {
      const { data, response } = await client.chat.completions.create(chatBody(asked, dialect.cacheKey), { signal }).withResponse()
      return readChat(data, { endpoint, headers: response.headers, onAnswered })
    })

  return {
    endpoints: endpointsOf(members),
    chat: (asked) => chat(asked),
    chatStream: (asked) => streamChat(asked, link, onAnswered),

    chatJson: async (asked) => {
      const deadline = createDeadline(timeoutMs)
      if (!refusedSchemas.has(asked)) {
        try {
          return jsonOf(await chat(withSchema(asked), deadline))
        } catch (error) {
          if (!(error instanceof RefusedSchema)) throw error
          refusedSchemas.add(asked)
        }
      }
      return jsonOf(await chat(withSchemaInWords(asked), deadline))
    },

    embeddings: async ({ model, inputs, signal }) => {
      const batches: Awaited<ReturnType<Wire['embeddings']>>[] = []
      for (const input of batchesOf(inputs)) {
        const call = { model, signal, deadline: createDeadline(timeoutMs) }
        batches.push(
          await request(call, async ({ client, endpoint }, bounded) => {
            const body = { model, input, encoding_format: 'float' as const }
            const { data, response } = await client.embeddings.create(body, { signal: bounded }).withResponse()
            return readEmbeddings(data, input.length, { endpoint, headers: response.headers, onAnswered })
          }),
        )
      }
      return joinEmbeddings(batches) ?? { value: [], facts: noCall(members, model) }
    },

    ocr: (asked) =>
      request({ ...asked, deadline: createDeadline(timeoutMs) }, async ({ client, endpoint }, signal) => {
        const { data, response } = await client.post<unknown>('/ocr', { body: ocrBody(asked), signal }).withResponse()
        return readOcr(data, { endpoint, headers: response.headers, onAnswered })
      }),

    models: (signal) => modelsOf(members, signal, dialect),
    metered: (hear) => wireOver(link, hear),
  }
}

type SendOne<T> = (replica: Replica, signal: AbortSignal) => Promise<T>
type SendRequest = <T>(call: Call, send: SendOne<T>) => Promise<T>

/** One request: a replica, `around` it, the deadline inside. */
function createRequest(members: readonly Replica[], { around = (_endpoint, signal, call) => call(signal) }: WireOptions, dialect: Dialect) {
  const replicas = createReplicas(members)
  const request: SendRequest = ({ model, signal, deadline }, send) => {
    let status: number | null = null
    const call = (replica: Replica) => (outer: AbortSignal) =>
      deadline.within(outer, async (bounded) => {
        try {
          return await send(replica, bounded)
        } catch (error) {
          status = error instanceof APIError ? (error.status ?? null) : null
          throw wireError(error, bounded, dialect.unknownModel(model))
        }
      })
    return replicas.run(
      (replica) => {
        status = null
        return around(replica.endpoint, signal, call(replica), model).catch((error: unknown) => {
          // Whoever waits for a turn hears the caller's reason, whatever that is.
          throw error instanceof AppError || !signal.aborted ? error : wireError(error, signal, '')
        })
      },
      (error) => verdictOn(error, status, signal.aborted, deadline),
    )
  }
  return request
}

/** `around` says MODEL_BUSY without having asked the server, too. */
function verdictOn(error: unknown, status: number | null, isStopped: boolean, deadline: Deadline): Verdict {
  const code = error instanceof AppError ? error.code : null
  const unanswered = (code === 'MODEL_UNAVAILABLE' || code === 'MODEL_BUSY') && (status === null || status >= 500) && !isStopped
  return { passOver: unanswered && (code === 'MODEL_UNAVAILABLE' || status !== null), goOn: unanswered && !deadline.isOver }
}

/** After the first piece nothing is asked again, by nobody: the failure then leaves `around` as a result. */
function streamChat(asked: WireChat, { request, dialect, timeoutMs }: Link, onAnswered: OnAnswered): AsyncIterable<ChatDelta> {
  const body = {
    ...chatBody(asked, dialect.cacheKey),
    stream: true as const,
    ...(dialect.streamOptions && { stream_options: { include_usage: true } }),
  }
  return pulled<ChatDelta>(asked.signal, async (emit, stopped) => {
    const call = { model: asked.model, signal: stopped, deadline: createDeadline(timeoutMs) }
    const failure = await request(call, async ({ client, endpoint }, signal) => {
      let begun = false
      try {
        const sent = client.chat.completions.create(body, { signal, headers: { accept: EVENT_STREAM } })
        const { data: chunks, response } = await sent.withResponse()
        await readStream({ chunks, endpoint, headers: response.headers, onAnswered }, async (delta) => {
          begun = true
          await unlessAborted(signal, emit(delta))
        })
        return null
      } catch (error) {
        if (!begun) throw signal.aborted ? signal.reason : error
        return wireError(error, signal, dialect.unknownModel(asked.model))
      }
    })
    if (failure) throw failure
  })
}

async function modelsOf(members: readonly Replica[], signal: AbortSignal, dialect: Dialect): Promise<ServedModels[]> {
  const asked = members.map(async ({ client, endpoint }): Promise<ServedModels> => {
    const models = await createDeadline(MODELS_TIMEOUT_MS).within(signal, async (bounded) => {
      try {
        return readModels(await client.get<unknown>('/models', { signal: bounded }))
      } catch (error) {
        throw wireError(error, bounded, dialect.unknownModel(''))
      }
    })
    return { endpoint, models }
  })
  const settled = await Promise.allSettled(asked)
  const served = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  if (served.length === 0) await Promise.all(asked)
  return served
}

function endpointsOf(members: readonly Replica[]): readonly [string, ...string[]] {
  const [first, ...others] = new Set(members.map(({ endpoint }) => endpoint))
  if (first === undefined) throw new AppError('INVALID_REQUEST', 'a provider without a base URL')
  return [first, ...others]
}

function noCall([first]: readonly Replica[], model: string): CallFacts {
  return { endpoint: first?.endpoint ?? '', modelReturned: model, tokensIn: 0, tokensCached: 0, tokensOut: 0, requestId: null }
}

function createClient(baseUrl: string, options: WireOptions): OpenAI {
  const endpoint = originOf(baseUrl)
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'greffier',
    ...options.headers,
  }
  if (options.apiKey !== null) headers.authorization = `Bearer ${options.apiKey}`
  // Checked here, because the runtime's own error would quote the value.
  const sendable = Object.values(headers).every((value) => /^[\x20-\x7e]+$/.test(value))
  if (!sendable) throw new AppError('INVALID_REQUEST', 'an API key or header of a provider has characters that HTTP does not carry')
  const onHeaders = (received: Headers) => {
    const limits = rateLimitsOf(received)
    if (limits) options.onRateLimits?.(endpoint, limits)
  }
  return new OpenAI({
    baseURL: baseUrl,
    // The client wants one; what is sent is in `headers`.
    apiKey: 'unused',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: CLIENT_TIMEOUT_MS,
    logLevel: 'off',
    fetch: createWireFetch({ headers, fetchOnce: options.fetch, onHeaders }),
  })
}

/** An empty base URL would make the client call api.openai.com; fetch sends nothing to a URL with a name and password, and quotes it. */
function originOf(baseUrl: string): string {
  const url = URL.parse(baseUrl)
  const isSendable = url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  if (!isSendable) throw new AppError('INVALID_REQUEST', 'the base URL of a provider is no http or https URL, or has credentials in it')
  return url.origin
}

/** No cause: the client's errors hold the server's words, which may quote the document. */
function wireError(error: unknown, bounded: AbortSignal, unknownModel: string): AppError {
  if (bounded.aborted)
    return bounded.reason instanceof AppError ? bounded.reason : new AppError('MODEL_UNAVAILABLE', 'stopped by the caller')
  if (error instanceof AppError) return error
  if (error instanceof APIConnectionError) {
    if (error.cause instanceof AppError) return error.cause
    return new AppError('MODEL_UNAVAILABLE', `the connection failed: ${connectionCode(error)}`)
  }
  if (error instanceof APIError) {
    const { status, headers, message } = error
    if (status !== undefined) return refusalError({ status, headers, words: message }, unknownModel)
    return new AppError('MODEL_UNAVAILABLE', 'the server reported an error in its stream')
  }
  if (error instanceof SyntaxError) return invalid('the response is not JSON')
  // A stream that breaks off comes as the error of the connection itself.
  return new AppError('MODEL_UNAVAILABLE', `the connection failed: ${connectionCode(error)}`)
}
