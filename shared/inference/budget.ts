/** What is held of a tenant's day until a call has ended. One of the two is called, once. */
export interface Reservation {
  /** Replaces what was reserved by what was used. */
  settle(tokens: number, microEur: number): Promise<void>
  /** Nothing was used. */
  release(): Promise<void>
}

/** A tenant's day: so many tokens, and so many millionths of a euro. */
export interface Budget {
  /** Throws BUDGET_EXHAUSTED, to be repeated on the next day (UTC), when the rest of the day does not hold it. */
  reserve(tenantId: string, tokens: number, microEur: number): Promise<Reservation>
}

const NOTHING: Reservation = { settle: async () => undefined, release: async () => undefined }

/** Where no budget is configured. */
export const UNLIMITED: Budget = { reserve: async () => NOTHING }
