import type { Evidence, Page } from '../../contracts/extraction.ts'
import { locateAll, locateAt, locateInPages } from '../evidence.ts'
import type { ClaimedField } from '../provider.ts'

/**
 * Where each claim's quote stands, in the order of the claims; null where it stands nowhere. What is claimed of one item of a list stands together: `2`, `19 %`
 * or the same product may be printed in every line, and the first place of such a quote is seldom the right one. So the rarest quote of an item is looked
 * up first, each time at the next place that no earlier item has taken, and the others next to it.
 */
export function placeClaims(claims: readonly ClaimedField[], pages: readonly Page[]): (Evidence | null)[] {
  const places = claims.map((claim) => locateAt(pages, claim.quote ?? '', claim.page, claim.start))
  const taken = new Set<string>()
  for (const [item, ordinals] of Map.groupBy(claims.keys(), (at) => itemOf(claims[at]?.path ?? ''))) {
    if (item === null) {
      for (const at of ordinals) places[at] ??= placeAlone(claims[at], pages)
    } else {
      const open = ordinals.filter((at) => places[at] === null)
      const found = placeItem(
        item.slice(0, item.lastIndexOf('.')),
        open.map((at) => claims[at]),
        pages,
        taken,
      )
      for (const [index, at] of open.entries()) places[at] = found[index] ?? null
    }
  }
  return places
}

/** `lines.3` of `lines.3.description`; null for what is in no list. */
function itemOf(path: string): string | null {
  return /^[^.]+(?:\.[^.\d][^.]*)*\.\d+/.exec(path)?.[0] ?? null
}

function placeAlone(claim: ClaimedField | undefined, pages: readonly Page[]): Evidence | null {
  return claim?.quote ? locateInPages(pages, claim.quote, claim.page ?? undefined) : null
}

function placeItem(
  list: string,
  claims: readonly (ClaimedField | undefined)[],
  pages: readonly Page[],
  taken: Set<string>,
): (Evidence | null)[] {
  const candidates = claims.map((claim) => (claim?.quote ? locateAll(pages, claim.quote, claim.page ?? undefined) : []))
  const rarest = candidates
    .filter((places) => places.length > 0)
    .sort((a, b) => a.length - b.length || (b[0]?.quote.length ?? 0) - (a[0]?.quote.length ?? 0))[0]
  const keyOf = (place: Evidence) => `${list} ${place.page} ${place.start} ${place.end}`
  const anchor = rarest?.find((place) => !taken.has(keyOf(place))) ?? rarest?.[0]
  if (!anchor) return claims.map(() => null)
  taken.add(keyOf(anchor))
  const distance = distanceFrom(anchor, pages.find((page) => page.number === anchor.page)?.text ?? '')
  return candidates.map((places) => nearest(places, distance))
}

/** UTF-16 code units between a place and the anchor; what stands on the anchor's line is nearer than anything else. */
function distanceFrom(anchor: Evidence, text: string): (place: Evidence) => number {
  const lineStart = text.lastIndexOf('\n', anchor.start - 1) + 1
  const newline = text.indexOf('\n', anchor.end)
  const lineEnd = newline < 0 ? text.length : newline
  return (place) => {
    if (place.page !== anchor.page) return Number.POSITIVE_INFINITY
    const gap = Math.max(0, place.start - anchor.end, anchor.start - place.end)
    return place.start >= lineStart && place.end <= lineEnd ? gap : gap + text.length
  }
}

function nearest(places: readonly Evidence[], distance: (place: Evidence) => number): Evidence | null {
  let best: Evidence | null = null
  for (const place of places) if (best === null || distance(place) < distance(best)) best = place
  return best
}
