import { matchAt } from './characters.ts'

/** Numeric dates, and whether one stands at an offset: telephone and identity numbers must not be read out of dates. */
export function numericDateEnd(text: string, at: number): number | null {
  return matchAt(NUMERIC, text, at) && NUMERIC.lastIndex
}

/** Numeric ones, and those with a name of a month in any language, at an offset where digits begin. */
export function dateEnd(text: string, at: number): number | null {
  return numericDateEnd(text, at) ?? (matchAt(NAMED, text, at) && NAMED.lastIndex)
}

const NUMERIC =
  /(?:(?:0?[1-9]|[12]\d|3[01])([./-]) ?(?:0?[1-9]|1[0-2])\1 ?(?:(?:1[89]|20|21)\d{2}|\d{2})|(?:0?[1-9]|1[0-2])([/-])(?:[12]\d|3[01])\2(?:(?:1[89]|20|21)\d{2}|\d{2})|(?:1[89]|20|21)\d{2}([./-])(?:0?[1-9]|1[0-2])\3(?:3[01]|[12]\d|0?[1-9]))(?![\p{L}\d]|[./-]\d)/uy
const NAMED =
  /(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th|er|º|ª|°|\.)?[ \u00a0-]{0,2}(?:(?:de|of|day of) |d['’])?\p{L}{3,12}\.?,?[ \u00a0-]{1,2}(?:de |del |of )?(?:1[89]|20|21)\d{2}(?![\p{L}\d])/uy
