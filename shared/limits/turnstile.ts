import type { AppError } from '../contracts/errors.ts'
import { type Cohorts, createCohorts } from './cohort.ts'
import type { Lease, Report } from './port.ts'
import { circuitOpen, closing, noSlotInTime, paused, tooManyWaiting } from './refusals.ts'

/** How a call ended. `latencyMs` is null where the answer says nothing of how long one takes: an error that came at once. */
export type Outcome =
  | { kind: 'answered'; latencyMs: number | null }
  | { kind: 'throttled'; retryAfterMs: number | null }
  | { kind: 'failed' }
  | { kind: 'cancelled' }

/** Leave to make one call. `leave` is called once it has ended, whatever came of it; a second time changes nothing. */
export interface Pass {
  leave(outcome: Outcome): void
}

/** Above this nobody waits in line: the caller is told when to come back. */
const PAUSE_WAITED_MS_MAX = 10_000
/** Calls that wait in one process for one endpoint. */
const WAITING_MAX = 10_000
/** Well within the time of a stage (JOBS): a wait that ends so costs a stage nothing, and one that its timeout ends counts as a start. */
const WAIT_MS_MAX = 60_000
/** Failures that the others should hear of at once: with so many in a row the circuit opens. */
const FAILURES_TOLD = 5

export interface Turnstile {
  enter(signal: AbortSignal, ahead: boolean): Promise<Pass>
  /** What happened since the last one. With `leaving` the share is given back, and whoever comes has to ask for a new one. */
  takeReport(leaving: boolean): Report
  /** It was not delivered: its counts go into the next one. */
  putBack(report: Report): void
  grant(lease: Lease, askedAtMs: number): void
  /** Nobody could be asked: what was granted last goes on for so long. */
  extend(ms: number): void
  readonly isIdle: boolean
  /** When a call last began or ended. */
  readonly usedAtMs: number
  /** Nobody waits any longer. */
  close(): void
}

interface Waiter {
  admit(pass: Pass): void
  refuse(error: unknown): void
}

/** Times are of this process's monotonic clock. */
interface State {
  inFlight: number
  /** Of all processes together, and of it what this one may use. */
  limit: number
  allotment: number
  /** Most calls in flight since the last report, and before it since the one before. */
  peak: number
  peakBefore: number
  /** What was granted holds until then: a process that stood still must ask before it goes on, because others may have its share. */
  grantedUntilMs: number
  pausedUntilMs: number
  /** Until when this process itself was asked to wait. */
  retryAfterUntilMs: number
  circuit: { state: 'closed' } | { state: 'open'; untilMs: number } | { state: 'half_open'; isProbeOut: boolean }
  growing: boolean
  closed: boolean
  usedAtMs: number
  counts: Counts
  cohorts: Cohorts
}

type Counts = Pick<Report, 'answered' | 'latency_count' | 'latency_sum_ms' | 'throttled' | 'failed' | 'sustained' | 'probe'>

/**
 * Lets as many calls through as the process's allotment has room for, in the order in which they came; those that come again after a 429 go ahead of
 * those that have not called yet. `exchangeSoon` is called when the others should hear of something before the next regular exchange.
 */
export function createTurnstile(exchangeSoon: () => void): Turnstile {
  const state: State = {
    inFlight: 0,
    limit: 0,
    allotment: 0,
    peak: 0,
    peakBefore: 0,
    grantedUntilMs: 0,
    pausedUntilMs: 0,
    retryAfterUntilMs: 0,
    circuit: { state: 'closed' },
    growing: false,
    closed: false,
    usedAtMs: performance.now(),
    counts: noCounts(),
    cohorts: createCohorts(),
  }
  const lines = { ahead: new Set<Waiter>(), behind: new Set<Waiter>() }
  const waiting = () => lines.ahead.size + lines.behind.size
  let resume: NodeJS.Timeout | undefined

  const refuseAll = (error: () => AppError) => {
    for (const line of [lines.ahead, lines.behind]) {
      for (const waiter of [...line]) waiter.refuse(error())
    }
  }
  const pump = () => {
    clearTimeout(resume)
    const pauseMs = state.pausedUntilMs - performance.now()
    if (pauseMs > PAUSE_WAITED_MS_MAX) return refuseAll(() => paused(pauseMs))
    if (pauseMs > 0) {
      if (waiting() > 0) resume = setTimeout(pump, Math.ceil(pauseMs))
      return
    }
    while (waiting() > 0 && hasRoom(state)) {
      const [next] = lines.ahead.size > 0 ? lines.ahead : lines.behind
      next?.admit(begin())
    }
  }
  const begin = (): Pass => {
    state.inFlight++
    state.usedAtMs = performance.now()
    state.peak = Math.max(state.peak, state.inFlight)
    const isProbe = state.circuit.state === 'half_open'
    if (isProbe) state.circuit = { state: 'half_open', isProbeOut: true }
    const endMeasured = state.cohorts.begin(state.allotment)
    let left = false
    return {
      leave: (outcome) => {
        if (left) return
        left = true
        state.inFlight--
        state.usedAtMs = performance.now()
        count(state, outcome)
        endMeasured(outcome.kind === 'answered' ? outcome.latencyMs : null)
        if (isProbe) endProbe(state, outcome)
        pump()
        if (isProbe || isNews(state, outcome, waiting())) exchangeSoon()
      },
    }
  }

  return {
    enter: (signal, ahead) =>
      new Promise<Pass>((resolve, reject) => {
        const refusal = refusalOf(state, waiting())
        if (signal.aborted || refusal !== null) return reject(signal.aborted ? signal.reason : refusal)
        const line = ahead ? lines.ahead : lines.behind
        const done = () => {
          line.delete(waiter)
          clearTimeout(bound)
          signal.removeEventListener('abort', abort)
        }
        const waiter: Waiter = {
          admit: (pass) => {
            done()
            resolve(pass)
          },
          refuse: (error) => {
            done()
            reject(error)
          },
        }
        const abort = () => waiter.refuse(signal.reason)
        const bound = setTimeout(() => waiter.refuse(noSlotInTime()), WAIT_MS_MAX)
        signal.addEventListener('abort', abort)
        line.add(waiter)
        pump()
        if (line.has(waiter) && isUnsure(state)) exchangeSoon()
      }),

    takeReport: (leaving) => {
      if (leaving) state.allotment = 0
      const { counts } = state
      state.counts = noCounts()
      state.peakBefore = state.peak
      state.peak = state.inFlight
      const retryAfterMs = Math.ceil(state.retryAfterUntilMs - performance.now())
      return {
        ...together(counts, { ...noCounts(), ...state.cohorts.take() }),
        in_flight: state.inFlight,
        waiting: waiting(),
        retry_after_ms: retryAfterMs > 0 ? retryAfterMs : null,
        leaving,
      }
    },

    putBack: (report) => {
      state.counts = together(report, state.counts)
    },

    grant: (lease, askedAtMs) => {
      // 429s that came while the question was under way were not part of it.
      const allotment = Math.min(lease.allotment, state.counts.sustained ?? Number.POSITIVE_INFINITY)
      if (lease.limit < state.limit) state.cohorts.discard()
      state.limit = lease.limit
      state.allotment = allotment
      state.grantedUntilMs = askedAtMs + lease.lease_ms
      state.growing = lease.growing
      state.pausedUntilMs = Math.max(state.pausedUntilMs, performance.now() + lease.pause_ms)
      state.circuit = circuitOf(lease, state)
      const { circuit } = state
      if (circuit.state === 'open') refuseAll(() => circuitOpen(circuit.untilMs - performance.now()))
      pump()
    },

    extend: (ms) => {
      state.grantedUntilMs = performance.now() + ms
      pump()
    },

    get isIdle() {
      return state.inFlight + waiting() === 0
    },

    get usedAtMs() {
      return state.usedAtMs
    },

    close: () => {
      state.closed = true
      clearTimeout(resume)
      refuseAll(closing)
    },
  }
}

/** Only the others can say whether there is room. */
function isUnsure({ allotment, grantedUntilMs, circuit }: State): boolean {
  return allotment === 0 || grantedUntilMs < performance.now() || circuit.state !== 'closed'
}

function hasRoom({ circuit, inFlight, allotment, grantedUntilMs }: State): boolean {
  if (grantedUntilMs < performance.now()) return false
  switch (circuit.state) {
    case 'closed':
      return inFlight < allotment
    case 'open':
      return false
    case 'half_open':
      return !circuit.isProbeOut
  }
}

function refusalOf(state: State, waiting: number): AppError | null {
  const nowMs = performance.now()
  if (state.closed) return closing()
  if (state.circuit.state === 'open' && state.circuit.untilMs > nowMs) return circuitOpen(state.circuit.untilMs - nowMs)
  if (state.pausedUntilMs - nowMs > PAUSE_WAITED_MS_MAX) return paused(state.pausedUntilMs - nowMs)
  return waiting >= WAITING_MAX ? tooManyWaiting() : null
}

/**
 * A 429 takes one slot: of all that were in flight at most, the refused ones taken off one by one, those remain that the endpoint served. Counting what is
 * in flight now would not do, because nothing follows what ends during a pause.
 */
function count(state: State, outcome: Outcome): void {
  const { counts } = state
  switch (outcome.kind) {
    case 'answered':
      counts.answered++
      return
    case 'throttled':
      counts.throttled++
      state.allotment = Math.max(0, Math.min(state.allotment, Math.max(state.peak, state.peakBefore)) - 1)
      counts.sustained = state.allotment
      state.retryAfterUntilMs = Math.max(state.retryAfterUntilMs, performance.now() + (outcome.retryAfterMs ?? 0))
      state.pausedUntilMs = Math.max(state.pausedUntilMs, state.retryAfterUntilMs)
      return
    case 'failed':
      counts.failed++
      return
    case 'cancelled':
      return
  }
}

function isNews({ counts, growing }: State, outcome: Outcome, waiting: number): boolean {
  if (outcome.kind === 'throttled') return true
  if (outcome.kind === 'failed') return counts.failed >= FAILURES_TOLD
  // Each answer raises the limit: what waits need not wait for the next regular exchange.
  return growing && waiting > 0
}

/** One that was cancelled says nothing: the next call is the probe. */
function endProbe(state: State, { kind }: Outcome): void {
  if (kind !== 'cancelled') state.counts.probe = kind === 'failed' ? 'failed' : 'passed'
  else if (state.circuit.state === 'half_open') state.circuit = { state: 'half_open', isProbeOut: false }
}

/** A probe that is out stays the only one until the store has heard how it ended. */
function circuitOf({ circuit }: Lease, before: State): State['circuit'] {
  switch (circuit.state) {
    case 'closed':
      return { state: 'closed' }
    case 'open':
      return { state: 'open', untilMs: performance.now() + circuit.retry_ms }
    case 'half_open':
      return { state: 'half_open', isProbeOut: before.circuit.state === 'half_open' && before.circuit.isProbeOut }
  }
}

function together(one: Counts, other: Counts): Counts {
  return {
    answered: one.answered + other.answered,
    latency_count: one.latency_count + other.latency_count,
    latency_sum_ms: one.latency_sum_ms + other.latency_sum_ms,
    throttled: one.throttled + other.throttled,
    failed: one.failed + other.failed,
    sustained: other.sustained ?? one.sustained,
    probe: other.probe ?? one.probe,
  }
}

function noCounts(): Counts {
  return { answered: 0, latency_count: 0, latency_sum_ms: 0, throttled: 0, failed: 0, sustained: null, probe: null }
}
