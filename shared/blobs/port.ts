import type { Readable } from 'node:stream'

/**
 * Stores opaque bytes under a locator (`<tenant id>/<document id>`). It never sees plain text: vault.ts encrypts before and decrypts after.
 * Adapters: filesystem.ts (and later S3); one contract suite holds them.
 */
export interface BlobStore {
  /** Named in the artifact list and the record. */
  readonly name: string
  /**
   * Writes the whole stream, durably, or nothing: a failure leaves no partial blob and no temporary file.
   * Replaces what was there. Throws AppError STORAGE_FULL when the storage is full (ENOSPC, EDQUOT, EFBIG), and the stream's own error when that fails.
   */
  put(locator: string, bytes: Readable): Promise<void>
  /** Bytes from `start` (default 0) to before `end` (default: the end). Throws AppError NOT_FOUND. */
  get(locator: string, range?: { start?: number; end?: number }): Promise<Readable>
  exists(locator: string): Promise<boolean>
  /** Idempotent: deleting what is not there succeeds. Durable when it resolves. */
  delete(locator: string): Promise<void>
  /** Removes temporary files that a killed process left, older than `olderThanMs`. Returns how many. */
  sweepTemporary(olderThanMs: number): Promise<number>
}
