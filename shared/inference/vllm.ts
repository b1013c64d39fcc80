import { createModelProvider } from './model-provider.ts'
import { createWire } from './openai-wire.ts'
import { type Provider, TASKS } from './provider.ts'
import { configuredModels, missingModels } from './served-models.ts'
import type { Wire, WireWiring } from './wire.ts'

export interface VllmOptions extends WireWiring {
  /** Replicas with the same model, each with its version path, as in `http://10.0.0.5:8000/v1`. */
  baseUrls: readonly string[]
  /** A vLLM process serves one model: where embeddings have servers of their own. */
  embedBaseUrls?: readonly string[]
  apiKey: string | null
  models: Provider['models']
  /** As the operator declares it. */
  region: string
  timeoutMs?: number
}

/** A model on the operator's own hardware takes its time. */
const TIMEOUT_MS = 120_000

/**
 * vLLM, one or several. The answer's grammar is asked for by `response_format` alone, which versions old and new obey: since 0.12 `guided_json` is ignored
 * without a word (https://docs.vllm.ai/en/latest/features/structured_outputs/). Throws AppError INVALID_REQUEST for a key or address that can't be sent.
 */
export function createVllmProvider(options: VllmOptions): Provider {
  const { baseUrls, embedBaseUrls, apiKey, models, region, timeoutMs = TIMEOUT_MS, ...wiring } = options
  const wireTo = (urls: readonly string[]) => createWire({ ...wiring, baseUrls: urls, apiKey, timeoutMs })
  const generating = wireTo(baseUrls)
  const embedding = embedBaseUrls ? wireTo(embedBaseUrls) : generating
  const identity = { processor: 'vllm', region, models }
  return {
    ...createModelProvider(identity, joined(generating, embedding)),
    missing: async (signal, tasks = TASKS) => {
      const [generators, embedders] = await Promise.all([generating.models(signal), embedding.models(signal)])
      const generated = tasks.filter((task) => task !== 'embed')
      const embedded = tasks.filter((task) => task === 'embed')
      return [
        ...missingModels('vllm', configuredModels(models, generated), generators),
        ...missingModels('vllm', configuredModels(models, embedded), embedders),
      ]
    },
  }
}

/** One wire whose embeddings go elsewhere. */
function joined(generating: Wire, embedding: Wire): Wire {
  const [first, ...others] = generating.endpoints
  const endpoints = new Set([...others, ...embedding.endpoints])
  endpoints.delete(first)
  return {
    ...generating,
    endpoints: [first, ...endpoints],
    embeddings: embedding.embeddings,
    metered: (onAnswered) => joined(generating.metered(onAnswered), embedding.metered(onAnswered)),
  }
}
