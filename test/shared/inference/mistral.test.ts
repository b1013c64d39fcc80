import { expect, test } from 'vitest'
import { createMistralProvider } from '../../../shared/inference/mistral.ts'

test.each([
  ['eu', 'https://api.eu.mistral.ai'],
  ['global', 'https://api.mistral.ai'],
  ['us', 'https://api.us.mistral.ai'],
] as const)('the region %s is served by %s, and the bytes go there', async (region, origin) => {
  const called: string[] = []
  const offline: typeof fetch = async (input) => {
    called.push(String(input))
    return new Response('{}', { status: 400 })
  }
  const provider = createMistralProvider({ apiKey: 'k', region, fetch: offline })
  expect(provider).toMatchObject({
    processor: 'mistral',
    endpoint: origin,
    region,
    models: { chat: 'mistral-small-latest', embed: 'mistral-embed' },
  })
  await expect(provider.embed(['a'], new AbortController().signal)).rejects.toThrow('MODEL_REFUSED')
  expect(called).toEqual([`${origin}/v1/embeddings`])
})
