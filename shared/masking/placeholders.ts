import { MaskKind } from '../contracts/masking.ts'

/** A string of the text that only looks like a placeholder is masked as one of these, so that unmasking gives back what stood there. */
export const LITERAL = 'text'

export type PlaceholderKind = MaskKind | typeof LITERAL

export interface Placeholder {
  kind: PlaceholderKind
  /** From 1 on: one value, however it is spelled. */
  number: number
  /** From 1 on: the spelling of the value. */
  spelling: number
}

/** `[IBAN_1]`; the value's second spelling is `[IBAN_1b]`, its third `[IBAN_1c]`. */
export function printPlaceholder({ kind, number, spelling }: Placeholder): string {
  return `[${kind.toUpperCase()}_${number}${spelling === 1 ? '' : letters(spelling)}]`
}

/** What models make of placeholders is read too: other case, other signs for `_`, spaces at the brackets, the backslashes of Markdown. */
export function findPlaceholders(text: string): { start: number; end: number; placeholder: Placeholder }[] {
  if (!text.includes('[')) return []
  return [...text.matchAll(PRINTED)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    placeholder: readMatch(match),
  }))
}

const NUMBER_LENGTH_MAX = 7
const LETTERS_LENGTH_MAX = 4
const ALL: readonly PlaceholderKind[] = [...MaskKind.options, LITERAL]
const KINDS = new Map(ALL.map((kind): [string, PlaceholderKind] => [kind.replaceAll('_', ''), kind]))
const NAMES = ALL.map((kind) => kind.replaceAll('_', '\\\\?[_ \\-]?')).join('|')
/** A backslash before the first bracket belongs to it only when one stands before the last as well: else it is the text's own. */
const PRINTED = new RegExp(
  `(\\\\?)\\[[ \\u00a0]{0,2}(${NAMES})\\\\?[_ :#\\-]{0,2}(\\d{1,${NUMBER_LENGTH_MAX}}) ?([a-z]{0,${LETTERS_LENGTH_MAX}})[ \\u00a0]{0,2}\\1\\]`,
  'gi',
)

function readMatch([, , name = '', number = '', spelling = '']: RegExpExecArray): Placeholder {
  const kind = KINDS.get(name.toLowerCase().replace(/[^a-z]/g, '')) ?? LITERAL
  return { kind, number: Number(number), spelling: spelling === '' ? 1 : position(spelling.toLowerCase()) }
}

/** 1 is `a`, 26 `z`, 27 `aa`. */
function letters(position: number): string {
  let printed = ''
  for (let left = position; left > 0; left = Math.floor((left - 1) / 26)) printed = String.fromCharCode(97 + ((left - 1) % 26)) + printed
  return printed
}

function position(letters: string): number {
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 96, 0)
}
