/** Prompts by `prompt_cache_key`, the last one of each; the key that was stored first goes first. */
export interface PromptCache {
  /** The prompt that was sent with this key before, or ''; keeps this one in its place. */
  replace(key: string | null | undefined, prompt: string): string
}

const KEYS_MAX = 1_000

export function createPromptCache(): PromptCache {
  const prompts = new Map<string, string>()
  return {
    replace(key, prompt) {
      if (key === null || key === undefined) return ''
      const before = prompts.get(key) ?? ''
      prompts.set(key, prompt)
      const [oldest] = prompts.keys()
      if (prompts.size > KEYS_MAX && oldest !== undefined) prompts.delete(oldest)
      return before
    },
  }
}

export function commonStart(one: string, other: string): string {
  const end = Math.min(one.length, other.length)
  let at = 0
  while (at < end && one.charCodeAt(at) === other.charCodeAt(at)) at += 1
  return one.slice(0, at)
}
