import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { nextTurn } from '../../../shared/runtime/turns.ts'

test('of pieces of work that wait together, one is done in each turn of the event loop', async () => {
  let turn = 0
  let over = false
  const counting = (async () => {
    for (; !over; turn++) await setImmediate()
  })()
  const doneIn: number[] = []
  const pieces = Array.from({ length: 5 }, async () => {
    for (let piece = 0; piece < 3; piece++) {
      await nextTurn()
      doneIn.push(turn)
    }
  })
  await Promise.all(pieces)
  over = true
  await counting
  expect(doneIn).toHaveLength(15)
  expect(new Set(doneIn).size).toBe(15)
})
