import { describe, expect, test } from 'vitest'
import {
  CLOCK_TOLERANCE_MS,
  type ClockConfirmation,
  type ClockState,
  type ClockWitness,
  confirmClock,
  dueByMs,
  observeClock,
} from '../../../shared/policy/clock-guard.ts'
import { chance } from '../../support/chance.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const HOLDING_MS = DAY_MS
const START_MS = Date.UTC(2026, 10, 1)

/** The true time, the error of the wall clock, and processes that look at it; each has a monotonic clock that began with it. */
function world() {
  let trueMs = START_MS
  let errorMs = 0
  let state: ClockState | null = null
  const wall = () => trueMs + errorMs
  const processes = new Map<number, { bornMs: number; witness: ClockWitness | null }>()
  const look = (id: number, rulesHash = 'rules') => {
    const process = processes.get(id) ?? { bornMs: trueMs, witness: null }
    const observed = observeClock(state, process.witness, { wallMs: wall(), monotonicMs: trueMs - process.bornMs, rulesHash }, HOLDING_MS)
    processes.set(id, { ...process, witness: observed.witness })
    state = observed.state
    return observed
  }
  return {
    look,
    stop: (id: number) => processes.delete(id),
    stopAll: () => processes.clear(),
    running: () => [...processes.keys()],
    pass: (ms: number) => {
      trueMs += ms
    },
    setError: (ms: number) => {
      errorMs = ms
    },
    dueBy: (confirmation: ClockConfirmation | null = null) => state && dueByMs(state, confirmation, wall()),
    confirm: (): ClockConfirmation => confirmClock(state as ClockState, wall()),
    now: () => trueMs,
    state: () => state as ClockState,
    /** Looks every so often, for so long. */
    run: (id: number, forMs: number, everyMs = 5 * MINUTE_MS) => {
      for (let at = 0; at < forMs; at += everyMs) {
        trueMs += everyMs
        look(id)
      }
    },
  }
}

describe('a clock', () => {
  test('is believed after it was steady for the holding period, and not before', () => {
    const { look, run, dueBy, now } = world()
    look(1)
    run(1, HOLDING_MS - 10 * MINUTE_MS)
    expect(dueBy()).toBeNull()
    run(1, 15 * MINUTE_MS)
    expect(dueBy()).toBe(now() - CLOCK_TOLERANCE_MS)
  })

  test('that jumps ahead makes nothing due, however far, and what was due goes on by the time that passes', () => {
    const { look, run, dueBy, now, setError, state } = world()
    look(1)
    run(1, 2 * HOLDING_MS)
    setError(400 * DAY_MS)
    run(1, 23 * HOUR_MS)
    expect(dueBy()).toBe(now() - CLOCK_TOLERANCE_MS)
    expect(state().jump?.byMs).toBe(400 * DAY_MS)
    setError(0)
    run(1, 2 * HOLDING_MS)
    expect(dueBy()).toBe(now() - CLOCK_TOLERANCE_MS)
  })

  test('that was stopped for a year is believed again after the holding period, and until then only the year before counts', () => {
    const { look, run, dueBy, now, pass, stopAll } = world()
    look(1)
    run(1, 2 * HOLDING_MS)
    const stoppedMs = now()
    stopAll()
    pass(365 * DAY_MS)
    look(2)
    run(2, HOLDING_MS)
    expect(dueBy()).toBeLessThan(stoppedMs + HOLDING_MS)
    run(2, 10 * MINUTE_MS)
    expect(dueBy()).toBe(now() - CLOCK_TOLERANCE_MS)
  })

  test('is watched by processes that take over from each other, one a little before the other ends', () => {
    const { look, run, dueBy, now, stop } = world()
    for (let id = 1; id <= 6; id++) {
      look(id)
      run(id, 5 * HOUR_MS)
      look(id + 1)
      run(id, 10 * MINUTE_MS)
      run(id + 1, 10 * MINUTE_MS)
      stop(id)
    }
    expect(dueBy()).toBe(now() - CLOCK_TOLERANCE_MS)
  })

  test('that is set back takes what it made due with it', () => {
    const { look, run, dueBy, now, setError } = world()
    look(1)
    run(1, 2 * HOLDING_MS)
    setError(-40 * DAY_MS)
    look(1)
    expect(dueBy()).toBe(now() - 40 * DAY_MS - CLOCK_TOLERANCE_MS)
  })

  test('that somebody vouches for is believed at once, and goes on by what passed and not by where it jumps', () => {
    const { look, run, dueBy, now, setError, confirm, stopAll } = world()
    look(1)
    run(1, HOUR_MS)
    const confirmation = confirm()
    expect(dueBy(confirmation)).toBe(now() - CLOCK_TOLERANCE_MS)
    setError(400 * DAY_MS)
    run(1, HOUR_MS)
    expect(dueBy(confirmation)).toBe(now() - CLOCK_TOLERANCE_MS)
    stopAll()
    look(2)
    expect(dueBy(confirmation)).toBe(now() - CLOCK_TOLERANCE_MS)
  })
})

test('rules count the time that processes ran with them, and begin anew with every change', () => {
  const { look, run, pass, state } = world()
  look(1)
  run(1, 10 * HOUR_MS)
  expect(state().rulesMs).toBe(10 * HOUR_MS)
  pass(MINUTE_MS)
  expect(look(1, 'others').state.rulesMs).toBeLessThanOrEqual(MINUTE_MS)
  expect(look(2, 'rules').state.rulesMs).toBe(0)
})

test.each(Array.from({ length: 300 }, (_, seed) => seed))(
  'whatever the clock does for shorter than the holding period, nothing is due before its time (seed %i)',
  (seed) => {
    const { pick, fraction } = chance(seed)
    const between = (least: number, most: number) => Math.floor(least + fraction() * (most - least + 1))
    const system = world()
    const due: number[] = []
    let wrongSinceMs: number | null = null
    let confirmation: ClockConfirmation | null = null
    const check = () => {
      const by = system.dueBy(confirmation)
      // The true time is what counts: nothing may be due that lies ahead of it.
      if (by !== null) expect(by).toBeLessThanOrEqual(system.now())
      if (by !== null) due.push(by)
    }
    let serial = 0
    system.look(++serial)
    for (let step = 0; step < 400; step++) {
      const action = pick(['run', 'run', 'run', 'run', 'jump', 'start', 'stop', 'outage', 'confirm', 'pause'] as const)
      if (wrongSinceMs !== null && system.now() - wrongSinceMs > HOLDING_MS - 5 * HOUR_MS) {
        system.setError(0)
        wrongSinceMs = null
      }
      if (action === 'run') {
        const everyMs = between(1, 30) * MINUTE_MS
        for (
          let times = between(1, 8);
          times > 0 && (wrongSinceMs === null || system.now() - wrongSinceMs < HOLDING_MS - HOUR_MS);
          times--
        ) {
          system.pass(everyMs)
          for (const id of system.running()) if (pick([true, true, false])) system.look(id)
          check()
        }
      } else if (action === 'jump') {
        const fixed = pick([true, false])
        const signed = pick([1, 1, -1]) * pick([between(3, 50) * MINUTE_MS, between(1, 23) * HOUR_MS, between(1, 900) * DAY_MS])
        system.setError(fixed ? 0 : signed)
        wrongSinceMs = fixed ? null : (wrongSinceMs ?? system.now())
      } else if (action === 'start') system.look(++serial)
      else if (action === 'stop') system.stop(system.running()[between(0, 9)] ?? 0)
      else if (action === 'outage' && wrongSinceMs === null) {
        system.stopAll()
        system.pass(between(1, 90) * DAY_MS)
      } else if (action === 'confirm' && wrongSinceMs === null) {
        const [id] = system.running()
        if (id !== undefined) {
          system.look(id)
          confirmation = system.confirm()
        }
      }
      // A machine that sleeps: its monotonic clock does not count that, which only makes less due.
      check()
    }
    // And it comes right again: after a holding period of peace what is due is due.
    system.setError(0)
    system.stopAll()
    system.look(++serial)
    system.run(serial, HOLDING_MS + 10 * MINUTE_MS)
    expect(system.dueBy()).toBe(system.now() - CLOCK_TOLERANCE_MS)
  },
)
