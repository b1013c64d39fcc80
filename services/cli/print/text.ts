import { stripVTControlCharacters } from 'node:util'

const KB = 1_000
const QUOTE_CHARACTERS_MAX = 400

/**
 * Text of a document or a server, safe for a terminal: no escape sequences, control characters or characters that reorder the line
 * (Unicode bidirectional controls, UAX 9), white space as one space.
 */
export function clean(text: string): string {
  return (
    stripVTControlCharacters(text)
      .replace(/\s+/g, ' ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the point
      .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
      .trim()
  )
}

export function shorten(text: string, charactersMax: number): string {
  const characters = [...text]
  return characters.length <= charactersMax ? text : `${characters.slice(0, charactersMax - 1).join('')}…`
}

/** A quote on one line, in quotation marks. */
export function quoted(text: string, charactersMax = QUOTE_CHARACTERS_MAX): string {
  return `“${shorten(clean(text), charactersMax)}”`
}

export function bytesText(bytes: number): string {
  if (bytes < KB) return `${bytes} B`
  const units = ['kB', 'MB', 'GB']
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length)
  const amount = bytes / KB ** power
  return `${amount.toFixed(amount < 10 ? 1 : 0)} ${units[power - 1]}`
}

export function secondsText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

export function countText(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}

/** What a rule of the policy asks for and was not met; a rule that lets nothing through asks for nothing. */
export function unmetText(failed: ReadonlyArray<{ requirement: string; found: string }>): string {
  return failed.map(({ requirement, found }) => `${requirement}: ${clean(found)}`).join('; ') || 'the rule refuses'
}

const LANGUAGES = new Intl.DisplayNames('en', { type: 'language' })

/** `de` → `German`. */
export function languageText(code: string): string {
  return /^[a-z]{2}$/.test(code) ? (LANGUAGES.of(code) ?? code) : clean(code)
}
