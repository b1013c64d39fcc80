import type { GatewayOptions } from '../inference/gateway.ts'
import type { Rules } from '../policy/explain.ts'
import type { Config } from './config.ts'
import { loadPolicy, loadPrices, loadRegister } from './policy-files.ts'
import { createProviders, operatorDeclaration } from './providers.ts'

/** Everything that decides who may be called, as the configuration names it: register, policy, prices, declaration and providers. Throws PolicyFileError, ConfigError. */
export function loadRules(config: Config): Omit<GatewayOptions, 'database'> {
  return {
    ...loadRegister(config.PROCESSORS_FILE),
    ...loadPolicy(config.POLICY_FILE),
    prices: loadPrices(config.PRICES_FILE),
    declaration: operatorDeclaration(config),
    providers: createProviders(config),
  }
}

/** The same for whoever explains decisions: of a provider where it would call, and nothing that could be called. */
export function loadExplainableRules(config: Config): Rules {
  const { policy, register, declaration, providers } = loadRules(config)
  return { policy, register, declaration, targets: providers.map(({ processor, endpoint, region }) => ({ processor, endpoint, region })) }
}
