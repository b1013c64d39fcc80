import { createModelProvider } from './model-provider.ts'
import { createWire } from './openai-wire.ts'
import type { Provider } from './provider.ts'
import type { WireWiring } from './wire.ts'

export interface OpenAiCompatibleOptions extends WireWiring {
  /** The key in infra/processors.yaml: `openai-compatible` unless the register knows the address. */
  processor: string
  /** With its version path, as in `https://gateway.example/v1`. */
  baseUrl: string
  /** Null for a server without keys. */
  apiKey: string | null
  models: Provider['models']
  /** As the operator declares it: the address alone says nothing about where a server stands. */
  region: string
  timeoutMs?: number
}

/** Longer than Mistral's: nothing is known of the server. */
const TIMEOUT_MS = 120_000

/**
 * OpenAI, Aleph Alpha (whose chat API takes the same requests), a gateway: whatever speaks the wire format and needs nothing of its own. Throws AppError
 * INVALID_REQUEST for a key or address that can't be sent.
 */
export function createOpenAiCompatibleProvider(options: OpenAiCompatibleOptions): Provider {
  const { processor, baseUrl, apiKey, models, region, timeoutMs = TIMEOUT_MS, ...wiring } = options
  return createModelProvider({ processor, region, models }, createWire({ ...wiring, baseUrls: [baseUrl], apiKey, timeoutMs }))
}
