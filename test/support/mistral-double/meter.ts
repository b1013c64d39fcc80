/** Since the double was started or `reset` was called. */
export interface Load {
  inFlight: number
  /** Most at once. */
  peak: number
  /** Integral of `inFlight` over time, in requests × ms: divided by `elapsedMs` it is how many were in flight on average. */
  inFlightMs: number
  elapsedMs: number
  /** Requests that left: answered, broken off by either side, or given up. */
  left: number
  /** Answered 429 because as many were in flight as are allowed. */
  turnedAway: number
}

export interface Meter {
  /** Counts a request in; the function that comes back counts it out. */
  enter(): () => void
  turnAway(): void
  load(): Load
  reset(): void
}

/** Costs a few additions a request: nothing is kept of any. */
export function createMeter(nowMs: () => number = () => performance.now()): Meter {
  let inFlight = 0
  let counted = { peak: 0, inFlightMs: 0, left: 0, turnedAway: 0, sinceMs: nowMs(), atMs: nowMs() }

  function advance(): void {
    const now = nowMs()
    counted.inFlightMs += inFlight * (now - counted.atMs)
    counted.atMs = now
  }

  return {
    enter() {
      advance()
      inFlight += 1
      counted.peak = Math.max(counted.peak, inFlight)
      return () => {
        advance()
        inFlight -= 1
        counted.left += 1
      }
    },
    turnAway: () => {
      counted.turnedAway += 1
    },
    load() {
      advance()
      const { peak, inFlightMs, left, turnedAway, sinceMs, atMs } = counted
      return { inFlight, peak, inFlightMs, elapsedMs: atMs - sinceMs, left, turnedAway }
    },
    reset() {
      const now = nowMs()
      counted = { peak: inFlight, inFlightMs: 0, left: 0, turnedAway: 0, sinceMs: now, atMs: now }
    },
  }
}
