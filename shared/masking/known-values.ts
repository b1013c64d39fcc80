import { isLetterOrDigit } from './characters.ts'
import type { Candidate, Finding } from './finding.ts'

/** Shorter values (`A`, house numbers) would be found inside everything. */
const NAME_LENGTH_MIN = 2
const OTHER_LENGTH_MIN = 5
/** What one finding spans at the most; longer ones are whole passages, and found where they are. */
const LENGTH_MAX = 200

/** Finds values that are known from elsewhere in the same call: a name that the recogniser saw on one page only, a date that one page calls a birthday. */
export interface KnownValues {
  add(kind: Finding['kind'], spelled: string): void
  /** Whatever the case, between word boundaries. Linear in the text: at each word, one look-up for each length that a value with this word has. */
  find(text: string): Candidate[]
}

export function createKnownValues(): KnownValues {
  const kinds = new Map<string, Finding['kind']>()
  /** First word → where in the value it begins, and how long the value is. */
  const shapes = new Map<string, { lead: number; length: number }[]>()
  /** What such a word begins with: most words of a text begin otherwise. */
  const firstCodes = new Set<number>()

  return {
    add(kind, spelled) {
      const value = spelled.toLowerCase()
      const first = firstWord(value)
      if (!first || kinds.has(value) || value.length > LENGTH_MAX || value.length < (kind === 'name' ? NAME_LENGTH_MIN : OTHER_LENGTH_MIN))
        return
      kinds.set(value, kind)
      const { word, lead } = first
      const known = shapes.get(word) ?? []
      if (!known.some((shape) => shape.lead === lead && shape.length === value.length)) known.push({ lead, length: value.length })
      shapes.set(word, known)
      firstCodes.add(word.charCodeAt(0))
    },
    find(text) {
      const lower = text.toLowerCase()
      // A few capitals (U+0130) are longer in lower case; then offsets would not fit, and the case has to.
      const searched = lower.length === text.length ? lower : text
      const found: Candidate[] = []
      if (kinds.size === 0) return found
      for (let at = 0; at < searched.length; at += 1) {
        if (WORD_CODES[searched.charCodeAt(at)] === 0) continue
        const end = wordEnd(searched, at)
        const known = firstCodes.has(searched.charCodeAt(at)) ? shapes.get(searched.slice(at, end)) : undefined
        for (const { lead, length } of known ?? []) {
          const start = at - lead
          const kind = kinds.get(searched.slice(Math.max(start, 0), start + length))
          if (kind && isWhole(text, start, start + length, kind)) found.push({ kind, start, end: start + length, certainty: 'shaped' })
        }
        at = end
      }
      return found
    },
  }
}

/** 1 where a UTF-16 code unit is part of a word: a table, because every character of every text is asked about. */
const WORD_CODES = Uint8Array.from({ length: 0x1_0000 }, (_, code) => (/[\p{L}\p{M}\p{N}]/u.test(String.fromCharCode(code)) ? 1 : 0))

function wordEnd(text: string, start: number): number {
  let end = start
  while (end < text.length && WORD_CODES[text.charCodeAt(end)] === 1) end += 1
  return end
}

function firstWord(value: string): { word: string; lead: number } | null {
  for (let lead = 0; lead < value.length; lead += 1) {
    if (WORD_CODES[value.charCodeAt(lead)] === 1) return { word: value.slice(lead, wordEnd(value, lead)), lead }
  }
  return null
}

/** Names may stand in the genitive (`Schmidts`, German and the Nordic languages). */
function isWhole(text: string, start: number, end: number, kind: Finding['kind']): boolean {
  const beginsAWord = isLetterOrDigit(text.charCodeAt(start)) && isLetterOrDigit(text.charCodeAt(start - 1))
  const after = kind === 'name' && text[end] === 's' ? end + 1 : end
  const endsAWord = isLetterOrDigit(text.charCodeAt(end - 1)) && isLetterOrDigit(text.charCodeAt(after))
  return !beginsAWord && !endsAWord
}
