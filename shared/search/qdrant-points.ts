import type { Schemas } from '@qdrant/js-client-rest'
import type { Point, TokenCounts } from './port.ts'

/** About 3 MB of JSON at 1,024 dimensions; a server refuses bodies over 32 MB (service.max_request_size_mb). */
export const POINTS_PER_REQUEST_MAX = 256

export const SPARSE = 'tokens'
const DENSE = 'dense_'
export const denseName = (dimension: number): string => `${DENSE}${dimension}`
export const dimensionOf = (name: string): number => Number(name.slice(DENSE.length))

/** `write` is another one each time that a revision is written: by it a rebuild sees that a point is no longer what it carried over. */
export function stored(point: Point, { tenant_id, revision, write }: { tenant_id: string; revision: number; write: string }) {
  const { vector, tokens } = point
  return {
    id: point.id,
    vector: {
      ...(vector && { [denseName(vector.length)]: [...vector] }),
      ...(tokens.size > 0 && { [SPARSE]: termWeights(tokens) }),
    },
    payload: { tenant_id, document_id: point.document_id, revision, write },
  } satisfies Schemas['PointStruct']
}

export function ofDocument(documentId: string): Schemas['Condition'] {
  return { key: 'document_id', match: { value: documentId } }
}

export function ofRevision(documentId: string, revision: number): Schemas['Condition'][] {
  return [ofDocument(documentId), { key: 'revision', match: { value: revision } }]
}

/**
 * The part of BM25 that belongs to the point; the server multiplies by the IDF at query time (`modifier: idf`). k1 and b as in Robertson, Zaragoza:
 * The Probabilistic Relevance Framework, 2009, section 3.3; the mean length is fixed, because a stored weight can't follow a collection that grows:
 * 256 is the default of Qdrant's own BM25 (fastembed, `avg_len`).
 */
function termWeights(tokens: TokenCounts): Schemas['SparseVector'] {
  let length = 0
  for (const count of tokens.values()) length += count
  const norm = BM25_K1 * (1 - BM25_B + (BM25_B * length) / LENGTH_MEAN_TOKENS)
  return { indices: [...tokens.keys()], values: Array.from(tokens.values(), (count) => (count * (BM25_K1 + 1)) / (count + norm)) }
}

const BM25_K1 = 1.2
const BM25_B = 0.75
const LENGTH_MEAN_TOKENS = 256
