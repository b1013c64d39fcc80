/** Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods, SIGIR 2009: k = 60. */
export const RRF_K = 60

export interface FusedHit {
  id: string
  score: number
}

/**
 * Joins rankings (best first, no id twice within one) into one: an id scores the sum of 1 / (k + rank) over the rankings that hold it, rank from 1.
 * Equal scores are ordered by id, so the same rankings always give the same answer.
 */
export function fuse(rankings: readonly (readonly string[])[]): FusedHit[] {
  const scores = new Map<string, number>()
  for (const ranking of rankings) {
    for (const [index, id] of ranking.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (RRF_K + index + 1))
  }
  return [...scores].map(([id, score]) => ({ id, score })).sort(byScoreThenId)
}

export function byScoreThenId(a: FusedHit, b: FusedHit): number {
  if (a.score !== b.score) return b.score - a.score
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/** How deep each ranking is read before fusion: a hit that both rankings hold in the middle must be able to rise. */
export function candidates(limit: number): number {
  return Math.max(limit * 4, 50)
}
