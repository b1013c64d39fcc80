import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type GatewayOptions, mapTasks } from '../inference/gateway.ts'
import type { Rules } from '../policy/explain.ts'
import type { Config } from './config.ts'
import { loadPolicy, loadPrices, loadRegister } from './policy-files.ts'
import { createOrder, operatorDeclarations } from './providers.ts'

/** What the configuration alone decides; the platform adds what needs a connection. */
type DecidedRules = Omit<GatewayOptions, 'database' | 'masking' | 'budget'>

/** Everything that decides who may be called, as the configuration names it: register, policy, prices, declaration and providers. Throws PolicyFileError, ConfigError. */
export function loadRules(config: Config): DecidedRules {
  const registered = loadRegister(config.PROCESSORS_FILE)
  return {
    ...registered,
    ...loadPolicy(config.POLICY_FILE),
    prices: loadPrices(config.PRICES_FILE),
    declarations: operatorDeclarations(config),
    order: createOrder(config, registered.register),
  }
}

/**
 * SHA-256 (hex) of everything that decides who may be called: policy, register, declarations, and where each task could go. A refusal under one value says
 * nothing about another.
 */
export function hashRules({ policyHash, registerHash, declarations, order }: DecidedRules): string {
  const decisive = { policyHash, registerHash, declarations, targets: targetsOf(order) }
  return createHash('sha256')
    .update(canonicalize(decisive) ?? '')
    .digest('hex')
}

/** The same for whoever explains decisions: of a provider where it would call, and nothing that could be called. */
export function loadExplainableRules(config: Config): Rules {
  const { policy, register, declarations, order } = loadRules(config)
  return { policy, register, declarations, targets: targetsOf(order) }
}

function targetsOf(order: DecidedRules['order']): Rules['targets'] {
  return mapTasks((task) =>
    order[task].flatMap(({ processor, endpoints, region }) => endpoints.map((endpoint) => ({ processor, endpoint, region }))),
  )
}
