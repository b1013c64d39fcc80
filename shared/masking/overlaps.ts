import type { Candidate, Certainty } from './finding.ts'

type Span = Omit<Candidate, 'kind'>

const ORDER: readonly Certainty[] = ['shaped', 'named', 'checked']

/**
 * Candidates without overlaps, in the order of the text. Of those that overlap one gives its kind: the one that contains the other (digits of an IBAN are
 * no telephone number, whatever fits), else the surest (`checked` before `named` before `shaped`), else the longest, else the first. Its span becomes
 * that of all of them together, so that no end of any of them stays in the text.
 */
export function withoutOverlaps<C extends Span>(candidates: readonly C[]): C[] {
  const merged: C[] = []
  let winner: C | undefined
  for (const candidate of candidates.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1)
    if (!last || !winner || candidate.start >= last.end) {
      merged.push(candidate)
      winner = candidate
      continue
    }
    if (isBetter(candidate, winner)) winner = candidate
    merged[merged.length - 1] = { ...winner, start: last.start, end: Math.max(last.end, candidate.end) }
  }
  return merged
}

function isBetter(a: Span, b: Span): boolean {
  const [lengthA, lengthB] = [a.end - a.start, b.end - b.start]
  const contains = (a.start <= b.start && a.end >= b.end) || (b.start <= a.start && b.end >= a.end)
  if (contains && lengthA !== lengthB) return lengthA > lengthB
  const surer = ORDER.indexOf(a.certainty) - ORDER.indexOf(b.certainty)
  return surer === 0 ? lengthA > lengthB : surer > 0
}
