import OpenAI, { APIConnectionError, APIError } from 'openai'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import type { CallFacts, ProviderResult } from './provider.ts'
import { connectionCode, statusError } from './wire-error.ts'
import { createWireFetch } from './wire-fetch.ts'

export interface WireOptions {
  /** With its version path, as in `https://api.eu.mistral.ai/v1`. */
  baseUrl: string
  /** Null for a server that asks for none. */
  apiKey: string | null
  /** From sending to the last byte of each call (for embeddings, of each batch): an embedding call that hangs while bytes trickle in is over as well. */
  timeoutMs: number
  /** Sent beside ours, for a gateway that wants its own. */
  headers?: Readonly<Record<string, string>>
  fetch?: typeof fetch
}

export interface ChatJsonRequest {
  model: string
  system: string
  user: string
  /** JSON Schema without `$schema`. */
  schema: Record<string, unknown>
  schemaName: string
  maxTokens: number
  signal: AbortSignal
}

export interface EmbeddingsRequest {
  model: string
  inputs: readonly string[]
  signal: AbortSignal
}

/** Every method throws AppError MODEL_UNAVAILABLE, MODEL_REFUSED or MODEL_OUTPUT_INVALID, without content, key or cause; or the caller's AppError when its signal carries one. */
export interface Wire {
  /** Origin of the base URL. */
  readonly endpoint: string
  /** One JSON value, parsed but not checked against the schema: a server may take the schema for advice. */
  chatJson(request: ChatJsonRequest): Promise<ProviderResult<unknown>>
  /** One unit-length vector per input, in order, all of one dimension. */
  embeddings(request: EmbeddingsRequest): Promise<ProviderResult<Float32Array[]>>
}

/** Mistral refuses 257 inputs, and about 16,000 tokens in one request; other servers take at least as many. */
const BATCH_INPUTS_MAX = 256
const BATCH_TOKENS_MAX = 12_000

/** No tokeniser here: three bytes of UTF-8 a token overcounts Latin scripts by a third and fits the others. */
const BYTES_PER_TOKEN = 3

/** As good as none (the largest a timer takes): the deadline of `send` is the only one, and covers a repetition without the schema too. */
const CLIENT_TIMEOUT_MS = 2 ** 31 - 1

/**
 * The OpenAI wire format over the `openai` client: no retries of its own (a retry is the pipeline's, and recorded), nothing from the environment, no
 * redirects. Throws AppError INVALID_REQUEST for a base URL or key that can't be sent.
 */
export function createWire(options: WireOptions): Wire {
  const endpoint = originOf(options.baseUrl)
  const client = createClient(options)
  /** Models that this server does not serve with a schema; at most those that the provider was made with. */
  const withoutSchema = new Set<string>()

  async function send<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = AbortSignal.timeout(options.timeoutMs)
    try {
      return await call(AbortSignal.any([signal, deadline]))
    } catch (error) {
      throw wireError(error, signal, deadline.aborted ? options.timeoutMs : null)
    }
  }

  return {
    endpoint,

    chatJson: (request) =>
      send(request.signal, async (signal) => {
        if (!withoutSchema.has(request.model)) {
          try {
            return readChat(await client.chat.completions.create(chatBody(request, 'json_schema'), { signal }).withResponse(), endpoint)
          } catch (error) {
            if (!refusesSchema(error)) throw error
            withoutSchema.add(request.model)
          }
        }
        return readChat(await client.chat.completions.create(chatBody(request, 'json_object'), { signal }).withResponse(), endpoint)
      }),

    async embeddings({ model, inputs, signal }) {
      const vectors: Float32Array[] = []
      const facts: CallFacts = { endpoint, modelReturned: model, tokensIn: 0, tokensCached: 0, tokensOut: 0, requestId: null }
      for (const batch of batchesOf(inputs)) {
        const result = await send(signal, async (bounded) =>
          readEmbeddings(
            await client.embeddings.create({ model, input: batch, encoding_format: 'float' }, { signal: bounded }).withResponse(),
            batch.length,
            endpoint,
          ),
        )
        vectors.push(...result.value)
        facts.modelReturned = result.facts.modelReturned
        facts.tokensIn += result.facts.tokensIn
        facts.requestId = result.facts.requestId
      }
      if (new Set(vectors.map((vector) => vector.length)).size > 1) throw invalid('vectors of different dimensions')
      return { value: vectors, facts }
    },
  }
}

function createClient(options: WireOptions): OpenAI {
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
  return new OpenAI({
    baseURL: options.baseUrl,
    // The client wants one; what is sent is in `headers`.
    apiKey: 'unused',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: CLIENT_TIMEOUT_MS,
    logLevel: 'off',
    fetch: createWireFetch(headers, options.fetch ?? fetch),
  })
}

/** An empty base URL would make the client call api.openai.com. */
function originOf(baseUrl: string): string {
  const url = URL.parse(baseUrl)
  if (!url || !/^https?:$/.test(url.protocol)) throw new AppError('INVALID_REQUEST', 'the base URL of a provider is no http or https URL')
  return url.origin
}

function chatBody(request: ChatJsonRequest, mode: 'json_schema' | 'json_object') {
  const { model, system, user, schema, schemaName, maxTokens } = request
  // json_object without the word JSON in the prompt may stream white space for ever.
  const instructions =
    mode === 'json_schema' ? system : `${system}\n\nAnswer with one JSON object that fits this JSON Schema:\n${JSON.stringify(schema)}`
  return {
    model,
    messages: [
      { role: 'system' as const, content: instructions },
      { role: 'user' as const, content: user },
    ],
    temperature: 0,
    max_tokens: maxTokens,
    response_format:
      mode === 'json_schema'
        ? { type: 'json_schema' as const, json_schema: { name: schemaName, schema, strict: true } }
        : { type: 'json_object' as const },
  }
}

function refusesSchema(error: unknown): boolean {
  if (!(error instanceof APIError) || (error.status !== 400 && error.status !== 422)) return false
  return /response_format|json_schema|guided_json|structured output/i.test(error.message)
}

interface Received {
  data: unknown
  response: Response
}

const ChatResponse = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    )
    .min(1),
  usage: z
    .object({
      prompt_tokens: z.int().nullish(),
      completion_tokens: z.int().nullish(),
      prompt_tokens_details: z.object({ cached_tokens: z.int().min(0).nullish() }).nullish(),
    })
    .nullish(),
})

function readChat({ data, response }: Received, endpoint: string): ProviderResult<unknown> {
  const parsed = ChatResponse.safeParse(data)
  const choice = parsed.data?.choices[0]
  if (!parsed.success || !choice) throw invalid('not a chat completion')
  if (choice.message.refusal) throw new AppError('MODEL_REFUSED', 'the model declined')
  if (choice.finish_reason === 'content_filter') throw new AppError('MODEL_REFUSED', 'the provider filtered the answer')
  if (choice.finish_reason !== 'stop') throw invalid(`finish_reason ${/^[a-z_]{1,32}$/.exec(choice.finish_reason ?? '') ?? 'unknown'}`)
  return {
    value: parseJson(choice.message.content ?? ''),
    facts: {
      endpoint,
      modelReturned: parsed.data.model ?? 'not stated',
      tokensIn: parsed.data.usage?.prompt_tokens ?? 0,
      tokensCached: Math.min(parsed.data.usage?.prompt_tokens_details?.cached_tokens ?? 0, parsed.data.usage?.prompt_tokens ?? 0),
      tokensOut: parsed.data.usage?.completion_tokens ?? 0,
      requestId: requestId(response, parsed.data.id),
    },
  }
}

/** Servers that know no response_format wrap their JSON in a Markdown fence. */
function parseJson(content: string): unknown {
  try {
    return JSON.parse(content.replace(/^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/, '$1'))
  } catch {
    // The parser's message quotes the content.
    throw invalid('not JSON')
  }
}

const EmbeddingsResponse = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()).min(1) })),
  usage: z.object({ prompt_tokens: z.int().nullish() }).nullish(),
})

function readEmbeddings({ data, response }: Received, count: number, endpoint: string): ProviderResult<Float32Array[]> {
  const parsed = EmbeddingsResponse.safeParse(data)
  if (!parsed.success) throw invalid('not an embeddings response')
  const byIndex = new Map(parsed.data.data.map((item) => [item.index, item.embedding]))
  if (parsed.data.data.length !== count || byIndex.size !== count) throw invalid('another number of vectors than inputs')
  const value = Array.from({ length: count }, (_, index) => unitVector(byIndex.get(index)))
  return {
    value,
    facts: {
      endpoint,
      modelReturned: parsed.data.model ?? 'not stated',
      tokensIn: parsed.data.usage?.prompt_tokens ?? 0,
      tokensCached: 0,
      tokensOut: 0,
      requestId: requestId(response, parsed.data.id),
    },
  }
}

function unitVector(numbers: readonly number[] | undefined): Float32Array {
  if (!numbers) throw invalid('an index that no input has')
  const length = Math.hypot(...numbers)
  if (!Number.isFinite(length) || length === 0) throw invalid('a vector without a direction')
  return Float32Array.from(numbers, (number) => number / length)
}

function requestId(response: Response, id: string | null | undefined): string | null {
  return response.headers.get('x-request-id') ?? response.headers.get('mistral-correlation-id') ?? id ?? null
}

/** An input larger than the bound goes alone: the server says whether it takes it. */
function batchesOf(inputs: readonly string[]): string[][] {
  const batches: string[][] = []
  let tokens = 0
  for (const input of inputs) {
    const needed = Math.ceil(Buffer.byteLength(input) / BYTES_PER_TOKEN)
    const last = batches.at(-1)
    if (last && last.length < BATCH_INPUTS_MAX && tokens + needed <= BATCH_TOKENS_MAX) {
      last.push(input)
      tokens += needed
    } else {
      batches.push([input])
      tokens = needed
    }
  }
  return batches
}

function invalid(detail: string): AppError {
  return new AppError('MODEL_OUTPUT_INVALID', detail)
}

/** No cause: the client's errors hold the server's words, which may quote the document. */
function wireError(error: unknown, caller: AbortSignal, expiredMs: number | null): AppError {
  if (error instanceof AppError) return error
  if (caller.aborted) return caller.reason instanceof AppError ? caller.reason : new AppError('MODEL_UNAVAILABLE', 'stopped by the caller')
  if (expiredMs !== null) return new AppError('MODEL_UNAVAILABLE', `no complete response within ${expiredMs} ms`)
  if (error instanceof APIConnectionError) {
    if (error.cause instanceof AppError) return error.cause
    return new AppError('MODEL_UNAVAILABLE', `the connection failed: ${connectionCode(error)}`)
  }
  if (error instanceof APIError && error.status !== undefined) return statusError(error.status, error.headers)
  if (error instanceof SyntaxError) return invalid('the response is not JSON')
  return new AppError('MODEL_UNAVAILABLE', `the client failed: ${error instanceof Error ? error.name : typeof error}`)
}
