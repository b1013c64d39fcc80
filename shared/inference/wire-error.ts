import { AppError } from '../contracts/errors.ts'

/** A server that asks for more than this has no plan to come back soon: the stage's own backoff decides then. */
const RETRY_AFTER_SECONDS_MAX = 3_600

/** 409 is a lock that another request holds (OpenAI repeats it too), 425 Too Early (RFC 8470); the others are RFC 9110. */
const REPEATABLE = new Set([408, 409, 425, 429])

/** What an HTTP status of a provider means to us. The provider's own words are left out: they may quote the document. */
export function statusError(status: number, headers: Headers | undefined): AppError {
  const detail = `HTTP ${status}`
  if (status < 500 && !REPEATABLE.has(status)) return new AppError('MODEL_REFUSED', detail)
  const retryAfterSeconds = retryAfter(headers?.get('retry-after') ?? null, Date.now())
  return new AppError('MODEL_UNAVAILABLE', detail, retryAfterSeconds === null ? {} : { retryAfterSeconds })
}

/** Seconds or a date (RFC 9110, 10.2.3), as whole seconds from now; null when absent or unreadable. */
export function retryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - nowMs) / 1_000)
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), RETRY_AFTER_SECONDS_MAX)
}

/** The code of a failed connection (ECONNREFUSED, ECONNRESET, UND_ERR_SOCKET …), searched down the causes; its message may hold a URL. */
export function connectionCode(error: unknown): string {
  let cause = error
  for (let depth = 0; depth < 5 && cause instanceof Error; depth += 1) {
    if ('code' in cause && typeof cause.code === 'string' && /^[A-Z_]{1,40}$/.test(cause.code)) return cause.code
    cause = cause.cause
  }
  return 'no code'
}
