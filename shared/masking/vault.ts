import { findPlaceholders, type Placeholder, type PlaceholderKind, printPlaceholder } from './placeholders.ts'
import { normalised } from './values.ts'

/**
 * Values and their placeholders, in memory and nowhere else: everything is held in a closure, so that neither JSON nor `util.inspect` nor an error message
 * can show a value.
 */
export interface Vault {
  /**
   * The placeholder of a value. The same spelling always has the same one. Another spelling of the same value has the same number and a letter of its own
   * (`[IBAN_1]`, `[IBAN_1b]`), so that a quote which a model copies comes back letter by letter as its page has it.
   */
  placeholder(kind: PlaceholderKind, spelled: string): string
  /** Puts the values back, each as it was spelled. What looks like a placeholder and is none of ours stays, and is counted. */
  unmask(text: string): { text: string; unknown: number }
}

export function createVault(countries: readonly string[]): Vault {
  const printed = new Map<string, string>()
  const spelled = new Map<string, string>()
  const values = new Map<string, { number: number; spellings: number }>()
  const numbers = new Map<PlaceholderKind, number>()

  const next = (kind: PlaceholderKind, value: string): Placeholder => {
    const key = `${kind} ${normalised(kind, value, countries)}`
    const known = values.get(key) ?? { number: (numbers.get(kind) ?? 0) + 1, spellings: 0 }
    known.spellings += 1
    values.set(key, known)
    numbers.set(kind, Math.max(known.number, numbers.get(kind) ?? 0))
    return { kind, number: known.number, spelling: known.spellings }
  }

  return Object.freeze<Vault>({
    placeholder(kind, value) {
      const known = printed.get(value)
      if (known !== undefined) return known
      const placeholder = printPlaceholder(next(kind, value))
      printed.set(value, placeholder)
      spelled.set(placeholder, value)
      return placeholder
    },
    unmask(text) {
      let unknown = 0
      const parts: string[] = []
      let end = 0
      for (const found of findPlaceholders(text)) {
        const value = spelled.get(printPlaceholder(found.placeholder))
        if (value === undefined) unknown += 1
        parts.push(text.slice(end, found.start), value ?? text.slice(found.start, found.end))
        end = found.end
      }
      parts.push(text.slice(end))
      return { text: parts.join(''), unknown }
    },
  })
}
