import type { ChatAnswer, ChatDelta } from './chat.ts'
import type { OcrReading } from './ocr.ts'
import type { OnAnswered, ProviderResult } from './provider.ts'
import type { WireChat } from './wire-chat.ts'
import type { RateLimits } from './wire-facts.ts'
import type { WireOcr } from './wire-ocr.ts'

/**
 * Around each single request to one replica: for a turn, for repetitions. `call` may be called again after MODEL_UNAVAILABLE and MODEL_BUSY; other errors
 * have to come through as they are. Waiting before and between calls is not part of the wire's deadline.
 */
export type Around = <T>(endpoint: string, signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>, model: string) => Promise<T>

/** What every provider over the wire needs from outside. */
export interface WireWiring {
  /** The one way out (outbound.ts). */
  fetch: typeof fetch
  around?: Around
  /** Called with the headers of every response that has some. */
  onRateLimits?: (endpoint: string, limits: RateLimits) => void
}

/** Where servers of this wire format differ. */
export interface Dialect {
  /** Knows `prompt_cache_key`: others may refuse it. */
  cacheKey: boolean
  /** Counts the tokens of a stream only when `stream_options` asks for it. */
  streamOptions: boolean
  /** The detail of MODEL_REFUSED for a model that the server does not have. */
  unknownModel: (model: string) => string
}

export interface WireOptions extends WireWiring {
  /** Replicas, each with its version path, as in `https://api.eu.mistral.ai/v1`. */
  baseUrls: readonly string[]
  /** Null for a server that asks for none. */
  apiKey: string | null
  /** All that the requests of one call take together, to the last byte (for embeddings, of each batch): one that hangs while bytes trickle in is over as well. */
  timeoutMs: number
  /** Sent beside ours, for a gateway that wants its own. */
  headers?: Readonly<Record<string, string>>
  dialect?: Dialect
}

export interface ChatJsonRequest {
  model: string
  system: string
  user: string
  /** JSON Schema without `$schema`. */
  schema: Record<string, unknown>
  schemaName: string
  maxTokens: number
  /** See ChatRequest. */
  cacheKey?: string
  signal: AbortSignal
}

export interface EmbeddingsRequest {
  model: string
  inputs: readonly string[]
  signal: AbortSignal
}

/** What one replica has. */
export interface ServedModels {
  endpoint: string
  /** With their aliases. */
  models: string[]
}

/**
 * Every method throws AppError MODEL_UNAVAILABLE, MODEL_BUSY, MODEL_REFUSED, MODEL_OUTPUT_INVALID or POLICY_REFUSED (the address), without content, key or
 * words of the server; or the caller's AppError when its signal carries one.
 */
export interface Wire {
  /** Origins of the base URLs: any of them may take a call. */
  readonly endpoints: readonly [string, ...string[]]
  chat(request: WireChat): Promise<ProviderResult<ChatAnswer>>
  chatStream(request: WireChat): AsyncIterable<ChatDelta>
  /** One JSON value, parsed but not checked against the schema: a server may take the schema for advice. */
  chatJson(request: ChatJsonRequest): Promise<ProviderResult<unknown>>
  /** One unit-length vector per input, in order, all of one dimension. Batches may go to several replicas; the facts name the last one's. */
  embeddings(request: EmbeddingsRequest): Promise<ProviderResult<Float32Array[]>>
  /** Mistral's alone. */
  ocr(request: WireOcr): Promise<ProviderResult<OcrReading>>
  /** Of each replica that answers; throws when none does. Not under `around`: it is asked once, at the start. */
  models(signal: AbortSignal): Promise<ServedModels[]>
  /** The same wire, to the same replicas, which tells of each request that was answered. */
  metered(onAnswered: OnAnswered): Wire
}
