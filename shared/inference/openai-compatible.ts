import { createModelProvider } from './model-provider.ts'
import { createWire } from './openai-wire.ts'
import type { Provider } from './provider.ts'

export interface OpenAiCompatibleOptions {
  /** The key in infra/processors.yaml: `openai-compatible` unless the register knows the address. */
  processor: string
  /** With its version path, as in `http://127.0.0.1:11434/v1`. */
  baseUrl: string
  /** Null for a server without keys, as Ollama and vLLM are by default. */
  apiKey: string | null
  models: Provider['models']
  /** As the operator declares it: the address alone says nothing about where a server stands. */
  region: string
  timeoutMs?: number
  fetch?: typeof fetch
}

/** Longer than a hosted API's: a model on the operator's own processor takes its time. */
const TIMEOUT_MS = 120_000

/** vLLM, Ollama, a gateway, OpenAI: whatever speaks the wire format. Throws AppError INVALID_REQUEST for a key or address that can't be sent. */
export function createOpenAiCompatibleProvider(options: OpenAiCompatibleOptions): Provider {
  const { processor, baseUrl, apiKey, models, region } = options
  const wire = createWire({ baseUrl, apiKey, timeoutMs: options.timeoutMs ?? TIMEOUT_MS, ...(options.fetch && { fetch: options.fetch }) })
  return createModelProvider({ processor, region, models }, wire)
}
