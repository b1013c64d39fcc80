import { createHash } from 'node:crypto'
import { hmac } from '../blobs/keys.ts'
import type { Provider } from './provider.ts'

/** What a document's key is used for here. */
const LABEL = 'prompt'

export interface HeardCall {
  provider: Provider
  /** HMAC-SHA-256 (hex) of everything that the provider was handed so far; null: nothing, or there is no key for it. */
  mac(): string | null
}

/**
 * A provider for one call, and a proof of what it was handed, after masking: who has the same texts and every key can tell that it was these. A bare hash of
 * a short question could be guessed; and of several keys, one for each document in the prompt, the destruction of any makes the proof say nothing. Rules in
 * this process are handed no prompt.
 */
export function hearPrompt(provider: Provider, keys: readonly Buffer[]): HeardCall {
  if (!provider.languageModel || keys.length === 0) return { provider, mac: () => null }
  let heard: Buffer | null = null
  const hear = (task: string, ...handed: unknown[]) => {
    const digest = createHash('sha256')
      .update(JSON.stringify([task, ...handed], digestBytes))
      .digest()
    heard = createHash('sha256')
      .update(heard ?? '')
      .update(digest)
      .digest()
  }
  const { processor, languageModel, endpoints, region, models } = provider
  return {
    mac: () => heard && keys.reduce((mac, key) => hmac(key, LABEL, mac), heard).toString('hex'),
    // One by one: a method that nobody hears must not compile.
    provider: {
      processor,
      languageModel,
      endpoints,
      region,
      models,
      classify: (pages, signal) => {
        hear('classify', pages)
        return provider.classify(pages, signal)
      },
      extract: (pages, request, signal) => {
        hear('extract', pages, request.schema.hash)
        return provider.extract(pages, request, signal)
      },
      embed: (texts, signal) => {
        hear('embed', texts)
        return provider.embed(texts, signal)
      },
      answer: (question, passages, signal) => {
        hear('answer', question, passages)
        return provider.answer(question, passages, signal)
      },
      chat: (request, signal) => {
        hear('chat', request)
        return provider.chat(request, signal)
      },
      chatStream: (request, signal) => {
        hear('chat', request)
        return provider.chatStream(request, signal)
      },
      // It shows the provider nothing.
      missing: (signal, tasks) => provider.missing(signal, tasks),
    },
  }
}

/** An image stands for itself by its hash. */
function digestBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value
}
