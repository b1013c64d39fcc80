import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AppError, type ErrorCode } from '../../../shared/contracts/errors.ts'
import { type AttemptOptions, attempt } from '../../../shared/limits/attempts.ts'
import type { Gate } from '../../../shared/limits/gate.ts'
import type { Outcome } from '../../../shared/limits/turnstile.ts'

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('an answer is given back, and its latency told to the gate', async () => {
  const { outcomes, trying } = setUp()
  const { result } = trying([answer(700)])
  await seconds(1)
  expect(await result).toBe('answer')
  expect(outcomes).toEqual([{ kind: 'answered', latencyMs: 700 }])
})

describe('by its class, an error', () => {
  test('of no answer is repeated, so often in all, after pauses of chance whose bound doubles', async () => {
    const { outcomes, trying } = setUp({ triesMax: 3 })
    const failure = error('MODEL_UNAVAILABLE')
    const { result, startedAtMs } = trying([failure, failure, failure], { random: () => 0.5 })
    const rejected = expect(result).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
    await seconds(60)
    await rejected
    expect(startedAtMs).toEqual([0, 500, 1_500])
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => ({ kind: 'failed' })))
  })

  test.each<[ErrorCode, Outcome]>([
    ['MODEL_OUTPUT_INVALID', { kind: 'answered', latencyMs: 0 }],
    ['MODEL_REFUSED', { kind: 'answered', latencyMs: null }],
    ['DOCUMENT_ERASED', { kind: 'cancelled' }],
  ])('of %s passes through at once', async (code, outcome) => {
    const { outcomes, trying } = setUp()
    await expect(trying([error(code), answer()]).result).rejects.toMatchObject({ code })
    expect(outcomes).toEqual([outcome])
  })

  test('that is not ours says nothing of the endpoint', async () => {
    const { outcomes, trying } = setUp()
    await expect(trying([() => Promise.reject(new TypeError('a mistake'))]).result).rejects.toThrow(TypeError)
    expect(outcomes).toEqual([{ kind: 'cancelled' }])
  })

  test('of 429 is repeated when its Retry-After is over, ahead of others, and counts as no try', async () => {
    const { outcomes, entered, trying } = setUp({ triesMax: 1 })
    const { result, startedAtMs } = trying([error('MODEL_BUSY', 3), error('MODEL_BUSY', 2), answer()])
    await seconds(10)
    expect(await result).toBe('answer')
    expect(startedAtMs).toEqual([0, 3_000, 5_000])
    expect(entered).toEqual([false, true, true])
    expect(outcomes.slice(0, 2)).toEqual([
      { kind: 'throttled', retryAfterMs: 3_000 },
      { kind: 'throttled', retryAfterMs: 2_000 },
    ])
  })

  test('of 429 whose Retry-After does not fit into the deadline ends as MODEL_BUSY, with the time to come back', async () => {
    const { trying } = setUp({ deadlineMs: 10_000 })
    await expect(trying([error('MODEL_BUSY', 11)]).result).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: 11 })
  })

  test('of 429 without Retry-After is repeated after growing pauses, until the deadline', async () => {
    const { trying } = setUp({ deadlineMs: 30_000 })
    const { result, startedAtMs } = trying(
      Array.from({ length: 30 }, () => error('MODEL_BUSY')),
      { random: () => 0.99 },
    )
    const rejected = expect(result).rejects.toMatchObject({ code: 'MODEL_BUSY', retryAfterSeconds: expect.any(Number) })
    await seconds(60)
    await rejected
    expect(startedAtMs).toHaveLength(5)
  })
})

describe('the deadline', () => {
  test('is of all tries and pauses together', async () => {
    const { trying } = setUp({ deadlineMs: 5_000, triesMax: 10 })
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      throw new AppError('MODEL_UNAVAILABLE')
    }
    const { result, startedAtMs } = trying([slow, slow, slow, slow], { random: () => 0.9 })
    const rejected = expect(result).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
    await seconds(5)
    await rejected
    expect(startedAtMs).toEqual([0, 2_900])
  })

  test('ends a call that trickles and heeds no signal', async () => {
    const { outcomes, trying } = setUp({ deadlineMs: 5_000 })
    const { result } = trying([() => new Promise(() => undefined)])
    const rejected = expect(result).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'no complete answer within 5000 ms' })
    await seconds(5)
    await rejected
    expect(outcomes).toEqual([{ kind: 'failed' }])
  })

  test('does not run while the call waits for a pass', async () => {
    const { trying } = setUp({ deadlineMs: 5_000 }, 20_000)
    const { result } = trying([answer(4_000)])
    await seconds(25)
    expect(await result).toBe('answer')
  })
})

describe('a caller that gives up', () => {
  test.each([
    ['while it waits for a pass', 5_000, [answer(1)], []],
    ['while its call runs', 0, [answer(20_000)], [{ kind: 'cancelled' }]],
    ['during a pause', 0, [error('MODEL_BUSY', 8)], [{ kind: 'throttled', retryAfterMs: 8_000 }]],
  ])('%s gets its reason at once', async (_when, waitMs, calls, expected) => {
    const caller = new AbortController()
    const { outcomes, trying } = setUp({ signal: caller.signal }, waitMs)
    const { result } = trying(calls)
    const reason = new AppError('STAGE_TIMEOUT')
    const rejected = expect(result).rejects.toBe(reason)
    await seconds(1)
    caller.abort(reason)
    await rejected
    expect(outcomes).toEqual(expected)
  })
})

type Call = (signal: AbortSignal) => Promise<unknown>

function answer(ms = 0): Call {
  return (signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve('answer'), ms)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(new AppError('MODEL_UNAVAILABLE', 'stopped by the caller'))
      })
    })
}

function error(code: ErrorCode, retryAfterSeconds?: number): Call {
  return async () => {
    throw new AppError(code, undefined, retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
  }
}

/** A gate that lets in after `waitMs`, and keeps what it was told. */
function setUp(options: Partial<AttemptOptions> = {}, waitMs = 0) {
  const outcomes: Outcome[] = []
  const entered: boolean[] = []
  const gate: Gate = {
    enter: (_endpoint, signal, { ahead = false } = {}) => {
      entered.push(ahead)
      const pass = { leave: (outcome: Outcome) => void outcomes.push(outcome) }
      if (waitMs === 0) return Promise.resolve(pass)
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        setTimeout(() => resolve(pass), waitMs)
      })
    },
    close: async () => undefined,
  }
  const trying = (calls: readonly Call[], more: Partial<AttemptOptions> = {}) => {
    const startedAtMs: number[] = []
    const fromMs = performance.now()
    const left = [...calls]
    const { signal } = new AbortController()
    const all = { gate, endpoint: 'https://model.test', signal, deadlineMs: 60_000, triesMax: 3, random: () => 0, ...options, ...more }
    const result = attempt(all, (bounded) => {
      startedAtMs.push(performance.now() - fromMs)
      const next = left.shift()
      if (!next) throw new Error('it was called too often')
      return next(bounded)
    })
    return { result, startedAtMs }
  }
  return { outcomes, entered, trying }
}
