import { v5, v7 } from 'uuid'
import { z } from 'zod'

export const Uuid = z.uuid()

/** A time-ordered identifier (RFC 9562, version 7): documents, events and keys sort by the time they were made. */
export function newId(): string {
  return v7()
}

/** Fixed for ever: changing it would give every chunk of every stored document another point id. */
const CHUNK_NAMESPACE = '6f0f1d5e-6c0b-5c0e-9d0a-3c1b5a2e7f41'

/** The id of a chunk and of its point in the search store (RFC 9562, version 5): the same work done twice gives the same id. */
export function chunkId(documentId: string, revision: number, ordinal: number): string {
  return v5(`${documentId}/${revision}/${ordinal}`, CHUNK_NAMESPACE)
}
