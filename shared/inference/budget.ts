import { AppError } from '../contracts/errors.ts'
import type { Budgets } from '../limits/port.ts'

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

export interface BudgetBounds {
  /** Of each tenant; null: no bound. */
  tokensPerDayMax: number | null
  microEurPerDayMax: number | null
}

/** Over the store that all processes share; days are UTC. `now` is for tests. */
export function createBudget(budgets: Budgets, bounds: BudgetBounds, now: () => Date = () => new Date()): Budget {
  if (bounds.tokensPerDayMax === null && bounds.microEurPerDayMax === null) return UNLIMITED
  return {
    reserve: async (tenantId, tokens, microEur) => {
      // What runs in this process is no model and costs nothing.
      if (tokens === 0 && microEur === 0) return NOTHING
      const asked = await budgets.reserve({
        tenant_id: tenantId,
        day: now().toISOString().slice(0, 10),
        tokens,
        micro_eur: microEur,
        tokens_max: bounds.tokensPerDayMax,
        micro_eur_max: bounds.microEurPerDayMax,
      })
      if (asked.outcome === 'exhausted')
        throw new AppError('BUDGET_EXHAUSTED', 'the rest of the day does not hold this call', {
          retryAfterSeconds: secondsUntilTomorrow(now()),
        })
      const { reservation } = asked
      return {
        settle: (usedTokens, usedMicroEur) => budgets.settle(reservation, { tokens: usedTokens, micro_eur: usedMicroEur }),
        release: () => budgets.settle(reservation, { tokens: 0, micro_eur: 0 }),
      }
    },
  }
}

const DAY_SECONDS = 86_400

function secondsUntilTomorrow(now: Date): number {
  return DAY_SECONDS - Math.floor((now.getTime() / 1_000) % DAY_SECONDS)
}
