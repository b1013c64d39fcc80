import { expect, test } from 'vitest'
import { type BreakerState, circuitFor, closedBreaker, type Outcomes, observe } from '../../../shared/limits/breaker.ts'

const seen = (more: Partial<Outcomes> = {}): Outcomes => ({
  holder: 'one',
  answered: 0,
  throttled: 0,
  failed: 0,
  probe: null,
  hasWork: true,
  isLive: () => true,
  ...more,
})
const after = (reports: readonly Partial<Outcomes>[], nowMs = 0, from: BreakerState = closedBreaker(0)) =>
  reports.reduce((state, report) => observe(state, seen(report), nowMs), from)
const opened = after([{ failed: 5 }])

test('five failures in a row open it, whichever processes saw them', () => {
  expect(after([{ failed: 2 }, { failed: 2, holder: 'two' }]).state).toBe('closed')
  expect(after([{ failed: 2 }, { failed: 2, holder: 'two' }, { failed: 1 }]).state).toBe('open')
})

test('an answer ends the row, and so does a 429', () => {
  for (const alive of [{ answered: 1 }, { throttled: 1 }]) expect(after([{ failed: 4 }, alive, { failed: 4 }]).state).toBe('closed')
})

test('half of twenty calls within ten seconds open it, though answers come between', () => {
  const half = Array.from({ length: 10 }, () => ({ answered: 1, failed: 1 }))
  expect(after(half.slice(1)).state).toBe('closed')
  expect(after(half).state).toBe('open')
  const spread = half.reduce((state, report, index) => observe(state, seen(report), index * 2_000), closedBreaker(0))
  expect(spread.state).toBe('closed')
})

test('nobody may call before its time is over; then one process may, and no other', () => {
  expect(circuitFor(opened, 'one', 1_000)).toEqual({ state: 'open', retry_ms: 4_000 })
  expect(after([{}], 4_999, opened).state).toBe('open')
  expect(after([{ hasWork: false }], 5_000, opened).state).toBe('open')
  const probing = after([{ holder: 'two' }, {}], 5_000, opened)
  expect(circuitFor(probing, 'two', 5_000)).toEqual({ state: 'half_open' })
  expect(circuitFor(probing, 'one', 5_000)).toMatchObject({ state: 'open' })
})

test('only what the prober’s one call brought decides: calls that began before may still end', () => {
  const probing = after([{ holder: 'two' }], 5_000, opened)
  expect(
    after(
      [
        { holder: 'one', failed: 9 },
        { holder: 'one', probe: 'passed' },
      ],
      5_000,
      probing,
    ),
  ).toEqual(probing)
  expect(after([{ holder: 'two', probe: 'passed' }], 5_000, probing)).toEqual(closedBreaker(5_000))
})

test('each probe that fails doubles the time, up to a minute', () => {
  let [state, nowMs] = [opened, 0]
  const times: number[] = []
  for (let round = 0; round < 6; round++) {
    if (state.state !== 'open') throw new Error('it is open')
    times.push(state.until_ms - nowMs)
    nowMs = state.until_ms
    state = after([{}, { probe: 'failed' }], nowMs, state)
  }
  expect(times).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
})

test('a prober that died, or has no more work, is replaced', () => {
  const probing = after([{ holder: 'two' }], 5_000, opened)
  expect(after([{ isLive: (id) => id !== 'two' }], 5_000, probing)).toMatchObject({ prober: 'one' })
  const idle = after([{ holder: 'two', hasWork: false }], 5_000, probing)
  expect(idle).toMatchObject({ state: 'half_open', prober: null })
  expect(after([{}], 5_000, idle)).toMatchObject({ prober: 'one' })
})
