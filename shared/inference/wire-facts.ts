import { z } from 'zod'
import type { CallFacts, OnAnswered } from './provider.ts'

/** A request's counts and names, as any answer may state them. */
export const Stated = {
  id: z.string().nullish(),
  model: z.string().nullish(),
}

const Cached = z.object({ cached_tokens: z.int().min(0).nullish() }).nullish()

/** Mistral's schema has three places for the cached tokens, and names the first one in its documentation. */
export const Usage = z
  .object({
    prompt_tokens: z.int().min(0).nullish(),
    completion_tokens: z.int().min(0).nullish(),
    prompt_tokens_details: Cached,
    prompt_token_details: Cached,
    num_cached_tokens: z.int().min(0).nullish(),
  })
  .nullish()

interface Answer {
  id?: string | null | undefined
  model?: string | null | undefined
  usage?: z.infer<typeof Usage>
  pages?: number
}

/** Where an answer comes from, and who hears what it cost. */
export interface AnswerSource {
  endpoint: string
  headers: Headers
  onAnswered: OnAnswered
}

/** To be asked once for each answer, before it is looked at any further: it is billed, whatever stands in it. */
export function factsOf(answer: Answer, { endpoint, headers, onAnswered }: AnswerSource): CallFacts {
  const facts = read(answer, endpoint, headers)
  onAnswered(facts)
  return facts
}

function read({ id, model, usage, pages }: Answer, endpoint: string, headers: Headers): CallFacts {
  const tokensIn = usage?.prompt_tokens ?? 0
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? usage?.prompt_token_details?.cached_tokens ?? usage?.num_cached_tokens ?? 0
  return {
    endpoint,
    modelReturned: model ?? 'not stated',
    tokensIn,
    tokensCached: Math.min(cached, tokensIn),
    tokensOut: usage?.completion_tokens ?? 0,
    ...(pages !== undefined && { pages }),
    requestId: headers.get('x-request-id') ?? headers.get('mistral-correlation-id') ?? id ?? null,
  }
}

/** What is left of an endpoint's limits in its present window; null: it did not say. */
export interface RateLimits {
  remainingRequests: number | null
  remainingTokens: number | null
}

/** By Mistral's names, else by OpenAI's. Null: the response has none of them. */
export function rateLimitsOf(headers: Headers): RateLimits | null {
  const remainingRequests = count(headers, 'x-ratelimit-remaining-req-minute', 'x-ratelimit-remaining-requests')
  const remainingTokens = count(headers, 'x-ratelimit-remaining-tokens-minute', 'x-ratelimit-remaining-tokens')
  return remainingRequests === null && remainingTokens === null ? null : { remainingRequests, remainingTokens }
}

function count(headers: Headers, ...names: string[]): number | null {
  const text = names.map((name) => headers.get(name)).find((value) => value !== null && /^\d{1,15}$/.test(value))
  return text === undefined || text === null ? null : Number(text)
}
