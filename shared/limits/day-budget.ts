import { AppError } from '../contracts/errors.ts'
import type { Budgets } from './port.ts'

const DAY_MS = 86_400_000

export interface DayBudget {
  /**
   * Throws BUDGET_EXHAUSTED, with the seconds until the next day (UTC), when the rest of the day does not hold it, and BUDGET_TOO_SMALL when no day
   * would: to wait for the next one would be to wait for ever.
   */
  reserve(tenantId: string, tokens: number, microEur: number): Promise<HeldBudget>
}

/** One of the two is called when the call has ended. */
export interface HeldBudget {
  settle(tokens: number, microEur: number): Promise<void>
  /** Nothing was used. */
  release(): Promise<void>
}

/** Where nothing is bounded. */
export const UNLIMITED: DayBudget = { reserve: async () => ({ settle: async () => undefined, release: async () => undefined }) }

/** The same bounds for each tenant; null: none. A call that is settled after midnight counts for the day on which it began. */
export function createDayBudget(budgets: Budgets, bounds: { tokensMax: number | null; microEurMax: number | null }): DayBudget {
  if (bounds.tokensMax === null && bounds.microEurMax === null) return UNLIMITED
  return {
    reserve: async (tenantId, tokens, microEur) => {
      if (tokens > (bounds.tokensMax ?? tokens) || microEur > (bounds.microEurMax ?? microEur)) {
        throw new AppError('BUDGET_TOO_SMALL', 'not even a whole day holds this call')
      }
      const nowMs = Date.now()
      const answer = await budgets.reserve({
        tenant_id: tenantId,
        day: new Date(nowMs).toISOString().slice(0, 10),
        tokens,
        micro_eur: microEur,
        tokens_max: bounds.tokensMax,
        micro_eur_max: bounds.microEurMax,
      })
      if (answer.outcome === 'exhausted') {
        const retryAfterSeconds = Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 1_000)
        throw new AppError('BUDGET_EXHAUSTED', 'the rest of the day does not hold this call', { retryAfterSeconds })
      }
      return {
        settle: (used, usedMicroEur) => budgets.settle(answer.reservation, { tokens: used, micro_eur: usedMicroEur }),
        release: () => budgets.settle(answer.reservation, { tokens: 0, micro_eur: 0 }),
      }
    },
  }
}
