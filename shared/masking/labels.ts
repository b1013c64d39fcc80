import { fold } from '../inference/builtin/reading.ts'
import { isLetter } from './characters.ts'
import { LABEL_WORDS } from './label-words.ts'

/** What the words before a number say that it is; `other` is a number that is none of ours: of an order, an invoice, a version. */
export type Label = keyof typeof LABEL_WORDS

/** Signs between the label and the number (`: `, ` (`, a line end). */
const GAP_LENGTH_MAX = 8
const WORD_GAP_LENGTH_MAX = 3
const WORD_LENGTH_MAX = 40
const WORDS_MAX = 6
const LABEL_WORDS_MAX = 4

/** Reads at most WORDS_MAX words back from `at`, so a text's labels take time in proportion to its numbers. Null: the words say nothing. */
export function labelBefore(text: string, at: number): Label | null {
  const words = wordsBefore(text, at)
  const skipped = words.findIndex((word) => !FILLERS.has(word))
  const from = skipped < 0 ? words.length : skipped
  // Some labels end in a filler themselves (`ID No`), others only without it.
  for (let first = 0; first <= from; first += 1) {
    const label = longestLabel(words, first)
    if (label !== null) return label
  }
  return unknownNumber(words, from) ? 'other' : null
}

const GAP = new Set(' \u00a0\t\r\n.:#°º()-–/,"\'*|=+;')
const WORD_GAP = new Set(" \u00a0.:'’-/°º()")
const FILLERS = new Set(
  'n nr no nos num numer numero number numbers nummer nummern numeris szam cislo broj stevilka is ist lautet est es e jest var ar der des von of'.split(
    ' ',
  ),
)
/** Of the fillers, those that announce a number: what stands before them and is no label of ours names another one. */
const NUMBER_WORDS = new Set('n nr no num numer numero number nummer cislo broj stevilka'.split(' '))
/** What stands before `number` without saying whose: `my number is`. */
const NEUTRAL = new Set(
  'the my your our this his her following die der meine meiner ihre ihrer unsere dieser unter folgende mon ma votre notre le la ce mi su este el il mio suo mijn uw het meu o seu moj'.split(
    ' ',
  ),
)
const COMPOUND_END = /^(.{2,}?)s?(?:nummern?|numer|nr|number|no|kod|kode|code)$/

const LABELS: ReadonlyMap<string, Label> = new Map(
  Object.entries(LABEL_WORDS).flatMap(([label, words]) => words.split(/\s+/).map((word): [string, Label] => [word, label as Label])),
)

function longestLabel(words: readonly string[], first: number): Label | null {
  const nearest = words[first]
  if (nearest === undefined) return null
  const stem = COMPOUND_END.exec(nearest)?.[1]
  let label: Label | null = null
  for (let count = 1, before = ''; count <= LABEL_WORDS_MAX && first + count <= words.length; count += 1) {
    if (count > 1) before = words[first + count - 1] + before
    label = LABELS.get(before + nearest) ?? (stem === undefined ? undefined : LABELS.get(before + stem)) ?? label
  }
  return label
}

/** `Zählernummer 123`, `batch no. 123`: it is named as a number, and as none of ours. */
function unknownNumber(words: readonly string[], from: number): boolean {
  const [nearest] = words
  if (nearest === undefined) return false
  if (from === 0) return COMPOUND_END.test(nearest) && /n[ur]\w*$|number$/.test(nearest)
  const owner = words[from]
  return words.slice(0, from).some((word) => NUMBER_WORDS.has(word)) && owner !== undefined && !NEUTRAL.has(owner)
}

/** The nearest first, folded; only those of one line, except that the number may stand on the next. */
function wordsBefore(text: string, at: number): string[] {
  const words: string[] = []
  let end = back(text, at, GAP, GAP_LENGTH_MAX)
  while (words.length < WORDS_MAX) {
    let start = end
    while (end - start < WORD_LENGTH_MAX && isLetter(text.charCodeAt(start - 1))) start -= 1
    if (start === end) break
    words.push(fold(text.slice(start, end)))
    end = back(text, start, WORD_GAP, WORD_GAP_LENGTH_MAX)
  }
  return words
}

function back(text: string, from: number, signs: ReadonlySet<string>, lengthMax: number): number {
  let at = from
  while (from - at < lengthMax && signs.has(text[at - 1] ?? '')) at -= 1
  return at
}
