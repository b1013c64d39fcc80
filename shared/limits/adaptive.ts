/**
 * How many calls an endpoint takes at once, found out from its answers. Pure: (state, what a process saw, time) → state.
 *
 * `limit` is how many calls may be in flight, over all processes. `ceiling` is the most that has proved itself; null until something showed a bound.
 * The two say which of four states the endpoint is in:
 *
 *   searching    ceiling = null     each process adds twice its slots when a generation of calls in them (cohort.ts) was answered
 *       │ 429, or a generation took 1.5 times as long as the quickest
 *       ▼
 *   holding      limit = ceiling    nothing changes until the next probe is due: 30 s after the last 429, twice as long after each probe that
 *       │                           failed, 10 minutes at most
 *       │ probe due, and there is more work than slots
 *       ▼
 *   probing      limit > ceiling    by one slot; kept for 1.5 calls' time without a 429 or a rise in latency, it becomes the ceiling and the next probe,
 *       │                           twice as large, follows at once, so that a bound that was raised is found in few steps. A 429 ends it: back to holding
 *       ▼
 *   recovering   limit < ceiling    after an open circuit (see breaker.ts): every answer adds one to the limit until it is at the ceiling again
 *
 * What lowers the limit, in any state:
 *   429           by as many calls as were refused, which leaves what the endpoint did serve at that time (the process that saw the 429s counts them
 *                 off its own share, see turnstile.ts, and reports the rest as `given_back`). That is the new ceiling. A drop of more than a
 *                 tenth below the old ceiling may be a bad moment of the endpoint: the next probe comes after 5 s.
 *   429 goes on   for two calls' time and 2 s at least: the limit is halved, and halved again after as long.
 *   latency       a mean over 64 answers (over as many as there are slots, if those are more) of more than twice the best such mean, and 250 ms above it:
 *                 the limit falls to seven tenths, and is judged again when the calls that were in flight have ended. If the answers did not get quicker,
 *                 twice in a row, the work has become heavier and not the endpoint slower: what it takes now is the new best, and the limit
 *                 what it was.
 *
 * Nothing raises the limit while there is less work than slots, within a call's time (1 s at least) after a 429, or without answers.
 */
import { z } from 'zod'

export const LIMIT_MIN = 1
export const LIMIT_MAX = 4_096
/** Little enough for a model on a machine of one's own, whose first answers show how long one takes when it is not crowded. */
export const LIMIT_FIRST = 16

/** For each slot whose generation was answered. */
const SEARCH_STEP = 2
const PROBE_MS = 30_000
const PROBE_MS_MAX = 10 * 60_000
const PROBE_AFTER_DROP_MS = 5_000
/** A failed probe makes everybody wait for the Retry-After that it earned: one part in a hundred of the time at most. */
const PROBE_TIMES_RETRY_AFTER = 100
/** Above this part of its old ceiling an endpoint has kept its bound. */
const KEPT = 0.9
/** 429s that are no further apart belong together. */
const CALM_MS = 2_000
const PERSISTENT_MS_MIN = 2_000
const QUIET_MS_MIN = 1_000
/** The times of answers of a language model differ by as much as their mean: over 64 of them it errs by an eighth. */
const LATENCY_SAMPLES = 64
/** Searching cannot wait so long, and errs only towards few calls. */
const LATENCY_SAMPLES_SEARCHING = LIMIT_FIRST
const LATENCY_NOISE_MS = 250
const LATENCY_RISING = 1.5
const LATENCY_HIGH = 2
/** Enough to see an effect of it, and little lost if there is none. */
const LOWERED_TO = 0.7
const LOWERED_TO_MIN = 0.5
/** Lowering has helped when the latency fell by this part of what the limit fell by. */
const HELPED = 1 / 3
const LOWERED_IN_VAIN_MAX = 2

const Milliseconds = z.number().min(0)

export const LimitState = z.strictObject({
  limit: z.int().min(LIMIT_MIN).max(LIMIT_MAX),
  ceiling: z.int().min(LIMIT_MIN).max(LIMIT_MAX).nullable(),
  /** `at_ms`: not before. `since_ms`: a probe runs since. */
  probe: z.strictObject({ at_ms: Milliseconds, interval_ms: Milliseconds, step: z.int().min(1), since_ms: Milliseconds.nullable() }),
  /** The last 429s that belong together: since when (or since the limit was halved for them), until when, and the ceiling before them. */
  throttled: z.strictObject({ since_ms: Milliseconds, last_ms: Milliseconds, ceiling_before: z.int().nullable() }).nullable(),
  /** `sum_ms` and `count` are of the mean that is being formed, from answers after `from_ms`. */
  latency: z.strictObject({
    best_ms: Milliseconds.nullable(),
    recent_ms: Milliseconds.nullable(),
    recent_at_ms: Milliseconds,
    sum_ms: Milliseconds,
    count: z.int().min(0),
    from_ms: Milliseconds,
    lowered: z.strictObject({ at_latency_ms: Milliseconds, from_limit: z.int(), factor: z.number(), in_vain: z.int() }).nullable(),
  }),
})
export type LimitState = z.infer<typeof LimitState>

/** What one report says about the limit. */
export interface Observed {
  answered: number
  /** Of the process that reports. */
  slots: number
  /** Above 0 when a generation of its calls was measured. */
  latency_count: number
  latency_sum_ms: number
  throttled: number
  /** Slots that a process gave up because calls in them were refused. */
  given_back: number
  retry_after_ms: number | null
  /** Calls in flight and waiting, over all processes. */
  wanted: number
}

export function unknownLimit(first: number = LIMIT_FIRST): LimitState {
  return {
    limit: first,
    ceiling: null,
    probe: { at_ms: 0, interval_ms: PROBE_MS, step: 1, since_ms: null },
    throttled: null,
    latency: { best_ms: null, recent_ms: null, recent_at_ms: 0, sum_ms: 0, count: 0, from_ms: 0, lowered: null },
  }
}

export function adapt(state: LimitState, seen: Observed, nowMs: number): LimitState {
  if (seen.throttled > 0) return comeDown(state, seen, nowMs)
  const judged = judgeLatency(state, seen, nowMs)
  return mayGrow(judged, seen, nowMs) ? grow(judged, seen, nowMs) : judged
}

/** After an outage: few calls at first, then quickly back to what is known to be served. */
export function restart(state: LimitState): LimitState {
  const limit = Math.min(state.limit, LIMIT_FIRST, state.ceiling ?? LIMIT_MAX)
  return { ...state, limit, throttled: null, probe: { ...state.probe, step: 1, since_ms: null } }
}

/** Whether the next answers may raise it. */
export function isGrowing({ limit, ceiling }: LimitState): boolean {
  return limit !== ceiling && limit < LIMIT_MAX
}

function comeDown(state: LimitState, seen: Observed, nowMs: number): LimitState {
  const before = state.throttled
  const isFirst = before === null || nowMs - before.last_ms > CALM_MS
  const run = isFirst ? { since_ms: nowMs, ceiling_before: state.ceiling } : before
  const isPersistent = nowMs - run.since_ms >= Math.max(PERSISTENT_MS_MIN, 2 * (state.latency.recent_ms ?? 0))
  const served = Math.max(LIMIT_MIN, state.limit - seen.given_back)
  const limit = isPersistent ? Math.max(LIMIT_MIN, Math.floor(served / 2)) : served
  const hasKept = run.ceiling_before === null || limit >= KEPT * run.ceiling_before
  const patienceMs = PROBE_TIMES_RETRY_AFTER * (seen.retry_after_ms ?? 0)
  const intervalMs = Math.min(PROBE_MS_MAX, Math.max(patienceMs, intervalAfter(state, { isFirst, hasKept })))
  return {
    ...state,
    limit,
    ceiling: limit,
    probe: { at_ms: nowMs + intervalMs, interval_ms: intervalMs, step: 1, since_ms: null },
    throttled: { ...run, since_ms: isPersistent ? nowMs : run.since_ms, last_ms: nowMs },
  }
}

/** Several processes report the refusals of one probe: it counts once. */
function intervalAfter({ ceiling, probe }: LimitState, { isFirst, hasKept }: { isFirst: boolean; hasKept: boolean }): number {
  if (!hasKept) return PROBE_AFTER_DROP_MS
  return isFirst && ceiling !== null ? Math.max(PROBE_MS, 2 * probe.interval_ms) : Math.max(PROBE_MS, probe.interval_ms)
}

function judgeLatency(state: LimitState, seen: Observed, nowMs: number): LimitState {
  if (nowMs < state.latency.from_ms) return state
  const count = state.latency.count + seen.latency_count
  const sum_ms = state.latency.sum_ms + seen.latency_sum_ms
  if (count < samplesOf(state)) return { ...state, latency: { ...state.latency, count, sum_ms } }
  const mean = sum_ms / count
  const best_ms = Math.min(state.latency.best_ms ?? mean, mean)
  const formed: LimitState = { ...state, latency: { ...state.latency, best_ms, recent_ms: mean, recent_at_ms: nowMs, count: 0, sum_ms: 0 } }
  if (isAbove(formed, LATENCY_HIGH)) return lowerForLatency(formed, mean, best_ms, nowMs)
  const calm = { ...formed, latency: { ...formed.latency, lowered: null } }
  if (state.ceiling !== null || !isAbove(calm, LATENCY_RISING)) return calm
  // By so few answers that it may be chance: the next look is soon, and not by one slot.
  return holdAt(calm, calm.limit, { atMs: nowMs + PROBE_AFTER_DROP_MS, step: Math.ceil(calm.limit / 4) })
}

function lowerForLatency(state: LimitState, mean: number, bestMs: number, nowMs: number): LimitState {
  const { lowered } = state.latency
  const hasHelped = lowered !== null && mean <= lowered.at_latency_ms * (1 - HELPED * (1 - lowered.factor))
  const inVain = lowered === null || hasHelped ? 0 : lowered.in_vain + 1
  const from_limit = lowered === null || hasHelped ? state.limit : lowered.from_limit
  if (inVain >= LOWERED_IN_VAIN_MAX || state.limit === LIMIT_MIN) {
    const heavier = { ...state, latency: { ...state.latency, best_ms: mean, lowered: null } }
    return holdAt(heavier, from_limit, { atMs: nowMs + state.probe.interval_ms, step: 1 })
  }
  const factor = hasHelped ? Math.max(LOWERED_TO_MIN, Math.min(LOWERED_TO, (LATENCY_HIGH * bestMs) / mean)) : LOWERED_TO
  const limit = Math.max(LIMIT_MIN, Math.min(state.limit - 1, Math.floor(state.limit * factor)))
  // What is in flight now was begun at the old limit, in a queue that may still have grown.
  const latency = { ...state.latency, from_ms: nowMs + 2 * mean, lowered: { at_latency_ms: mean, from_limit, factor, in_vain: inVain } }
  return holdAt({ ...state, latency }, limit, { atMs: nowMs + state.probe.interval_ms, step: 1 })
}

function samplesOf({ ceiling, limit }: LimitState): number {
  return ceiling === null ? LATENCY_SAMPLES_SEARCHING : Math.max(LATENCY_SAMPLES, limit)
}

function holdAt(state: LimitState, limit: number, { atMs, step }: { atMs: number; step: number }): LimitState {
  return { ...state, limit, ceiling: limit, probe: { ...state.probe, at_ms: atMs, step, since_ms: null } }
}

function mayGrow(state: LimitState, seen: Observed, nowMs: number): boolean {
  const quietMs = Math.max(QUIET_MS_MIN, state.latency.recent_ms ?? 0)
  const isQuiet = state.throttled === null || nowMs - state.throttled.last_ms >= quietMs
  return seen.answered > 0 && seen.wanted >= state.limit && isQuiet && !isAbove(state, LATENCY_HIGH) && !isCrowded(state, seen)
}

/** A generation that already took long must not add slots. */
function isCrowded({ ceiling, latency }: LimitState, { latency_count, latency_sum_ms }: Observed): boolean {
  return ceiling === null && latency_count > 0 && isSlower(latency.best_ms, latency_sum_ms / latency_count, LATENCY_RISING)
}

function grow(state: LimitState, { answered, slots, latency_count }: Observed, nowMs: number): LimitState {
  const { limit, ceiling, probe } = state
  const generation = latency_count > 0 ? Math.min(slots, limit) : 0
  if (ceiling === null) return { ...state, limit: Math.min(LIMIT_MAX, limit + SEARCH_STEP * generation) }
  if (limit < ceiling) return { ...state, limit: Math.min(ceiling, limit + answered) }
  if (limit === ceiling) return nowMs < probe.at_ms ? state : probeAbove(state, limit, probe.step, nowMs)
  if (!isProved(state, nowMs)) return state
  return probeAbove({ ...state, probe: { ...probe, interval_ms: PROBE_MS } }, limit, Math.min(2 * probe.step, limit), nowMs)
}

/** Neither refused nor, by a mean of answers of its own time, slowed down. With so few calls as a search begins with, a mean would take too long. */
function isProved({ limit, probe: { since_ms }, latency }: LimitState, nowMs: number): boolean {
  const provedMs = (since_ms ?? nowMs) + Math.max(QUIET_MS_MIN, 1.5 * (latency.recent_ms ?? 0))
  return nowMs >= provedMs && (limit <= LIMIT_FIRST || latency.recent_at_ms >= provedMs)
}

function probeAbove(state: LimitState, ceiling: number, step: number, nowMs: number): LimitState {
  return { ...state, ceiling, limit: Math.min(LIMIT_MAX, ceiling + step), probe: { ...state.probe, at_ms: nowMs, step, since_ms: nowMs } }
}

function isAbove({ latency: { best_ms: best, recent_ms: recent } }: LimitState, factor: number): boolean {
  return recent !== null && isSlower(best, recent, factor)
}

function isSlower(bestMs: number | null, latencyMs: number, factor: number): boolean {
  return bestMs !== null && latencyMs > factor * bestMs && latencyMs - bestMs > LATENCY_NOISE_MS
}
