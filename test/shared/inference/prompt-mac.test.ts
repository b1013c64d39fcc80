import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { maskCall } from '../../../shared/inference/masked-provider.ts'
import { hearPrompt } from '../../../shared/inference/prompt-mac.ts'
import { fakeProvider } from '../../support/providers.ts'

const signal = new AbortController().signal
const [key, other] = [randomBytes(32), randomBytes(32)]
const MODEL = fakeProvider('outside')

async function macOf(texts: readonly string[], keys: readonly Buffer[] = [key], provider = MODEL): Promise<string | null> {
  const heard = hearPrompt(provider, keys)
  expect(heard.mac()).toBeNull()
  await heard.provider.embed(texts, signal)
  return heard.mac()
}

test('the same prompt under the same keys is known again, and anything else is not', async () => {
  const mac = await macOf(['a', 'b'])
  expect(mac).toMatch(/^[0-9a-f]{64}$/)
  expect(await macOf(['a', 'b'])).toBe(mac)
  const others = await Promise.all([macOf(['ab']), macOf(['b', 'a']), macOf(['a', 'b'], [other]), macOf(['a', 'b'], [key, other])])
  expect(new Set([mac, ...others]).size).toBe(5)
  const heard = hearPrompt(MODEL, [key])
  await heard.provider.answer('a', [{ ref: 0, text: 'b' }], signal)
  const once = heard.mac()
  await heard.provider.answer('a', [{ ref: 0, text: 'b' }], signal)
  expect(new Set([mac, once, heard.mac()]).size).toBe(3)
})

test('rules are handed no prompt, and without a key there is no proof', async () => {
  expect(await macOf(['a'], [key], fakeProvider('inside'))).toBeNull()
  expect(await macOf(['a'], [])).toBeNull()
})

test('what is proven is what the model was handed, which is the masked text', async () => {
  const page = (text: string): Page => ({ number: 1, method: 'plain', text, reason: null })
  const prove = async (text: string) => {
    let handed = ''
    const model = fakeProvider('outside', {
      classify: (pages, stop) => {
        handed = pages.map((one) => one.text).join()
        return MODEL.classify(pages, stop)
      },
    })
    const heard = hearPrompt(model, [key])
    const context = { tenant_id: 't', task: 'classify', step: 'enrich', subjects: [], tokens: 0, language: 'en', signal } as const
    await maskCall(undefined, heard.provider, ['email'], context).provider.classify([page(text)], signal)
    return { handed, mac: heard.mac() }
  }
  const [one, same, different] = [
    await prove('Ask ann@example.org.'),
    await prove('Ask ben@example.org.'),
    await prove('Tell ann@example.org.'),
  ]
  expect(one.handed).not.toContain('example.org')
  expect(one).toEqual(same)
  expect(different.mac).not.toBe(one.mac)
})
