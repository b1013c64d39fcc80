import { QdrantClient } from '@qdrant/js-client-rest'
import { AppError } from '../contracts/errors.ts'

/** No request is waited for longer: what was written and answered was applied by then. */
export const REQUEST_TIMEOUT_MS = 30_000

/** `url` may carry a path; without a port it is 6333. */
export function connect(url: string, apiKey: string | undefined): QdrantClient {
  const { origin, pathname } = new URL(url)
  const prefix = pathname.replace(/\/+$/, '')
  return new QdrantClient({
    url: origin,
    ...(prefix !== '' && { prefix }),
    ...(apiKey !== undefined && { apiKey }),
    timeout: REQUEST_TIMEOUT_MS,
    checkCompatibility: false,
  })
}

/** A 4xx for our request is our fault and stays; everything else may pass: connection, time-out, key, overload, a collection that is not there yet. */
export async function answering<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (cause) {
    const status = cause instanceof Error && 'status' in cause ? Number(cause.status) : null
    const detail = status === null ? 'the search server does not answer' : `the search server answered with status ${status}`
    const retryAfterSeconds = cause instanceof Error && 'retry_after' in cause ? Number(cause.retry_after) : undefined
    const ours = status !== null && REQUEST_FAULTS.has(status)
    throw new AppError(ours ? 'INTERNAL' : 'UNAVAILABLE', detail, { cause, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) })
  }
}

const REQUEST_FAULTS: ReadonlySet<number> = new Set([400, 405, 409, 413, 422])
