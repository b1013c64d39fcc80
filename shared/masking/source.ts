import { isDigit, isLetter } from './characters.ts'
import { countriesOf } from './countries.ts'
import { type Label, labelBefore } from './labels.ts'

/** Letters that may stand directly before the first digit of an identifier: an Italian codice fiscale has six. */
const LEAD_LETTERS_MAX = 6

/** Signs that may stand between two groups of digits of one number: `) / `. */
const JOINT_LENGTH_MAX = 3

/**
 * A place where a number begins: `start` is the first of the letters directly before its digits (`digits` where there are none), `end` is behind the
 * first group of digits. `ahead` is how many digits follow from `digits` on with no more than spaces and punctuation between them.
 */
export interface NumberToken {
  /** Its place among the tokens of the text. */
  readonly index: number
  readonly start: number
  readonly digits: number
  readonly end: number
  readonly ahead: number
}

/** A text read once for all finders: nearly everything that is masked holds digits, so they look only where numbers begin. */
export interface Source {
  readonly text: string
  readonly tokens: readonly NumberToken[]
  /** ISO 3166, the likeliest first. */
  readonly countries: readonly string[]
  /** What the words before a number say that it is. */
  label(token: NumberToken): Label | null
}

export function readSource(text: string, language: string | null, country: string | null): Source {
  const tokens = readTokens(text)
  const labels = new Array<Label | null | undefined>(tokens.length)
  return {
    text,
    tokens,
    countries: countriesOf(language, country),
    label({ index, start }) {
      let label = labels[index]
      if (label === undefined) {
        label = labelBefore(text, start)
        labels[index] = label
      }
      return label
    },
  }
}

const DIGITS = /\d+/g
/** What a telephone number has between its groups is the widest of all: `(0)`, ` / `, dots, hyphens and their look-alikes. */
const JOINT = /^[ \u00a0\u202f()/.\u2010\u2011\u2013-]+$/

function readTokens(text: string): NumberToken[] {
  const ends: number[] = []
  const starts: number[] = []
  for (const match of text.matchAll(DIGITS)) {
    starts.push(match.index)
    ends.push(match.index + match[0].length)
  }
  const ahead = digitsAhead(text, starts, ends)
  const tokens: NumberToken[] = []
  for (const [group, digits] of starts.entries()) {
    const start = leadStart(text, digits)
    if (start !== null) tokens.push({ index: tokens.length, start, digits, end: ends[group] ?? digits, ahead: ahead[group] ?? 0 })
  }
  return tokens
}

/** From the last group to the first, so that each adds its own digits to those of the next. */
function digitsAhead(text: string, starts: readonly number[], ends: readonly number[]): Int32Array {
  const ahead = new Int32Array(starts.length)
  for (let group = starts.length - 1; group >= 0; group -= 1) {
    const [start = 0, end = 0, next = Number.POSITIVE_INFINITY] = [starts[group], ends[group], starts[group + 1]]
    const joined = next - end <= JOINT_LENGTH_MAX && JOINT.test(text.slice(end, next))
    ahead[group] = end - start + (joined ? (ahead[group + 1] ?? 0) : 0)
  }
  return ahead
}

/** Where the letters directly before the digits begin; null when they are a long word, or follow digits, and so begin nothing. */
function leadStart(text: string, digits: number): number | null {
  let start = digits
  while (digits - start <= LEAD_LETTERS_MAX && isLetter(text.charCodeAt(start - 1))) start -= 1
  if (digits - start > LEAD_LETTERS_MAX || isDigit(text.charCodeAt(start - 1)) || text[start - 1] === '_') return null
  return start
}
