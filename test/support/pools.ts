import { Pool, type PoolConfig } from 'pg'

/**
 * For the errors of a pool's idle connections, also in the bench, which runs without vitest. A pool that has ended has said goodbye, and its connections
 * may still be there to hear that the server stops or the database is dropped. Where a connection is lost in the midst of work, the statement on it fails.
 */
export const unheard = (): void => undefined

/** A pool of pg that survives the loss of a connection that nothing uses. */
export function openPool(config: PoolConfig): Pool {
  return new Pool(config).on('error', unheard)
}
