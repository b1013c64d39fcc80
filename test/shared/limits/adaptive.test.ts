import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { adapt, LIMIT_MAX, LIMIT_MIN, LimitState, unknownLimit } from '../../../shared/limits/adaptive.ts'
import { attempt } from '../../../shared/limits/attempts.ts'
import { createGate } from '../../../shared/limits/gate.ts'
import { createLocalLimits } from '../../../shared/limits/local.ts'
import { chance } from '../../support/chance.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { createSimulatedServer, type SimulatedServer } from './simulated-server.ts'

const FOREVER_MS = 3_600_000
const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000)
const always = (ms: number) => () => ms
/** As answers of a language model are: most are short, and some take five times the mean. */
const varying = (meanMs: number) => {
  const luck = chance(3)
  return () => 0.1 * meanMs + luck.exponential(0.9 * meanMs)
}

describe('in simulated time, with more work than slots', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test.each([
    [1, 8],
    [1, 128],
    [1, 1_000],
    [3, 8],
    [3, 128],
    [3, 1_000],
  ])('%i processes find that a server takes %i calls at once, and keep its slots in use', async (processes, atOnce) => {
    const server = createSimulatedServer({ atOnce, latencyMs: always(800) })
    work(server, { processes, callers: 1.3 * atOnce + 30 })
    await seconds(20)
    server.take()
    for (const _ of ['one minute', 'and one more']) {
      await seconds(60)
      const { busy, refused, answered } = server.take()
      expect(busy / atOnce).toBeGreaterThan(0.95)
      expect(refused / answered).toBeLessThan(0.01)
    }
  })

  test('they find it within seconds: of the first minute, search included, 95 of a hundred slots are in use', async () => {
    const server = createSimulatedServer({ atOnce: 128, latencyMs: always(800) })
    work(server, { processes: 3, callers: 300 })
    await seconds(60)
    expect(server.take().busy / 128).toBeGreaterThan(0.95)
  })

  test('Retry-After is obeyed by all, and looking for a higher limit does not cost what the limit gains', async () => {
    const server = createSimulatedServer({ atOnce: 128, latencyMs: always(800), retryAfterSeconds: 5 })
    work(server, { processes: 3, callers: 300 })
    await seconds(30)
    server.take()
    await seconds(600)
    expect(server.take().busy / 128).toBeGreaterThan(0.98)
  })

  test('answers that take as long as those of a language model, some short and some long, do not look like a crowd', async () => {
    const server = createSimulatedServer({ atOnce: 128, latencyMs: varying(2_000) })
    work(server, { processes: 3, callers: 300 })
    await seconds(60)
    server.take()
    await seconds(240)
    expect(server.take().busy / 128).toBeGreaterThan(0.95)
  })

  test('a limit that falls is followed within seconds, and one that rises within minutes', async () => {
    const server = createSimulatedServer({ atOnce: 128, latencyMs: always(800) })
    work(server, { processes: 3, callers: 400 })
    await seconds(20)
    server.change({ atOnce: 40 })
    await seconds(5)
    server.take()
    await seconds(60)
    const { busy, refused, answered } = server.take()
    expect(busy / 40).toBeGreaterThan(0.95)
    expect(refused / answered).toBeLessThan(0.01)
    server.change({ atOnce: 250 })
    await seconds(240)
    server.take()
    await seconds(60)
    expect(server.take().busy / 250).toBeGreaterThan(0.95)
  })

  test('an endpoint that refuses everything for a while is not taken for a small one', async () => {
    const server = createSimulatedServer({ atOnce: 128, latencyMs: always(800) })
    work(server, { processes: 3, callers: 300 })
    await seconds(20)
    server.change({ atOnce: 0 })
    await seconds(5)
    server.change({ atOnce: 128 })
    await seconds(90)
    server.take()
    await seconds(60)
    expect(server.take().busy / 128).toBeGreaterThan(0.95)
  })

  test.each([
    [8, 800],
    [128, 800],
  ])(
    'a server that refuses nothing and queues above %i calls is kept busy, by no more calls than make it twice as slow, or little more',
    async (atOnce, ms) => {
      const server = createSimulatedServer({ atOnce, latencyMs: always(ms), whenFull: 'queues' })
      const { inFlight } = work(server, { processes: 3, callers: 600 })
      await seconds(120)
      server.take()
      for (let minute = 0; minute < 5; minute++) {
        await seconds(60)
        expect(server.take().busy / atOnce).toBeGreaterThan(0.95)
        expect(inFlight()).toBeLessThan(5 * atOnce)
      }
    },
  )

  test('work that becomes heavier is not taken for a crowd for long', async () => {
    const server = createSimulatedServer({ atOnce: 128, latencyMs: always(800) })
    work(server, { processes: 3, callers: 300 })
    await seconds(30)
    server.change({ latencyMs: always(3_200) })
    await seconds(90)
    server.take()
    await seconds(60)
    expect(server.take().busy / 128).toBeGreaterThan(0.95)
  })
})

describe('the limit', () => {
  const seen = fc.record({
    answered: fc.nat(5_000),
    slots: fc.nat(5_000),
    latency_count: fc.nat(500),
    latency_sum_ms: fc.nat(10_000_000),
    throttled: fc.nat(3),
    given_back: fc.nat(6_000),
    retry_after_ms: fc.option(fc.nat(100_000_000)),
    wanted: fc.nat(20_000),
  })
  const steps = fc.array(fc.record({ seen, afterMs: fc.nat(100_000) }), { maxLength: 60 })

  test('is never outside its bounds, whatever is seen, and its state can be stored', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        let [state, nowMs] = [unknownLimit(), 0]
        for (const { seen, afterMs } of sequence) {
          nowMs += afterMs
          state = LimitState.parse(JSON.parse(JSON.stringify(adapt(state, seen, nowMs))))
          expect(state.limit).toBeGreaterThanOrEqual(LIMIT_MIN)
          expect(state.limit).toBeLessThanOrEqual(LIMIT_MAX)
        }
      }),
    )
  })

  test('never rises without answers, without enough work, or with a 429, and never by more than was answered says', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        let [state, nowMs] = [unknownLimit(), 0]
        for (const { seen, afterMs } of sequence) {
          nowMs += afterMs
          const next = adapt(state, seen, nowMs)
          const isRestored = state.latency.lowered !== null && next.latency.lowered === null
          if (!isRestored && (seen.answered === 0 || seen.wanted < state.limit || seen.throttled > 0))
            expect(next.limit).toBeLessThanOrEqual(state.limit)
          expect(next.limit).toBeLessThanOrEqual(Math.max(3 * state.limit, state.latency.lowered?.from_limit ?? 0, state.ceiling ?? 0))
          state = next
        }
      }),
    )
  })

  test('is halved when 429s go on, and not at the first ones', () => {
    let state: LimitState = { ...unknownLimit(), limit: 128, ceiling: 128 }
    const refused = {
      answered: 0,
      slots: 128,
      latency_count: 0,
      latency_sum_ms: 0,
      throttled: 1,
      given_back: 1,
      retry_after_ms: null,
      wanted: 500,
    }
    for (let nowMs = 0; nowMs < 2_000; nowMs += 500) state = adapt(state, refused, nowMs)
    expect(state.limit).toBe(124)
    state = adapt(state, refused, 2_000)
    expect(state.limit).toBe(61)
  })
})

/** So many callers, each with a call after the other for ever, over processes with gates of their own. */
function work(server: SimulatedServer, { processes, callers }: { processes: number; callers: number }) {
  const limits = createLocalLimits()
  const stop = new AbortController()
  const luck = chance(1)
  let inFlight = 0
  const call = async () => {
    inFlight++
    try {
      await server.call()
    } finally {
      inFlight--
    }
  }
  for (let process = 0; process < processes; process++) {
    const gate = createGate({ limits, log: recordingLog().log })
    onTestFinished(() => stop.abort())
    const random = luck.branch().fraction
    const options = { gate, endpoint: 'https://model.test', signal: stop.signal, deadlineMs: FOREVER_MS, triesMax: 3, random }
    // What a stage that was put back for later does is to come again.
    const again = () => new Promise((resolve) => setTimeout(resolve, 1_000))
    const callForEver = async () => {
      while (!stop.signal.aborted) await attempt(options, call).catch(again)
    }
    for (let caller = 0; caller < callers / processes; caller++) void callForEver()
  }
  return { inFlight: () => inFlight }
}
