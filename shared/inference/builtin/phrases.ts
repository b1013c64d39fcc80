import type { ReadPage, Word } from './reading.ts'

/**
 * A vocabulary as a tree of words, so that one walk over a page finds every phrase of every language at once, in time that grows with the page only.
 * A phrase is written folded (lower case, no accents), words separated by one space: `date d echeance` finds "Date d’échéance".
 * `*vertrag` finds every word that ends so.
 */
export interface PhraseTable<T> {
  root: Node<T>
  endings: ReadonlyMap<string, T>
  endingLengths: readonly number[]
}

interface Node<T> {
  next: Map<string, Node<T>>
  value: T | undefined
}

/** `words` is how many words the phrase has; offsets are into the page's text. */
export interface PhraseHit<T> {
  value: T
  start: number
  end: number
  line: number
  words: number
}

/** Lines of a vocabulary: phrases parted by a comma. */
export function phrases(...lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(', '))
}

/** Where two entries name the same phrase, the later one counts. */
export function compilePhrases<T>(entries: Iterable<readonly [T, readonly string[]]>): PhraseTable<T> {
  const root: Node<T> = { next: new Map(), value: undefined }
  const endings = new Map<string, T>()
  for (const [value, written] of entries) {
    for (const phrase of written) {
      if (phrase.startsWith('*')) endings.set(phrase.slice(1), value)
      else nodeOf(root, phrase).value = value
    }
  }
  return { root, endings, endingLengths: [...new Set([...endings.keys()].map((ending) => ending.length))] }
}

/** Every phrase on the page in the order of the text; the longest wins, and no two overlap. `gap` is what may stand between two words of one. */
export function findPhrases<T>(page: ReadPage, table: PhraseTable<T>, gap = LABEL_GAP): PhraseHit<T>[] {
  const hits: PhraseHit<T>[] = []
  for (let at = 0; at < page.words.length; ) {
    const hit = longestAt(page, at, table, gap) ?? endingAt(page, at, table)
    if (hit) hits.push(hit)
    at += hit?.words ?? 1
  }
  return hits
}

/** For labels: no line end, no tab (another column), no colon (another label). */
const LABEL_GAP = /^[ \u00a0.'’\-–/°()_*&]{0,4}$/

/** For prose, which wraps at line ends. */
export const PROSE_GAP = /^[ \u00a0.'’\-–]{0,2}\n?$/

function nodeOf<T>(root: Node<T>, phrase: string): Node<T> {
  let node = root
  for (const word of phrase.split(' ')) {
    const next: Node<T> = node.next.get(word) ?? { next: new Map(), value: undefined }
    node.next.set(word, next)
    node = next
  }
  return node
}

function longestAt<T>(page: ReadPage, from: number, table: PhraseTable<T>, gap: RegExp): PhraseHit<T> | null {
  const first = page.words[from]
  if (!first) return null
  let best: PhraseHit<T> | null = null
  let node = table.root
  let previous: Word | null = null
  for (let at = from; at < page.words.length; at += 1) {
    const word = page.words[at]
    if (!word || (previous && !gap.test(page.text.slice(previous.end, word.start)))) break
    const next = node.next.get(word.folded)
    if (!next) break
    if (next.value !== undefined) best = { value: next.value, start: first.start, end: word.end, line: first.line, words: at - from + 1 }
    node = next
    previous = word
  }
  return best
}

function endingAt<T>(page: ReadPage, at: number, table: PhraseTable<T>): PhraseHit<T> | null {
  const word = page.words[at]
  if (!word) return null
  for (const length of table.endingLengths) {
    if (word.folded.length <= length) continue
    const value = table.endings.get(word.folded.slice(-length))
    if (value !== undefined) return { value, start: word.start, end: word.end, line: word.line, words: 1 }
  }
  return null
}
