import { AppError } from '../contracts/errors.ts'

/** A server that asks for more than this has no plan to come back soon: the stage's own backoff decides then. */
const RETRY_AFTER_SECONDS_MAX = 3_600

/** 409 is a lock that another request holds (OpenAI repeats it too), 425 Too Early (RFC 8470); 408 is RFC 9110. */
const REPEATABLE = new Set([408, 409, 425])

/** The server does not take this schema, or none at all. */
export class RefusedSchema extends AppError {
  constructor(status: number) {
    super('MODEL_REFUSED', `HTTP ${status}: the schema was refused`)
  }
}

export interface Refusal {
  status: number
  headers: Headers | undefined
  /** The server's own; they are looked at here and go no further, because they may quote the document. */
  words: string
}

/** What a refusal of a provider means to us. `unknownModel` is the detail where the server says that it has no such model. */
export function refusalError({ status, headers, words }: Refusal, unknownModel: string): AppError {
  if (refusesSchema(status, words)) return new RefusedSchema(status)
  if (saysUnknownModel(status, words)) return new AppError('MODEL_REFUSED', unknownModel)
  // Mistral answers so for a model that the plan does not include at all; it will not be otherwise in a minute.
  if (status === 429 && headers?.get('x-ratelimit-limit-tokens-minute') === '0')
    return new AppError('MODEL_REFUSED', 'HTTP 429: the limit is no tokens at all')
  const retryAfterSeconds = retryAfter(headers?.get('retry-after') ?? null, Date.now())
  const wait = retryAfterSeconds === null ? {} : { retryAfterSeconds }
  if (status === 429 || (status === 503 && retryAfterSeconds !== null)) return new AppError('MODEL_BUSY', `HTTP ${status}`, wait)
  if (status < 500 && !REPEATABLE.has(status)) return new AppError('MODEL_REFUSED', `HTTP ${status}`)
  return new AppError('MODEL_UNAVAILABLE', `HTTP ${status}`, wait)
}

/** vLLM names its grammar engines (and may answer 500 for them), others the field. */
function refusesSchema(status: number, words: string): boolean {
  if (status === 500) return /grammar error/i.test(words)
  return (status === 400 || status === 422) && /response_format|json[_ ]schema|structured.output|grammar/i.test(words)
}

/** Mistral says `invalid_model` with 400, OpenAI `model_not_found`; vLLM and Ollama answer 404 with a sentence about a model, where a wrong path has none. */
function saysUnknownModel(status: number, words: string): boolean {
  if (status === 404) return /model/i.test(words)
  return status === 400 && /invalid_model|model_not_found|unknown_model/.test(words)
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

export function invalid(detail: string): AppError {
  return new AppError('MODEL_OUTPUT_INVALID', detail)
}
