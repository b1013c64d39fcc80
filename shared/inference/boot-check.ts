import type { Order } from './gateway.ts'
import { type Provider, TASKS, type Task } from './provider.ts'

/**
 * What a start should say of the configured models: a sentence for each that its server says it does not have, and one for each server that does not
 * tell. Providers that no policy and no register let be called are not asked. Shows nobody any data. Never rejects.
 */
export async function checkModels(order: Order, signal: AbortSignal): Promise<string[]> {
  const asked = new Map<Provider, Task[]>()
  for (const task of TASKS) {
    // Nothing here reads pictures yet; a model for it that nobody uses is nobody's concern.
    if (task === 'ocr') continue
    for (const provider of order[task]) if (provider.languageModel) asked.set(provider, [...(asked.get(provider) ?? []), task])
  }
  const sentences = await Promise.all(
    [...asked].map(async ([provider, tasks]) => {
      try {
        return await provider.missing(signal, tasks)
      } catch {
        return [`${provider.processor} (${provider.endpoints.join(', ')}) did not say which models it serves`]
      }
    }),
  )
  return sentences.flat()
}
