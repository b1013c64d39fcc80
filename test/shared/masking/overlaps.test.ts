import { expect, test } from 'vitest'
import type { Candidate } from '../../../shared/masking/finding.ts'
import { withoutOverlaps } from '../../../shared/masking/overlaps.ts'

const candidate = (kind: Candidate['kind'], start: number, end: number, certainty: Candidate['certainty']): Candidate => ({
  kind,
  start,
  end,
  certainty,
})

test('the one that contains the others gives its kind, however sure they are', () => {
  const iban = candidate('iban', 10, 30, 'shaped')
  expect(withoutOverlaps([candidate('phone', 14, 26, 'checked'), iban, candidate('card', 12, 20, 'named')])).toEqual([iban])
})

test('of those that overlap in part the surest gives its kind, and no end of the others stays in the text', () => {
  const merged = withoutOverlaps([
    candidate('address', 0, 12, 'shaped'),
    candidate('name', 8, 20, 'named'),
    candidate('phone', 18, 25, 'shaped'),
  ])
  expect(merged).toEqual([candidate('name', 0, 25, 'named')])
})

test('those that only touch stay apart, in the order of the text', () => {
  const [first, second] = [candidate('email', 0, 5, 'checked'), candidate('phone', 5, 9, 'shaped')]
  expect(withoutOverlaps([second, first])).toEqual([first, second])
})
