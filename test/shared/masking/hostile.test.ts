import { expect, test } from 'vitest'
import { MaskKind } from '../../../shared/contracts/masking.ts'
import { createMasker } from '../../../shared/masking/masker.ts'
import type { NameRecogniser } from '../../../shared/masking/recogniser.ts'
import { hostileTexts } from './hostile-texts.ts'

/** UTF-16 code units: what an expression that goes back over its text, or a loop within a loop, would take hours or days for. */
const LENGTH = 1_000_000
/** A bound for what ought to take a second, on a machine that does other things as well. */
const WAIT_MS = 60_000

const annas: NameRecogniser = {
  kinds: ['name'],
  recognise: async (text) =>
    [...text.matchAll(/Anna B+/g)].map(({ index, 0: name }) => ({ kind: 'name', start: index, end: index + name.length })),
}

test.each(Object.entries(hostileTexts(LENGTH)))(
  'a million of %s are masked, and come back as they were',
  async (_, text) => {
    const session = createMasker({ kinds: MaskKind.options, recogniser: annas }).open('de')
    const masked = await session.mask(text, new AbortController().signal)
    expect(session.unmask(masked) === text).toBe(true)
    expect(Object.values(session.counts().after).every((count) => count === 0)).toBe(true)
  },
  WAIT_MS,
)
