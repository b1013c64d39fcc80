import { createBuiltinProvider } from '../inference/builtin/provider.ts'
import { createMistralProvider } from '../inference/mistral.ts'
import { createOpenAiCompatibleProvider } from '../inference/openai-compatible.ts'
import type { Provider } from '../inference/provider.ts'
import type { Declaration } from '../policy/recipient.ts'
import { type Config, ConfigError } from './config.ts'

type ProviderName = NonNullable<Config['PROVIDERS']>[number]

/** Providers in the order in which the gateway asks the policy about them: PROVIDERS, else whatever has a key or an address, and `builtin` last. */
export function createProviders(config: Config): Provider[] {
  return (config.PROVIDERS ?? configured(config)).map((name) => CREATE[name](config))
}

const CREATE: Readonly<Record<ProviderName, (config: Config) => Provider>> = {
  builtin: () => createBuiltinProvider(),
  mistral: (config) =>
    createMistralProvider({
      apiKey: required(config.MISTRAL_API_KEY, 'MISTRAL_API_KEY'),
      region: config.MISTRAL_REGION,
      chatModel: config.MISTRAL_MODEL,
      embedModel: config.MISTRAL_EMBED_MODEL,
      ...(config.MISTRAL_BASE_URL === undefined ? {} : { baseUrl: config.MISTRAL_BASE_URL }),
    }),
  'openai-compatible': (config) =>
    createOpenAiCompatibleProvider({
      baseUrl: required(config.OPENAI_BASE_URL, 'OPENAI_BASE_URL'),
      apiKey: config.OPENAI_API_KEY ?? null,
      chatModel: required(config.OPENAI_MODEL, 'OPENAI_MODEL'),
      embedModel: required(config.OPENAI_EMBED_MODEL, 'OPENAI_EMBED_MODEL'),
      region: config.OPENAI_REGION,
    }),
}

/** What the operator says of the server behind OPENAI_BASE_URL. All four or none: half a declaration is no evidence. */
export function operatorDeclaration(config: Config): Declaration | undefined {
  const { OPENAI_DEPLOYMENT, OPENAI_ENTITY, OPENAI_COUNTRY, OPENAI_DECLARED_ON } = config
  if (!OPENAI_DEPLOYMENT && !OPENAI_ENTITY && !OPENAI_COUNTRY && !OPENAI_DECLARED_ON) return undefined
  if (!OPENAI_DEPLOYMENT || !OPENAI_ENTITY || !OPENAI_COUNTRY || !OPENAI_DECLARED_ON) {
    throw new ConfigError('configuration: OPENAI_DEPLOYMENT, OPENAI_ENTITY, OPENAI_COUNTRY and OPENAI_DECLARED_ON go together')
  }
  return { deployment: OPENAI_DEPLOYMENT, entity: OPENAI_ENTITY, country: OPENAI_COUNTRY, declared_on: OPENAI_DECLARED_ON }
}

function configured(config: Config): ProviderName[] {
  return [
    ...(config.MISTRAL_API_KEY ? (['mistral'] as const) : []),
    ...(config.OPENAI_BASE_URL ? (['openai-compatible'] as const) : []),
    'builtin',
  ]
}

function required(value: string | undefined, name: string): string {
  if (value === undefined)
    throw new ConfigError(`configuration: ${name}: needed by a provider that PROVIDERS names or whose address is set`)
  return value
}
