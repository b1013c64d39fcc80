import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { AppError } from '../contracts/errors.ts'
import { type GatewayOptions, mapTasks, type Order } from '../inference/gateway.ts'
import { createOutbound, type Outbound } from '../inference/outbound.ts'
import { TASKS } from '../inference/provider.ts'
import type { WireWiring } from '../inference/wire.ts'
import { createPresidioRecogniser } from '../masking/presidio.ts'
import type { ServedRecogniser } from '../masking/recogniser.ts'
import type { Rules } from '../policy/explain.ts'
import { allowedOrigins } from '../policy/origins.ts'
import type { CallTarget } from '../policy/recipient.ts'
import { holdersOf, type ProcessorRegister } from '../policy/register.ts'
import { lastTurn, turningDays } from '../policy/turning-days.ts'
import { type Config, ConfigError } from './config.ts'
import { loadPolicy, loadPrices, loadRegister } from './policy-files.ts'
import { createOrder, operatorDeclarations } from './providers.ts'

/** Of each request for a piece of text. */
const RECOGNISER_TIMEOUT_MS = 30_000

/** What the configuration alone decides; the platform adds what needs a connection. */
export interface DecidedRules extends Omit<GatewayOptions, 'database' | 'budget'> {
  /** The providers' way out, to be closed with them. */
  outbound: Outbound
  /** The files as they were read at the start, which their hashes in the events are of. */
  registerBytes: Buffer
  policyBytes: Buffer
}

/**
 * Everything that decides who may be called, as the configuration names it: register, policy, prices, declaration and providers. Throws PolicyFileError,
 * ConfigError. `around` goes around each request of a provider, `onRateLimits` hears what they say of their limits.
 */
export function loadRules(config: Config, hooks: Omit<WireWiring, 'fetch'> = {}): DecidedRules {
  const rules = read(config)
  const order = createOrder(config, rules.register, { ...hooks, fetch: (...request) => outbound.fetch(...request) })
  const outbound = createOutbound({
    allowedOrigins: [
      ...allowedOrigins(rules.register, rules.declarations, targetsOf(order)),
      ...(config.RECOGNISER_URL ? [new URL(config.RECOGNISER_URL).origin] : []),
    ],
    proxy: { https: config.HTTPS_PROXY, http: config.HTTP_PROXY, no: config.NO_PROXY },
  })
  return { ...rules, order, outbound, recogniser: createRecogniser(config, rules.register, outbound) }
}

/**
 * SHA-256 (hex) of everything that decides who may be called on a day (ISO 8601): policy, register, declarations, where each task could go, whether names
 * can be masked, and the last day on which a dated fact turned. A refusal under one value says nothing about another.
 */
export function hashRules(rules: DecidedRules): (day: string) => string {
  const { policyHash, registerHash, declarations, recogniser } = rules
  const explained = explainable(rules)
  const decisive = { policyHash, registerHash, declarations, targets: explained.targets, masks_names: recogniser !== undefined }
  const turns = turningDays(explained)
  return (day) =>
    createHash('sha256')
      .update(canonicalize({ ...decisive, turned_on: lastTurn(turns, day) }) ?? '')
      .digest('hex')
}

/** The same for whoever explains decisions: of a provider where it would call and with which model, and nothing that could be called. */
export function loadExplainableRules(config: Config): Rules {
  const { policy, register, declarations } = read(config)
  const order = createOrder(config, register, { fetch: refuse })
  return explainable({ policy, register, declarations, order })
}

export function explainable({
  policy,
  register,
  declarations,
  order,
}: Pick<DecidedRules, (keyof Rules & keyof DecidedRules) | 'order'>): Rules {
  const targets = mapTasks((task) =>
    order[task].flatMap((provider) => targetsAt(provider).map((target) => ({ ...target, model: provider.models[task] ?? '' }))),
  )
  return { policy, register, declarations, targets }
}

/** It is shown texts before they are masked: it runs on the organisation's own servers, or not at all. */
function createRecogniser(config: Config, register: ProcessorRegister, outbound: Outbound): ServedRecogniser | undefined {
  const { RECOGNISER_URL: baseUrl, RECOGNISER_LANGUAGES: languages, SELF_HOSTED_ENTITY } = config
  if (!baseUrl) return undefined
  if (!SELF_HOSTED_ENTITY)
    throw new ConfigError(
      'configuration: RECOGNISER_URL: it sees texts before they are masked, so SELF_HOSTED_ENTITY has to say that you run it',
    )
  const [holder] = holdersOf(register, baseUrl)
  if (holder)
    throw new ConfigError(`configuration: RECOGNISER_URL: the register says that this is a server of ${holder}, so it is not yours`)
  const [first = 'en', ...others] = languages
  const options = { baseUrl, fetch: outbound.fetch, timeoutMs: RECOGNISER_TIMEOUT_MS }
  return {
    ...createPresidioRecogniser({ ...options, languages: [first, ...others] }),
    server: { endpoint: new URL(baseUrl).origin, entity: SELF_HOSTED_ENTITY },
  }
}

function read(config: Config) {
  return {
    ...loadRegister(config.PROCESSORS_FILE),
    ...loadPolicy(config.POLICY_FILE),
    prices: loadPrices(config.PRICES_FILE),
    declarations: operatorDeclarations(config),
  }
}

function targetsOf(order: Order): CallTarget[] {
  return TASKS.flatMap((task) => order[task].flatMap(targetsAt))
}

function targetsAt({ processor, endpoints, region }: Order['answer'][number]): CallTarget[] {
  return endpoints.map((endpoint) => ({ processor, endpoint, region }))
}

async function refuse(): Promise<never> {
  throw new AppError('POLICY_REFUSED', 'whoever explains decisions calls nobody')
}
