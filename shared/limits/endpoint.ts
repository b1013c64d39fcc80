import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { adapt, isGrowing, LimitState, restart, unknownLimit } from './adaptive.ts'
import { BreakerState, circuitFor, closedBreaker, observe } from './breaker.ts'
import type { Lease, Report } from './port.ts'
import { allot, Holder, type Holders } from './shares.ts'

/** A killed process's share is free after this time; a process that is late by five exchanges keeps its own. */
const LEASE_MS = 3_000
/** As with the other wait times of HTTP: who asks for more has no plan to come back soon. */
const RETRY_AFTER_MS_MAX = 3_600_000
/** Processes that share an endpoint. Each is some 120 bytes of a state that is written twice a second by each. */
const HOLDERS_MAX = 1_000

/** What the processes know together about an endpoint. Times are those of the store. */
const EndpointState = z.strictObject({
  v: z.literal(1),
  at_ms: z.number(),
  limit: LimitState,
  breaker: BreakerState,
  pause_until_ms: z.number(),
  holders: z.record(z.string(), Holder),
})
export type EndpointState = z.infer<typeof EndpointState>

/** A text that another version wrote says nothing here: the endpoint is then found out anew, which takes seconds. */
export function readState(text: string | null): EndpointState | null {
  return text === null ? null : (EndpointState.safeParse(JSON.parse(text)).data ?? null)
}

/**
 * One process's report in, its lease out: leases that are over end, the limit (adaptive.ts) and the circuit (breaker.ts) follow what was seen, and the
 * process gets its share (shares.ts). Throws UNAVAILABLE where more than a thousand processes share one endpoint.
 */
export function exchanged(
  known: EndpointState | null,
  holder: string,
  report: Report,
  storeNowMs: number,
  firstLimit?: number,
): { state: EndpointState; lease: Lease } {
  const before = known ?? newState(storeNowMs, firstLimit)
  // The clock of a server may be set back.
  const nowMs = Math.max(before.at_ms, storeNowMs)
  const live: Holders = Object.fromEntries(Object.entries(before.holders).filter(([, { until_ms }]) => until_ms > nowMs))
  const mine = live[holder]
  if (!mine && Object.keys(live).length >= HOLDERS_MAX)
    throw new AppError('UNAVAILABLE', `more than ${HOLDERS_MAX} processes share an endpoint`)
  const breaker = judgeCircuit(before, holder, report, live, nowMs)
  const limit = judgeLimit(before, breaker, { report, mine, others: { ...live, [holder]: undefined } }, nowMs)
  const pause_until_ms = Math.max(before.pause_until_ms, nowMs + Math.min(report.retry_after_ms ?? 0, RETRY_AFTER_MS_MAX))
  const circuit = circuitFor(breaker, holder, nowMs)
  const asking = {
    allotment: Math.min(mine?.allotment ?? 0, report.sustained ?? Number.POSITIVE_INFINITY),
    in_flight: report.in_flight,
    waiting: report.waiting,
    until_ms: nowMs + LEASE_MS,
  }
  const allotment = circuit.state === 'closed' ? allot({ ...live, [holder]: asking }, holder, limit.limit, nowMs) : 0
  const { [holder]: _, ...others } = live
  const holders = report.leaving ? others : { ...others, [holder]: { ...asking, allotment } }
  return {
    state: { v: 1, at_ms: nowMs, limit, breaker, pause_until_ms, holders },
    lease: {
      limit: limit.limit,
      allotment: report.leaving ? 0 : allotment,
      lease_ms: LEASE_MS,
      pause_ms: Math.max(0, pause_until_ms - nowMs),
      growing: isGrowing(limit),
      circuit,
    },
  }
}

function newState(nowMs: number, firstLimit?: number): EndpointState {
  return { v: 1, at_ms: nowMs, limit: unknownLimit(firstLimit), breaker: closedBreaker(nowMs), pause_until_ms: 0, holders: {} }
}

function judgeCircuit({ breaker }: EndpointState, holder: string, report: Report, live: Holders, nowMs: number): BreakerState {
  const { answered, throttled, failed, probe } = report
  const hasWork = report.waiting + report.in_flight > 0 && !report.leaving
  return observe(breaker, { holder, answered, throttled, failed, probe, hasWork, isLive: (id) => live[id] !== undefined }, nowMs)
}

interface Seen {
  report: Report
  mine: Holder | undefined
  others: Readonly<Record<string, Holder | undefined>>
}

function judgeLimit(before: EndpointState, breaker: BreakerState, { report, mine, others }: Seen, nowMs: number): LimitState {
  if (breaker.state !== 'closed') return before.limit
  if (before.breaker.state !== 'closed') return restart(before.limit)
  const elsewhere = Object.values(others).reduce((total, other) => total + (other ? other.in_flight + other.waiting : 0), 0)
  return adapt(
    before.limit,
    {
      answered: report.answered,
      slots: mine?.allotment ?? 0,
      latency_count: report.latency_count,
      latency_sum_ms: report.latency_sum_ms,
      throttled: report.throttled,
      given_back: givenBack(report, mine),
      retry_after_ms: report.retry_after_ms,
      wanted: elsewhere + report.in_flight + report.waiting,
    },
    nowMs,
  )
}

/** A report that was written although its sender never heard so is sent again: its slots are given back once, because the share has shrunk by then. */
function givenBack({ sustained }: Report, mine: Holder | undefined): number {
  if (sustained === null) return 0
  return mine ? Math.max(0, mine.allotment - sustained) : 1
}
