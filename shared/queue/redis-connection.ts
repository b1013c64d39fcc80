import { Redis } from 'ioredis'

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 2_000

/** For commands that are answered at once and whose caller can do without: they fail when Redis is away, and do not wait for it to come back. */
export function openRedisConnection(url: string, onError: (error: unknown) => void): Redis {
  const connection = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    socketTimeout: ANSWER_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
  })
  connection.on('error', onError)
  return connection
}
