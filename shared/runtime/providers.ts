import { createBuiltinProvider } from '../inference/builtin/provider.ts'
import { mapTasks, type Order } from '../inference/gateway.ts'
import { createMistralProvider } from '../inference/mistral.ts'
import { createOllamaProvider } from '../inference/ollama.ts'
import { createOpenAiCompatibleProvider } from '../inference/openai-compatible.ts'
import type { Provider, Task } from '../inference/provider.ts'
import { createVllmProvider } from '../inference/vllm.ts'
import type { WireWiring } from '../inference/wire.ts'
import type { Declaration } from '../policy/recipient.ts'
import { endpointAt, type ProcessorRegister } from '../policy/register.ts'
import { type Config, ConfigError, type ProviderChoice, type ProviderName } from './config.ts'

/**
 * For each task its providers in the order in which the gateway asks the policy about them: PROVIDERS_<TASK>, else PROVIDERS, else whatever has a
 * key or an address, and `builtin` last. A provider without a model for a task is not asked for it. `wiring` is their only way to the network.
 * Throws ConfigError, and AppError INVALID_REQUEST for a key or address that can't be sent.
 */
export function createOrder(config: Config, register: ProcessorRegister, wiring: WireWiring): Order {
  const general = (config.PROVIDERS ?? configured(config)).map((name): ProviderChoice => ({ name, model: null }))
  const chosen = mapTasks((task) => choicesFor(config, task) ?? general)
  const made = new Map<ProviderName, Provider>()
  for (const name of new Set(Object.values(chosen).flatMap((choices) => choices.map((choice) => choice.name)))) {
    const models = Object.fromEntries(
      Object.entries(chosen).flatMap(([task, choices]) => {
        const model = choices.find((choice) => choice.name === name)?.model
        return model ? [[task, model]] : []
      }),
    )
    made.set(name, CREATE[name]({ config, register, models, wiring }))
  }
  assertDistinct([...made.values()])
  return mapTasks((task) => {
    const providers = chosen[task].flatMap(({ name }) => made.get(name) ?? [])
    return providers.filter(({ models }) => models[task] !== null)
  })
}

/** Models of single tasks, where PROVIDERS_<TASK> names them. */
type ModelChoice = Partial<Record<Task, string>>

interface Given {
  config: Config
  register: ProcessorRegister
  models: ModelChoice
  wiring: WireWiring
}

const CREATE: Readonly<Record<ProviderName, (given: Given) => Provider>> = {
  builtin: () => createBuiltinProvider(),
  mistral: ({ config, models, wiring }) =>
    createMistralProvider({
      promptCache: config.MISTRAL_PROMPT_CACHE === 'on',
      ...wiring,
      apiKey: required(config.MISTRAL_API_KEY, 'MISTRAL_API_KEY'),
      region: config.MISTRAL_REGION,
      models: modelsOf(config.MISTRAL_MODEL, config.MISTRAL_EMBED_MODEL, config.MISTRAL_OCR_MODEL, models),
      ...(config.MISTRAL_BASE_URL === undefined ? {} : { baseUrl: config.MISTRAL_BASE_URL }),
    }),
  vllm: ({ config, models, wiring }) =>
    createVllmProvider({
      ...wiring,
      baseUrls: required(config.VLLM_BASE_URLS, 'VLLM_BASE_URLS'),
      ...(config.VLLM_EMBED_BASE_URLS && { embedBaseUrls: config.VLLM_EMBED_BASE_URLS }),
      apiKey: config.VLLM_API_KEY ?? null,
      models: modelsOf(required(config.VLLM_MODEL, 'VLLM_MODEL'), config.VLLM_EMBED_MODEL ?? null, null, models),
      region: config.SELF_HOSTED_REGION,
    }),
  ollama: ({ config, models, wiring }) =>
    createOllamaProvider({
      ...wiring,
      baseUrl: required(config.OLLAMA_BASE_URL, 'OLLAMA_BASE_URL'),
      models: modelsOf(required(config.OLLAMA_MODEL, 'OLLAMA_MODEL'), config.OLLAMA_EMBED_MODEL ?? null, null, models),
      region: config.SELF_HOSTED_REGION,
    }),
  'aleph-alpha': ({ config, register, models, wiring }) => {
    const baseUrl = required(config.ALEPH_ALPHA_BASE_URL, 'ALEPH_ALPHA_BASE_URL')
    return createOpenAiCompatibleProvider({
      ...wiring,
      processor: 'aleph-alpha',
      baseUrl,
      apiKey: required(config.ALEPH_ALPHA_API_KEY, 'ALEPH_ALPHA_API_KEY'),
      models: modelsOf(required(config.ALEPH_ALPHA_MODEL, 'ALEPH_ALPHA_MODEL'), config.ALEPH_ALPHA_EMBED_MODEL ?? null, null, models),
      region: endpointAt(register, baseUrl)?.endpoint.region ?? 'unknown',
    })
  },
  'openai-compatible': createFromOpenAiVariables,
}

/**
 * Whoever stands behind OPENAI_BASE_URL: where the register holds that address, it is that processor, under its own facts. So an application that was
 * moved to Mistral by its OPENAI_ variables alone is one that uses Mistral, and one that still names OpenAI is judged as OpenAI.
 */
function createFromOpenAiVariables({ config, register, models, wiring }: Given): Provider {
  const baseUrl = required(config.OPENAI_BASE_URL, 'OPENAI_BASE_URL')
  const known = endpointAt(register, baseUrl)
  if (known?.processor.key === 'mistral') {
    return createMistralProvider({
      promptCache: config.MISTRAL_PROMPT_CACHE === 'on',
      ...wiring,
      apiKey: required(config.OPENAI_API_KEY, 'OPENAI_API_KEY'),
      region: known.endpoint.region,
      models: modelsOf(
        config.OPENAI_MODEL ?? config.MISTRAL_MODEL,
        config.OPENAI_EMBED_MODEL ?? config.MISTRAL_EMBED_MODEL,
        config.MISTRAL_OCR_MODEL,
        models,
      ),
      baseUrl,
    })
  }
  return createOpenAiCompatibleProvider({
    ...wiring,
    processor: known?.processor.key ?? 'openai-compatible',
    baseUrl,
    apiKey: config.OPENAI_API_KEY ?? null,
    models: modelsOf(required(config.OPENAI_MODEL, 'OPENAI_MODEL'), config.OPENAI_EMBED_MODEL ?? null, null, models),
    region: known?.endpoint.region ?? config.OPENAI_REGION,
  })
}

function modelsOf(chat: string, embed: string | null, ocr: string | null, chosen: ModelChoice): Provider['models'] {
  return { classify: chat, extract: chat, answer: chat, embed, ocr, ...chosen }
}

/** Two providers of one processor could not be told apart in a policy or a record. */
function assertDistinct(providers: readonly Provider[]): void {
  const twice = providers.find((provider, at) => providers.findIndex((other) => other.processor === provider.processor) !== at)
  if (twice)
    throw new ConfigError(`configuration: two of the configured providers are ${twice.processor}; OPENAI_BASE_URL names its address`)
}

/** What the operator says of servers whose entries ask for it, by the entry's key. */
export function operatorDeclarations(config: Config): Readonly<Record<string, Declaration>> {
  const ours = selfHosted(config)
  const compatible = openAiDeclaration(config)
  return { ...(ours && { vllm: ours, ollama: ours }), ...(compatible && { 'openai-compatible': compatible }) }
}

/** vLLM and Ollama are run by the organisation itself, or come in as `openai-compatible`. All three or none: half a declaration is no evidence. */
function selfHosted(config: Config): Declaration | undefined {
  const { SELF_HOSTED_ENTITY, SELF_HOSTED_COUNTRY, SELF_HOSTED_DECLARED_ON } = config
  if (!SELF_HOSTED_ENTITY && !SELF_HOSTED_COUNTRY && !SELF_HOSTED_DECLARED_ON) return undefined
  if (!SELF_HOSTED_ENTITY || !SELF_HOSTED_COUNTRY || !SELF_HOSTED_DECLARED_ON) {
    throw new ConfigError('configuration: SELF_HOSTED_ENTITY, SELF_HOSTED_COUNTRY and SELF_HOSTED_DECLARED_ON go together')
  }
  return { deployment: 'self_hosted', entity: SELF_HOSTED_ENTITY, country: SELF_HOSTED_COUNTRY, declared_on: SELF_HOSTED_DECLARED_ON }
}

/** All four or none. */
function openAiDeclaration(config: Config): Declaration | undefined {
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
    ...(config.VLLM_BASE_URLS ? (['vllm'] as const) : []),
    ...(config.OLLAMA_BASE_URL ? (['ollama'] as const) : []),
    ...(config.ALEPH_ALPHA_BASE_URL ? (['aleph-alpha'] as const) : []),
    ...(config.OPENAI_BASE_URL ? (['openai-compatible'] as const) : []),
    'builtin',
  ]
}

function choicesFor(config: Config, task: Task): ProviderChoice[] | undefined {
  return {
    classify: config.PROVIDERS_CLASSIFY,
    extract: config.PROVIDERS_EXTRACT,
    answer: config.PROVIDERS_ANSWER,
    embed: config.PROVIDERS_EMBED,
    ocr: config.PROVIDERS_OCR,
  }[task]
}

function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined)
    throw new ConfigError(`configuration: ${name}: needed by a provider that PROVIDERS names or whose address is set`)
  return value
}
