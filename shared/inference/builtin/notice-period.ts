import { findDurations } from './durations.ts'
import type { FoundField } from './fields.ts'
import { compilePhrases, findPhrases, PROSE_GAP } from './phrases.ts'
import type { ReadPage, Span } from './reading.ts'

/** How far a duration may stand from the word for notice, and from the word for ending a contract in the same sentence. UTF-16 code units. */
const NOTICE_DISTANCE_MAX = 45
const ENDING_DISTANCE_MAX = 160

/** Words that are looked at around one duration. */
const NEAR_MAX = 30

/** The duration beside a word for a notice period; before others one whose sentence is about ending a contract. `value` is an ISO 8601 duration. */
export function findNoticePeriod(pages: readonly ReadPage[]): FoundField | null {
  let best: { iso: string; span: Span; score: number } | null = null
  for (const page of pages) {
    const hits = findPhrases(page, WORDS, PROSE_GAP)
    if (!hits.some((hit) => hit.value !== 'ending')) continue
    let first = 0
    for (const { iso, span } of findDurations(page)) {
      while ((hits[first]?.end ?? span.start) < span.start - ENDING_DISTANCE_MAX) first += 1
      const near = hits.slice(first, first + NEAR_MAX)
      const score = Math.max(0, ...near.map((hit) => NOTICE_WEIGHT[hit.value] * closeness(page, hit, span, NOTICE_DISTANCE_MAX)))
      const ending = score > 0 && near.some((hit) => hit.value === 'ending' && closeness(page, hit, span, ENDING_DISTANCE_MAX) > 0)
      if (score + Number(ending) > (best?.score ?? 0)) best = { iso, span, score: score + Number(ending) }
    }
  }
  return best && { value: best.iso, status: 'verified', spans: [best.span] }
}

type NoticeWord = 'period' | 'notice' | 'ending'

const NOTICE_WEIGHT: Readonly<Record<NoticeWord, number>> = { period: 2, notice: 1, ending: 0 }

const WORDS = compilePhrases<NoticeWord>([
  [
    'period',
    [
      ...[
        'notice period',
        'period of notice',
        '*kundigungsfrist',
        'kundigungsfrist',
        'kundigungsfristen',
        'preavis',
        'delai de preavis',
        'preaviso',
      ],
      ...['plazo de preaviso', 'preavviso', 'periodo di preavviso', 'termine di preavviso', 'opzegtermijn'],
    ],
  ],
  ['notice', ['notice', 'frist von', 'einer frist von']],
  [
    'ending',
    [
      ...[
        'terminate',
        'terminated',
        'terminates',
        'termination',
        'terminating',
        'end this agreement',
        'end the agreement',
        'end this contract',
        'gekundigt',
      ],
      ...[
        'kundigen',
        'kundigt',
        'kundbar',
        'kundigung',
        'resilie',
        'resilier',
        'resiliee',
        'resiliation',
        'rescindir',
        'rescindirse',
        'resolver',
      ],
      ...['terminar', 'terminacion', 'recedere', 'recesso', 'disdetta', 'disdire', 'opzegging', 'opgezegd', 'opzeggen', 'beeindigen'],
    ],
  ],
])

/** 1 side by side, towards 0 at `distanceMax`; 0 beyond, and where a sentence or a numbered clause ends between. */
function closeness(page: ReadPage, hit: { start: number; end: number }, span: Span, distanceMax: number): number {
  const [from, to] = hit.start < span.start ? [hit.end, span.start] : [span.end, hit.start]
  if (to - from > distanceMax || /[.;!?]\s+\p{Lu}|\n\s*(?:\n|\d|§)/u.test(page.text.slice(from, to))) return 0
  return 1 - (to - from) / (distanceMax + 1)
}
