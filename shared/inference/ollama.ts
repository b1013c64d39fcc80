import { AppError } from '../contracts/errors.ts'
import { createModelProvider } from './model-provider.ts'
import { createWire } from './openai-wire.ts'
import { type Provider, TASKS } from './provider.ts'
import { configuredModels } from './served-models.ts'
import type { WireWiring } from './wire.ts'

export interface OllamaOptions extends WireWiring {
  /** With its version path, as in `http://127.0.0.1:11434/v1`. */
  baseUrl: string
  models: Provider['models']
  /** As the operator declares it. */
  region: string
  timeoutMs?: number
}

/** A model on the operator's own processor takes its time, and is loaded first. */
const TIMEOUT_MS = 120_000

/**
 * Ollama by its OpenAI-shaped route, which takes a schema since 0.5. It pulls no model: who misses one is told what to run. Throws AppError INVALID_REQUEST
 * for an address that can't be sent, and for a model that Ollama hands on to its maker's cloud.
 */
export function createOllamaProvider(options: OllamaOptions): Provider {
  const { baseUrl, models, region, timeoutMs = TIMEOUT_MS, ...wiring } = options
  for (const model of configuredModels(models, TASKS)) assertLocal(model)
  const dialect = { cacheKey: false, streamOptions: true, unknownModel: notPulled }
  const wire = createWire({ ...wiring, baseUrls: [baseUrl], apiKey: null, timeoutMs, dialect })
  return {
    ...createModelProvider({ processor: 'ollama', region, models }, wire),
    missing: async (signal, tasks = TASKS) => {
      const served = (await wire.models(signal)).flatMap((replica) => replica.models.map(tagged))
      const missing = configuredModels(models, tasks).filter((model) => !served.includes(tagged(model)))
      return missing.map(notPulled)
    },
  }
}

/**
 * A name such as `gpt-oss:120b-cloud` runs on ollama.com although the address is the operator's own (https://docs.ollama.com/cloud): the declaration of a
 * server that the operator runs would then be untrue, and nothing here could show it.
 */
function assertLocal(model: string): void {
  if (/[:-]cloud$/i.test(model)) throw new AppError('INVALID_REQUEST', `${model} does not run on this Ollama but on ollama.com`)
}

/** Its list names every model with its tag. */
function tagged(model: string): string {
  return model.includes(':') ? model : `${model}:latest`
}

function notPulled(model: string): string {
  return `ollama has no ${model}: run \`ollama pull ${model}\``
}
