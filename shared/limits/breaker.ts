/**
 * Spares an endpoint that does not answer, and spares us the waiting. Pure: (state, what a process saw, time) → state.
 *
 *   closed ── five failures in a row, or half of at least twenty calls within ten seconds ──▶ open
 *   open ── its time is over, and a process has work: that one becomes the prober ──▶ half_open
 *   half_open ── the prober's one call was answered ──▶ closed
 *   half_open ── it failed ──▶ open, for twice as long: 5 s, 10 s … 60 s at most
 *
 * A prober that died or has no more work is replaced by the next process that asks. A 429 is an answer: the endpoint lives, and adaptive.ts deals with it.
 */
import { z } from 'zod'

const IN_A_ROW_MAX = 5
const WINDOW_MS = 10_000
const WINDOW_CALLS_MIN = 20
const WINDOW_FAILED_MAX = 0.5
const OPEN_MS = 5_000
const OPEN_MS_MAX = 60_000
/** Who is not the prober asks again after this time. */
const HALF_OPEN_RETRY_MS = 1_000

export const BreakerState = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('closed'),
    in_a_row: z.int().min(0),
    window: z.strictObject({ from_ms: z.number(), answered: z.int().min(0), failed: z.int().min(0) }),
  }),
  z.strictObject({ state: z.literal('open'), until_ms: z.number(), times: z.int().min(1) }),
  z.strictObject({ state: z.literal('half_open'), times: z.int().min(1), prober: z.string().nullable() }),
])
export type BreakerState = z.infer<typeof BreakerState>

/** What one report says about the circuit. */
export interface Outcomes {
  holder: string
  answered: number
  throttled: number
  failed: number
  probe: 'passed' | 'failed' | null
  /** The process has calls to make or to wait for. */
  hasWork: boolean
  /** Whether that process still renews its lease. */
  isLive: (holder: string) => boolean
}

export function closedBreaker(nowMs: number): BreakerState {
  return { state: 'closed', in_a_row: 0, window: { from_ms: nowMs, answered: 0, failed: 0 } }
}

export function observe(state: BreakerState, seen: Outcomes, nowMs: number): BreakerState {
  switch (state.state) {
    case 'closed':
      return count(state, seen, nowMs)
    case 'open':
      return nowMs >= state.until_ms && seen.hasWork ? { state: 'half_open', times: state.times, prober: seen.holder } : state
    case 'half_open':
      return awaitProbe(state, seen, nowMs)
  }
}

/** What `holder` may do. */
export function circuitFor(state: BreakerState, holder: string, nowMs: number) {
  switch (state.state) {
    case 'closed':
      return { state: 'closed' } as const
    case 'open':
      return { state: 'open', retry_ms: Math.max(0, state.until_ms - nowMs) } as const
    case 'half_open':
      return state.prober === holder ? ({ state: 'half_open' } as const) : ({ state: 'open', retry_ms: HALF_OPEN_RETRY_MS } as const)
  }
}

function count(state: BreakerState & { state: 'closed' }, seen: Outcomes, nowMs: number): BreakerState {
  const lived = seen.answered + seen.throttled
  const isOver = nowMs - state.window.from_ms > WINDOW_MS
  const window = {
    from_ms: isOver ? nowMs : state.window.from_ms,
    answered: (isOver ? 0 : state.window.answered) + lived,
    failed: (isOver ? 0 : state.window.failed) + seen.failed,
  }
  // Within one report nobody knows the order: an answer among failures ends the row.
  const inARow = lived > 0 ? 0 : state.in_a_row + seen.failed
  const calls = window.answered + window.failed
  const isBad = inARow >= IN_A_ROW_MAX || (calls >= WINDOW_CALLS_MIN && window.failed >= WINDOW_FAILED_MAX * calls)
  return isBad ? open(1, nowMs) : { state: 'closed', in_a_row: inARow, window }
}

function awaitProbe(state: BreakerState & { state: 'half_open' }, seen: Outcomes, nowMs: number): BreakerState {
  const isProber = state.prober === seen.holder
  if (isProber && seen.probe === 'passed') return closedBreaker(nowMs)
  if (isProber && seen.probe === 'failed') return open(state.times + 1, nowMs)
  const isFree = state.prober === null || !seen.isLive(state.prober) || (isProber && !seen.hasWork)
  if (!isFree) return state
  return { ...state, prober: seen.hasWork ? seen.holder : null }
}

function open(times: number, nowMs: number): BreakerState {
  return { state: 'open', times, until_ms: nowMs + Math.min(OPEN_MS_MAX, OPEN_MS * 2 ** Math.min(times - 1, 10)) }
}
