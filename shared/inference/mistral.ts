import { createModelProvider } from './model-provider.ts'
import { createWire } from './openai-wire.ts'
import type { Provider } from './provider.ts'

/** https://docs.mistral.ai/studio-api/regional-inference: only a regional endpoint promises where inference runs. */
const BASE_URLS: Readonly<Record<string, string>> = {
  eu: 'https://api.eu.mistral.ai/v1',
  global: 'https://api.mistral.ai/v1',
  us: 'https://api.us.mistral.ai/v1',
}

export interface MistralOptions {
  apiKey: string
  /** `eu`, `global` or `us`; another one only with a `baseUrl`. */
  region: string
  models: Provider['models']
  /** Another address, such as a proxy: no policy allows it unless the register names it. */
  baseUrl?: string
  timeoutMs?: number
  fetch?: typeof fetch
}

const TIMEOUT_MS = 60_000

/** Mistral AI's own API (La Plateforme). Throws AppError INVALID_REQUEST for a key or address that can't be sent. */
export function createMistralProvider(options: MistralOptions): Provider {
  const { apiKey, region, models } = options
  const wire = createWire({
    baseUrl: options.baseUrl ?? BASE_URLS[region] ?? '',
    apiKey,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    ...(options.fetch && { fetch: options.fetch }),
  })
  return createModelProvider({ processor: 'mistral', region, models }, wire)
}
