import type { Classification } from '../contracts/classification.ts'
import type { Page } from '../contracts/extraction.ts'
import { Task } from '../contracts/task.ts'
import type { ChatAnswer, ChatDelta, ChatRequest } from './chat.ts'
import type { ExtractionSchema } from './extraction/schema.ts'

export type { Task }
export const TASKS: readonly Task[] = Task.options

/** What a call reports for the record. `modelReturned` is what the provider says it ran, which need not be what was asked for. */
export interface CallFacts {
  /** Origin of the server that answered; one of the provider's `endpoints`. */
  endpoint: string
  modelReturned: string
  tokensIn: number
  /** Of `tokensIn`, those that the provider read from its cache and bills for less. */
  tokensCached: number
  tokensOut: number
  /** That were looked at, where the model is billed by page. */
  pages?: number
  requestId: string | null
}

/** Hears of a request that a provider has answered, and so bills, whatever becomes of the call. */
export type OnAnswered = (facts: CallFacts) => void

export interface ProviderResult<T> {
  value: T
  facts: CallFacts
}

/** A piece of a document that may support an answer. `ref` is how the provider names it in a citation. */
export interface Passage {
  ref: number
  text: string
}

/** A quote that the provider claims to stand in the passage; the caller checks it. */
export interface ClaimedCitation {
  ref: number
  quote: string
}

/** `answer` null: nothing in the passages supports an answer. */
export interface AnswerDraft {
  answer: string | null
  citations: ClaimedCitation[]
}

/**
 * A value that the provider claims to have read. `path` names a leaf of the schema, with the ordinal of each list's item, as in `lines.0.description`.
 * `page`, `start` and `quote` are claims: the caller looks the quote up, at `start` first where one is given. Several claims may speak of one path.
 */
export interface ClaimedField {
  path: string
  value: string
  quote: string | null
  page: number | null
  start?: number
  /** What the provider itself says against it: another place says otherwise, a checksum fails, or it was only the first of its kind. */
  doubt?: 'conflicting' | 'unverified'
}

/** Pages that are not read are those beyond a provider's bounds on one document. */
export interface Extracted {
  claims: ClaimedField[]
  pagesRead: number
}

export interface ExtractionRequest {
  schema: ExtractionSchema
  /** ISO 639-1, or null. */
  language: string | null
}

/**
 * What runs a model, or stands in for one. Only ModelGateway calls it (gateway.ts): the policy has then allowed the call and its intent is committed.
 * Every method throws AppError MODEL_UNAVAILABLE (repeat), MODEL_BUSY (later), MODEL_REFUSED (do not) or MODEL_OUTPUT_INVALID, and stops when `signal` aborts.
 */
export interface Provider {
  /** The key in infra/processors.yaml. */
  readonly processor: string
  /** False for `builtin`: rules and hashing, and every record and answer says so. */
  readonly languageModel: boolean
  /** Where the bytes may go: origins of URLs, any of which may take a call, or `in-process` alone. */
  readonly endpoints: readonly [string, ...string[]]
  readonly region: string
  /** The model of each task; null: it does not do this task. */
  readonly models: Readonly<Record<Task, string | null>>
  classify(pages: readonly Page[], signal: AbortSignal): Promise<ProviderResult<Classification>>
  extract(pages: readonly Page[], request: ExtractionRequest, signal: AbortSignal): Promise<ProviderResult<Extracted>>
  /** One unit-length vector per text, in order, all of one dimension. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<ProviderResult<Float32Array[]>>
  answer(question: string, passages: readonly Passage[], signal: AbortSignal): Promise<ProviderResult<AnswerDraft>>
  chat(request: ChatRequest, signal: AbortSignal): Promise<ProviderResult<ChatAnswer>>
  /** Nothing is sent before the first piece is asked for. Errors come out of the loop. */
  chatStream(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatDelta>
  /**
   * What stands between the configuration and a call, for whoever starts Greffier: a sentence for each configured model of `tasks` (all, when left out) that
   * a server says it does not have. It asks the provider for its list of models, and shows it no data. A replica that does not answer is
   * left out when another one does.
   */
  missing(signal: AbortSignal, tasks?: readonly Task[]): Promise<string[]>
  /**
   * The same provider, which tells of each of its requests as soon as it is answered, also of those whose answer is no good: a call of several that fails has
   * paid for those before. Left out where a call is one request, or costs nobody anything.
   */
  metered?(onAnswered: OnAnswered): Provider
}
