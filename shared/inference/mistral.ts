import { modelFor } from './model-chat.ts'
import { createModelProvider } from './model-provider.ts'
import type { ReadPages } from './ocr.ts'
import { createWire } from './openai-wire.ts'
import type { Provider } from './provider.ts'
import type { Dialect, WireWiring } from './wire.ts'

/** https://docs.mistral.ai/studio-api/regional-inference: only a regional endpoint promises where inference runs. */
const BASE_URLS: Readonly<Record<string, string>> = {
  eu: 'https://api.eu.mistral.ai/v1',
  global: 'https://api.mistral.ai/v1',
  us: 'https://api.us.mistral.ai/v1',
}

/** Its API refuses keys that it does not know, `stream_options` among them: it counts the tokens of a stream unasked. */
const MISTRAL: Omit<Dialect, 'cacheKey'> = { streamOptions: false, unknownModel: () => 'the server has no such model' }

export interface MistralOptions extends WireWiring {
  apiKey: string
  /** `eu`, `global` or `us`; another one only with a `baseUrl`. */
  region: string
  models: Provider['models']
  /** Sends `prompt_cache_key`, by which the server may keep what a prompt begins with for the next one. */
  promptCache?: boolean
  /** Another address, such as a proxy: no policy allows it unless the register names it. */
  baseUrl?: string
  timeoutMs?: number
}

export interface MistralProvider extends Provider {
  /** By the model of the task `ocr`. */
  readPages: ReadPages
}

const TIMEOUT_MS = 60_000

/** Mistral AI's own API (La Plateforme). Throws AppError INVALID_REQUEST for a key or address that can't be sent. */
export function createMistralProvider(options: MistralOptions): MistralProvider {
  const { apiKey, region, models, baseUrl = BASE_URLS[region] ?? '', timeoutMs = TIMEOUT_MS, promptCache = false, ...wiring } = options
  const wire = createWire({ ...wiring, baseUrls: [baseUrl], apiKey, timeoutMs, dialect: { ...MISTRAL, cacheKey: promptCache } })
  const identity = { processor: 'mistral', region, models }
  return {
    ...createModelProvider(identity, wire),
    readPages: async ({ pages, ...document }, signal) => wire.ocr({ model: modelFor(identity, 'ocr'), document, pages, signal }),
  }
}
