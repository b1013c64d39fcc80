import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import { LIMIT_FIRST } from '../../../shared/limits/adaptive.ts'
import { createGate, type Gate } from '../../../shared/limits/gate.ts'
import { createLocalLimits } from '../../../shared/limits/local.ts'
import type { EndpointLimits, Report } from '../../../shared/limits/port.ts'
import type { Pass } from '../../../shared/limits/turnstile.ts'
import { recordingLog } from '../../support/recording-log.ts'

const ENDPOINT = 'https://model.test'
const never = new AbortController().signal
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('as many pass as there are slots, and the others in the order in which they came, as slots become free', async () => {
  const { gate } = opened()
  const { passed, passes } = await enter(gate, LIMIT_FIRST + 4)
  expect(passed).toEqual(Array.from({ length: LIMIT_FIRST }, (_, index) => index))
  passes[3]?.leave({ kind: 'cancelled' })
  passes[3]?.leave({ kind: 'cancelled' })
  passes[9]?.leave({ kind: 'failed' })
  await pass(0)
  expect(passed.slice(LIMIT_FIRST)).toEqual([LIMIT_FIRST, LIMIT_FIRST + 1])
})

test('a slot that becomes free costs no question to the store', async () => {
  const { gate, reports } = opened()
  const { passes, passed } = await enter(gate, LIMIT_FIRST + 2)
  const asked = reports.length
  for (const index of [0, 1]) passes[index]?.leave({ kind: 'cancelled' })
  // Nothing but promises may pass here.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  expect(passed).toHaveLength(LIMIT_FIRST + 2)
  expect(reports).toHaveLength(asked)
})

test('who was refused before goes ahead of who has not called yet', async () => {
  const { gate } = opened()
  const { passes } = await enter(gate, LIMIT_FIRST + 1)
  let isAhead = false
  void gate.enter(ENDPOINT, never, { ahead: true }).then(() => {
    isAhead = true
  })
  passes[0]?.leave({ kind: 'cancelled' })
  await pass(0)
  expect(isAhead).toBe(true)
  expect(passes).toHaveLength(LIMIT_FIRST)
})

test('who gives up leaves the line, with the reason of its signal, and takes no slot', async () => {
  const { gate } = opened()
  const { passes, passed } = await enter(gate, LIMIT_FIRST)
  const caller = new AbortController()
  const waiting = gate.enter(ENDPOINT, caller.signal)
  const refused = expect(waiting).rejects.toBe('enough')
  await enter(gate, 1)
  caller.abort('enough')
  await refused
  await expect(gate.enter(ENDPOINT, caller.signal)).rejects.toBe('enough')
  passes[0]?.leave({ kind: 'cancelled' })
  await pass(0)
  expect(passed).toHaveLength(LIMIT_FIRST)
})

test('nobody waits for more than a minute, and is told to come later', async () => {
  const { gate } = opened()
  await enter(gate, LIMIT_FIRST)
  const refused = expect(gate.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: 5 })
  await pass(60_000)
  await refused
})

test('a Retry-After of up to ten seconds is waited for; during a longer one everybody is told to come back when it is over', async () => {
  const { gate } = opened()
  const { passes } = await enter(gate, 4)
  passes[0]?.leave({ kind: 'throttled', retryAfterMs: 9_000 })
  passes[1]?.leave({ kind: 'cancelled' })
  const { passed } = await enter(gate, 1)
  await pass(8_000)
  expect(passed).toEqual([])
  await pass(1_100)
  expect(passed).toEqual([0])
  const waiting = expect(gate.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: 20 })
  passes[2]?.leave({ kind: 'throttled', retryAfterMs: 20_000 })
  await waiting
  await expect(gate.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: 20 })
})

test('what one process is asked to wait, the others wait as well', async () => {
  const limits = createLocalLimits()
  const [first, second] = [opened(limits).gate, opened(limits).gate]
  const { passes } = await enter(first, 1)
  await enter(second, 1)
  passes[0]?.leave({ kind: 'throttled', retryAfterMs: 30_000 })
  await pass(1_000)
  await expect(second.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: 29 })
})

test('an open circuit refuses at once; when its time is over one call goes out, and its answer lets the others in', async () => {
  const { gate } = opened()
  const { passes } = await enter(gate, 5)
  for (const each of passes) each.leave({ kind: 'failed' })
  await pass(200)
  await expect(gate.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: 5 })
  await pass(5_000)
  const later = await enter(gate, 4)
  expect(later.passed).toEqual([0])
  await pass(20_000)
  expect(later.passed).toEqual([0])
  later.passes[0]?.leave({ kind: 'answered', latencyMs: 20_000 })
  await pass(200)
  expect(later.passed).toEqual([0, 1, 2, 3])
})

test('a probe that was cancelled says nothing, and the next call is the probe', async () => {
  const { gate } = opened()
  const { passes } = await enter(gate, 5)
  for (const each of passes) each.leave({ kind: 'failed' })
  await pass(5_500)
  const later = await enter(gate, 3)
  later.passes[0]?.leave({ kind: 'cancelled' })
  await pass(1_000)
  expect(later.passed).toEqual([0, 1])
})

test('a process that stood still asks before it goes on: its share may be another’s by now', async () => {
  let isAnswering = true
  const limits = createLocalLimits()
  const { gate } = opened({
    name: 'local',
    exchange: (...asked) => (isAnswering ? limits.exchange(...asked) : new Promise(() => undefined)),
  })
  await enter(gate, 1)
  isAnswering = false
  // Its timers did not run meanwhile.
  vi.setSystemTime(Date.now() + 10_000)
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000)
  onTestFinished(() => void vi.restoreAllMocks())
  let isIn = false
  void gate.enter(ENDPOINT, never).then(() => {
    isIn = true
  })
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  expect(isIn).toBe(false)
})

test('while the store is away calls go on within what was granted last, then within a few; it is logged once, and so is its return', async () => {
  let isAway = false
  const limits = createLocalLimits()
  const { gate, lines } = opened({
    name: 'redis',
    exchange: async (...asked) => {
      if (isAway) throw new AppError('UNAVAILABLE')
      return limits.exchange(...asked)
    },
  })
  const leaveAll = (passes: readonly Pass[]) => {
    for (const each of passes) each.leave({ kind: 'cancelled' })
  }
  leaveAll((await enter(gate, 10)).passes.slice(1))
  isAway = true
  await pass(20_000)
  const soon = await enter(gate, 100)
  expect(soon.passed).toHaveLength(LIMIT_FIRST - 1)
  await pass(20_000)
  leaveAll(soon.passes.slice())
  await pass(2_000)
  const inFlight = 1 + soon.passed.length - (LIMIT_FIRST - 1)
  expect(inFlight).toBe(4)
  isAway = false
  await pass(1_000)
  expect(lines.map(({ level, fields }) => [level, fields.backend, fields.code])).toEqual([
    ['warn', 'redis', 'UNAVAILABLE'],
    ['info', 'redis', undefined],
  ])
})

test('a store that never was there, or says nothing, holds nobody up for longer than two seconds', async () => {
  for (const exchange of [() => Promise.reject(new AppError('UNAVAILABLE')), () => new Promise<never>(() => undefined)]) {
    const { gate } = opened({ name: 'redis', exchange })
    const { passed } = await enter(gate, 10)
    await pass(2_500)
    expect(passed).toHaveLength(4)
  }
})

test('a process without work gives its share back after some seconds, and one that closes at once; who waited is told to come later', async () => {
  const limits = createLocalLimits()
  const one = opened(limits)
  const { passes } = await enter(one.gate, 1)
  passes[0]?.leave({ kind: 'cancelled' })
  await pass(7_000)
  expect(one.reports.at(-1)).toMatchObject({ leaving: true })
  const quiet = one.reports.length
  await pass(60_000)
  expect(one.reports).toHaveLength(quiet)

  await enter(one.gate, LIMIT_FIRST)
  const refused = expect(one.gate.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY' })
  await one.gate.close()
  await refused
  await expect(one.gate.enter(ENDPOINT, never)).rejects.toMatchObject({ code: 'MODEL_BUSY' })
  const two = await enter(opened(limits).gate, LIMIT_FIRST)
  expect(two.passed).toHaveLength(LIMIT_FIRST)
})

function opened(limits: EndpointLimits = createLocalLimits()) {
  const reports: Report[] = []
  const { log, lines } = recordingLog()
  const gate = createGate({
    log,
    limits: {
      name: limits.name,
      exchange: (endpoint, holder, report) => {
        reports.push(report)
        return limits.exchange(endpoint, holder, report)
      },
    },
  })
  return { gate, reports, lines }
}

/** So many callers in this order; both lists grow as they are let in. */
async function enter(gate: Gate, count: number): Promise<{ passed: number[]; passes: Pass[] }> {
  const passed: number[] = []
  const passes: Pass[] = []
  for (let caller = 0; caller < count; caller++)
    gate.enter(ENDPOINT, never).then(
      (admitted) => {
        passed.push(caller)
        passes.push(admitted)
      },
      () => undefined,
    )
  await pass(150)
  return { passed, passes }
}
