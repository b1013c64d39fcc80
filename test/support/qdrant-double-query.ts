import type { z } from 'zod'
import type { Bodies, Point, Prefetch, Sparse } from './qdrant-double-bodies.ts'
import { type Collection, checkVector, select } from './qdrant-double-collection.ts'

export function query(collection: Collection, { prefetch, query, filter, limit, with_payload }: z.infer<typeof Bodies.query>): unknown[] {
  const allowed = new Set(select(collection, filter).map(({ id }) => id))
  const scores = new Map<string, number>()
  for (const leg of prefetch) {
    for (const [position, { id }] of rank(collection, leg).entries()) {
      // Qdrant counts positions from 0: lib/segment/src/common/reciprocal_rank_fusion.rs
      if (allowed.has(id)) scores.set(id, (scores.get(id) ?? 0) + 1 / (query.rrf.k + position))
    }
  }
  const best = [...scores].sort((a, b) => b[1] - a[1]).slice(0, limit)
  return best.map(([id, score]) => {
    const payload = Object.entries(collection.points.get(id)?.payload ?? {}).filter(([key]) => with_payload.includes(key))
    return { id, score, version: 0, payload: Object.fromEntries(payload) }
  })
}

function rank(collection: Collection, leg: Prefetch): Point[] {
  checkVector(collection, leg.using, leg.query)
  const score = Array.isArray(leg.query) ? cosineScorer(leg.query, leg.using) : sparseScorer(collection, leg.query, leg)
  const scored: { point: Point; score: number }[] = []
  for (const point of select(collection, leg.filter)) {
    const value = score(point)
    if (value !== null) scored.push({ point, score: value })
  }
  scored.sort((a, b) => b.score - a.score)
  return scored.slice(0, leg.limit).map(({ point }) => point)
}

type Scorer = (point: Point) => number | null

function cosineScorer(wanted: readonly number[], using: string): Scorer {
  return ({ vector }) => {
    const own = vector[using]
    if (!Array.isArray(own)) return null
    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
    return dot(wanted, own) / Math.sqrt(dot(wanted, wanted) * dot(own, own))
  }
}

/** The dot product over shared indices times the IDF of each, ln((N − n + ½) / (n + ½) + 1) over the corpus; a point that shares none is no result. */
function sparseScorer(collection: Collection, wanted: Sparse, { using, params }: Prefetch): Scorer {
  const corpus = params ? select(collection, params.idf.corpus) : [...collection.points.values()]
  const sparse = ({ vector }: Point): ReadonlyMap<number, number> => {
    const own = vector[using]
    if (own === undefined || Array.isArray(own)) return new Map()
    return new Map(own.indices.map((index, position) => [index, own.values[position] ?? 0]))
  }
  const withTokens = corpus.map(sparse).filter((own) => own.size > 0)
  const weights = wanted.indices.map((index, position) => {
    const holding = withTokens.filter((own) => own.has(index)).length
    return [index, (wanted.values[position] ?? 0) * Math.log((withTokens.length - holding + 0.5) / (holding + 0.5) + 1)] as const
  })
  return (point) => {
    const own = sparse(point)
    const shared = weights.filter(([index]) => own.has(index))
    return shared.length === 0 ? null : shared.reduce((sum, [index, weight]) => sum + weight * (own.get(index) ?? 0), 0)
  }
}
