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

/** The same for whoever explains decisions: of a provider where it would call and with which model, and nothing that could be called. */
export function loadExplainableRules(config: Config): Rules {
  return explainable(loadRules(config))
}

export function explainable({ policy, register, declarations, order }: DecidedRules): Rules {
  const targets = mapTasks((task) =>
    order[task].flatMap(({ processor, endpoints, region, models }) =>
      endpoints.map((endpoint) => ({ processor, endpoint, region, model: models[task] ?? '' })),
    ),
  )
  return { policy, register, declarations, targets }
}
