import type { Enrichment, Page } from '../contracts/extraction.ts'

export const TASKS = ['extract', 'embed', 'answer'] as const
export type Task = (typeof TASKS)[number]

/** What a call reports for the record. `modelReturned` is what the provider says it ran, which need not be what was asked for. */
export interface CallFacts {
  modelReturned: string
  tokensIn: number
  tokensOut: number
  requestId: string | null
}

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
 * What runs a model, or stands in for one. Only ModelGateway calls it (gateway.ts): the policy has then allowed the call and its intent is committed.
 * Every method throws AppError MODEL_UNAVAILABLE (repeat), MODEL_REFUSED (do not) or MODEL_OUTPUT_INVALID, and stops when `signal` aborts.
 */
export interface Provider {
  /** The key in infra/processors.yaml. */
  readonly processor: string
  /** False for `builtin`: rules and hashing, and every record and answer says so. */
  readonly languageModel: boolean
  /** Where the bytes go: a URL's origin, or `in-process`. */
  readonly endpoint: string
  readonly region: string
  readonly models: { readonly chat: string; readonly embed: string }
  /** Type, language and fields; evidence is located in the pages, never trusted. */
  enrich(pages: readonly Page[], signal: AbortSignal): Promise<ProviderResult<Enrichment>>
  /** One unit-length vector per text, in order, all of one dimension. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<ProviderResult<Float32Array[]>>
  answer(question: string, passages: readonly Passage[], signal: AbortSignal): Promise<ProviderResult<AnswerDraft>>
}
