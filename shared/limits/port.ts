/**
 * What one process saw of an endpoint since it last told the others. Counts are of calls that ended since then; `in_flight` and `waiting` are of now.
 * An endpoint is a key that the caller makes: what has one limit and one range of latencies, such as an origin and a model.
 */
export interface Report {
  in_flight: number
  /** Calls that wait in this process for a slot. */
  waiting: number
  answered: number
  /** Of whole generations of calls (see cohort.ts): not of everything that ended since. */
  latency_count: number
  latency_sum_ms: number
  /** Refused with 429, or with 503 and Retry-After. */
  throttled: number
  /** Not answered, or with a 5xx: these open the circuit. */
  failed: number
  /** With `throttled` above 0, the calls in flight that this process stays below from now on; else null. */
  sustained: number | null
  /** What is left of the longest Retry-After that came. */
  retry_after_ms: number | null
  /** How the one call of a half-open circuit ended. */
  probe: 'passed' | 'failed' | null
  /** The process has no more work here: its share is free at once. */
  leaving: boolean
}

/**
 * `open`: no call before `retry_ms` have passed; who has work then asks again. `half_open`: this holder, and no other, makes one call, whatever else it
 * has in flight.
 */
export type Circuit = { state: 'closed' } | { state: 'open'; retry_ms: number } | { state: 'half_open' }

/** What a process may do until `lease_ms` after it asked. Durations, not times: the clocks of processes differ. */
export interface Lease {
  /** Calls that all processes together may have in flight. */
  limit: number
  /** Calls that this one may have in flight. What it has above that goes on, and nothing new begins. */
  allotment: number
  lease_ms: number
  /** The endpoint asked all of us to wait so long (Retry-After); 0 when it did not. */
  pause_ms: number
  /** The limit is still rising: a process that has used up its allotment should ask again soon. */
  growing: boolean
  circuit: Circuit
}

/** Every process of an installation asks the same store, so that together they stay within what an endpoint allows. */
export interface EndpointLimits {
  readonly name: 'postgres' | 'redis' | 'local'
  /**
   * Reports and renews: once in about 500 ms, so that no call costs a round trip. `holder` is a process, by a random id. The allotments of living leases
   * are together never above the limit, except for as long as a lease after the limit was halved. Throws AppError UNAVAILABLE when the store
   * does not answer.
   */
  exchange(endpoint: string, holder: string, report: Report): Promise<Lease>
}

/** Of one tenant and one day (ISO 8601, UTC). Millionths of a euro, so that sums are exact. */
export interface Amount {
  tokens: number
  micro_eur: number
}

export interface ReservationRequest extends Amount {
  tenant_id: string
  day: string
  /** null: no bound. */
  tokens_max: number | null
  micro_eur_max: number | null
}

export interface Reservation {
  id: string
  tenant_id: string
  day: string
}

export type ReservationOutcome = { outcome: 'granted'; reservation: Reservation } | { outcome: 'exhausted' }

export interface Spent extends Amount {
  /** Held by calls that have not ended. */
  reserved: Amount
}

/** A process that died does not settle: what it reserved counts no longer than this. Longer than any stage runs (JOBS in shared/contracts/jobs.ts). */
export const RESERVATION_MS = 10 * 60_000
/** Days, after which nothing of a day is kept here; the record keeps what calls cost. */
export const BUDGET_KEPT_DAYS = 2

export interface Budgets {
  /** Atomic over all processes: what is spent and reserved is together never above a bound that this call names. Throws AppError UNAVAILABLE. */
  reserve(request: ReservationRequest): Promise<ReservationOutcome>
  /** Replaces a reservation by what was used, once: a second time changes nothing. What was used counts although it be more, or the reservation be over. */
  settle(reservation: Reservation, used: Amount): Promise<void>
  spent(tenantId: string, day: string): Promise<Spent>
}

export interface Limits extends EndpointLimits, Budgets {}
