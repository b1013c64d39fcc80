import type { Problem } from './schemas.ts'

/** A status with the body that Mistral's server sends with it. */
export interface ErrorAnswer {
  status: number
  body: unknown
  headers?: Record<string, string>
}

/** The document describes the 422 alone; the other bodies are those that its users have reported. */
export function invalidBody(problems: readonly Problem[]): ErrorAnswer {
  return { status: 422, body: { detail: problems } }
}

export const UNAUTHORIZED: ErrorAnswer = { status: 401, body: { detail: 'Unauthorized' } }
export const NO_ROUTE: ErrorAnswer = { status: 404, body: { message: 'no Route matched with those values' } }

export function invalidModel(model: unknown): ErrorAnswer {
  return errorAnswer(400, `Invalid model: ${model}`, 'invalid_model', '1500')
}

export function invalidRequest(message: string, type: string, code: string | null = null): ErrorAnswer {
  return errorAnswer(400, message, type, code)
}

/** `retryAfter`: seconds, or a moment, which is sent as an HTTP date (RFC 9110, 10.2.3). */
export function rateLimited({ retryAfter, remainingTokens = 0, remainingRequests = 0 }: RateLimit): ErrorAnswer {
  const headers: Record<string, string> = {
    'x-ratelimit-remaining-tokens-minute': String(remainingTokens),
    'x-ratelimit-remaining-req-minute': String(remainingRequests),
  }
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter instanceof Date ? retryAfter.toUTCString() : String(retryAfter)
  return { ...errorAnswer(429, 'Rate limit exceeded', 'rate_limited', '1300'), headers }
}

export interface RateLimit {
  retryAfter?: number | Date
  remainingTokens?: number
  remainingRequests?: number
}

/** The body for a status about which a test says nothing more. */
export function statusAnswer(status: number): ErrorAnswer {
  return status === 429 ? rateLimited({}) : errorAnswer(status, `the double was told to answer ${status}`, 'scripted', null)
}

function errorAnswer(status: number, message: string, type: string, code: string | null): ErrorAnswer {
  return { status, body: { object: 'error', message, type, param: null, code, raw_status_code: status } }
}
