import type { Candidate } from './finding.ts'

/** Of a name; more words are a passage. */
const WORDS_MAX = 8
/** Looked at on either end of a text: longer than so many words of a name. UTF-16 code units. */
const EDGE_LENGTH = 240
/** An initial says nothing by itself. */
const PIECE_LENGTH_MIN = 2

/** Finds the pieces of names that a text was cut through: texts of one call overlap, and the name stands whole in another one. */
export interface CutNames {
  add(name: string): void
  /** How a known name begins, at the end of the text, and how one ends, at its beginning; in whole words, whatever the case. */
  find(text: string): Candidate[]
}

export function createCutNames(): CutNames {
  const beginnings = new Set<string>()
  const endings = new Set<string>()
  return {
    add(name) {
      const words = wordsOf(name, 0).slice(0, WORDS_MAX)
      for (let at = 1; at < words.length; at += 1) {
        beginnings.add(joined(words.slice(0, at)))
        endings.add(joined(words.slice(at)))
      }
    },
    find(text) {
      if (beginnings.size === 0) return []
      const from = Math.max(0, text.length - EDGE_LENGTH)
      const last = wordsOf(text.slice(from), from).slice(-WORDS_MAX)
      const first = wordsOf(text.slice(0, EDGE_LENGTH), 0).slice(0, WORDS_MAX)
      const atEnd = last.map((_, at) => last.slice(at)).find((words) => beginnings.has(joined(words)))
      const atBeginning = first.map((_, at) => first.slice(0, first.length - at)).find((words) => endings.has(joined(words)))
      return [atBeginning, atEnd].flatMap((words) => (words ? candidate(words) : []))
    },
  }
}

interface Word {
  folded: string
  start: number
  end: number
}

/** Without what stands around a word: a quotation mark, a full stop. */
function wordsOf(text: string, offset: number): Word[] {
  return [...text.matchAll(/[\p{L}\p{N}](?:\S*[\p{L}\p{M}\p{N}])?/gu)].map(({ 0: word, index }) => ({
    folded: word.toLowerCase(),
    start: offset + index,
    end: offset + index + word.length,
  }))
}

function joined(words: readonly Word[]): string {
  return words.map(({ folded }) => folded).join(' ')
}

function candidate(words: readonly Word[]): Candidate[] {
  const [start, end] = [words[0]?.start ?? 0, words.at(-1)?.end ?? 0]
  return end - start < PIECE_LENGTH_MIN ? [] : [{ kind: 'name', start, end, certainty: 'shaped' }]
}
