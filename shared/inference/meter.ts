import type { CallFacts, Provider } from './provider.ts'
import { sumFacts } from './repair.ts'

export interface MeteredCall {
  provider: Provider
  /** Of all requests that were answered so far; null while none was, and where the provider does not tell. */
  answered(): CallFacts | null
}

/** A provider for one call, and what the call has used, which is known also when it ends in a failure. */
export function meterCall(provider: Provider): MeteredCall {
  let answered: CallFacts | null = null
  const add = (facts: CallFacts) => {
    answered = answered ? sumFacts(answered, facts) : facts
  }
  return { provider: provider.metered?.(add) ?? provider, answered: () => answered }
}
