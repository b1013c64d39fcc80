import { type EndpointState, exchanged } from './endpoint.ts'
import type { EndpointLimits } from './port.ts'

/** Endpoints are keys of the configuration: far more than any has. */
const ENDPOINTS_MAX = 1_000

/** For one process that has nobody to share with: the same algorithm over a variable. */
export function createLocalLimits(firstLimit?: number): EndpointLimits {
  const states = new Map<string, EndpointState>()
  return {
    name: 'local',
    exchange: async (endpoint, holder, report) => {
      const { state, lease } = exchanged(states.get(endpoint) ?? null, holder, report, performance.now(), firstLimit)
      if (states.size >= ENDPOINTS_MAX) states.clear()
      states.set(endpoint, state)
      return lease
    },
  }
}
