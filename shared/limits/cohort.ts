/** Whose unfinished calls still count, at their age: waiting for the very last would take as long as the longest answer. */
const UNFINISHED = 1 / 8

/** Mean latencies without the bias of taking what ends first. */
export interface Cohorts {
  /** A call begins; `slots` is how many may be in flight. The answer is told how it ended: its latency, or null when that says nothing. */
  begin(slots: number): (latencyMs: number | null) => void
  /** What is being measured began under other circumstances. */
  discard(): void
  /** The latencies of what was measured since it was last asked. */
  take(): { latency_count: number; latency_sum_ms: number }
}

/**
 * Among the first answers of many calls that began together the quick ones are too many, and their mean is too low. So one generation is measured as a
 * whole: as many calls in a row as there are slots, until seven eighths of them have ended.
 */
export function createCohorts(): Cohorts {
  let current = newCohort(0)
  let [count, sumMs] = [0, 0]
  const close = () => {
    const nowMs = performance.now()
    for (const startedAtMs of current.unfinished.values()) current.latencies.push(nowMs - startedAtMs)
    count += current.latencies.length
    sumMs += current.latencies.reduce((sum, latencyMs) => sum + latencyMs, 0)
    current = newCohort(0)
  }
  return {
    begin: (slots) => {
      if (current.size === 0) current = newCohort(Math.max(1, slots))
      const mine = current
      if (mine.begun >= mine.size) return ignore
      const number = mine.begun++
      mine.unfinished.set(number, performance.now())
      return (latencyMs) => {
        mine.unfinished.delete(number)
        if (latencyMs !== null) mine.latencies.push(latencyMs)
        if (mine === current && mine.begun === mine.size && mine.unfinished.size <= UNFINISHED * mine.size) close()
      }
    },
    discard: () => {
      current = newCohort(0)
    },
    take: () => {
      const taken = { latency_count: count, latency_sum_ms: sumMs }
      ;[count, sumMs] = [0, 0]
      return taken
    },
  }
}

/** `size` 0: nothing has begun yet. */
function newCohort(size: number) {
  return { size, begun: 0, latencies: [] as number[], unfinished: new Map<number, number>() }
}

function ignore(): void {
  return
}
