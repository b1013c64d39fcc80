import { expect, test } from 'vitest'
import { fuse } from '../../../shared/search/fuse.ts'

test('an id scores 1 / (60 + rank) for every ranking that holds it', () => {
  expect(fuse([['a', 'b'], ['b']])).toEqual([
    { id: 'b', score: 1 / 62 + 1 / 61 },
    { id: 'a', score: 1 / 61 },
  ])
})

test('equal scores are ordered by id, whatever the order of the rankings', () => {
  expect(fuse([['b'], ['a']])).toEqual(fuse([['a'], ['b']]))
  expect(fuse([['b'], ['a']]).map(({ id }) => id)).toEqual(['a', 'b'])
})

test('nothing in, nothing out', () => {
  expect(fuse([])).toEqual([])
  expect(fuse([[], []])).toEqual([])
})
