import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { isDigit, isLetterOrDigit, matchAt } from './characters.ts'
import { numericDateEnd } from './dates.ts'
import type { Candidate } from './finding.ts'
import type { Label } from './labels.ts'
import type { NumberToken, Source } from './source.ts'

/** ITU-T E.164 allows fifteen digits; two more for a trunk prefix that is printed beside the country's code, `(0)`. */
const DIGITS_MAX = 17
const DIGITS_MIN = 7
/** Of what a label calls a telephone number: extensions and short numbers are shorter. */
const NAMED_DIGITS_MIN = 5
/** A number may be followed by other digits: shorter ends are tried at the gaps, each at about 5 µs. */
const ENDS_MAX = 5
/** Of one unbroken row of digits and punctuation, so that a page of figures is not asked about at each of them. */
const FAILURES_MAX = 4
/** Numbers without a country's code are read as those of the likeliest countries of the text. */
const COUNTRIES_MAX = 3

/**
 * Telephone numbers: with a country's code (E.164), in the form of the text's country, or named by the words before them. `libphonenumber-js` confirms;
 * what begins with `+` or is named counts even if it does not, since a wrong digit is still somebody's number.
 */
export function* findPhones(source: Source): Generator<Candidate> {
  let behind = 0
  let failures = 0
  let previous: NumberToken | undefined
  for (const token of source.tokens) {
    if (!previous || previous.ahead !== previous.end - previous.digits + token.ahead) failures = 0
    previous = token
    if (token.digits !== token.start || token.start < behind || token.ahead < NAMED_DIGITS_MIN || failures === FAILURES_MAX) continue
    const candidate = phoneAt(source, token)
    if (candidate === 'none') failures += 1
    if (candidate === 'none' || !candidate) continue
    behind = candidate.end
    yield candidate
  }
}

const RUN = /\(?\+?\(?\d(?:[ \u00a0\u202f()/.\u2010\u2011\u2013-]{0,3}\d){4,18}/y
/** What makes a number an amount, a measure or a part of something longer. */
const NOT_FOLLOWED = /(?:[.,:]?\d|[ \u00a0]?(?:€|%|EUR\b|USD\b|GBP\b|CHF\b|PLN\b|Kč|zł|kr\b|kg\b|km\b|GB\b|MB\b)|[\p{L}_@])/uy
/** Their numbers have no trunk prefix, so a bare group of digits says little (ITU-T E.164, national numbering plans). */
const WITHOUT_TRUNK = new Set(['ES', 'PT', 'PL', 'DK', 'NO', 'CZ', 'LV', 'EE', 'LU', 'MT', 'CY', 'GR', 'IT', 'IS'])

/** Null: it does not look like one. `none`: it did, and is none. */
function phoneAt(source: Source, token: NumberToken): Candidate | 'none' | null {
  const { text } = source
  const start = startOf(text, token.start)
  const beginning = text.slice(start, token.start + 2)
  const international = beginning.includes('+') || beginning.startsWith('00')
  const label = source.label(token)
  if (!mayBegin(source, token, start, beginning, international, label)) return null
  const run = matchAt(RUN, text, start)
  if (!run) return null
  const ends = endsOf(text, start, run[0])
  for (const end of ends) {
    if (isConfirmed(text.slice(start, end), international, source.countries)) return { kind: 'phone', start, end, certainty: 'checked' }
  }
  const [longest] = ends
  if (longest === undefined || (label !== 'phone' && !beginning.includes('+'))) return 'none'
  return { kind: 'phone', start, end: longest, certainty: label === 'phone' ? 'named' : 'shaped' }
}

/** `+`, `(`, `(+` and `+(` belong to the number. */
function startOf(text: string, digits: number): number {
  let start = digits
  while (digits - start < 2 && (text[start - 1] === '+' || text[start - 1] === '(')) start -= 1
  return start
}

function mayBegin(
  { text, countries }: Source,
  token: NumberToken,
  start: number,
  beginning: string,
  international: boolean,
  label: Label | null,
): boolean {
  if (isInside(text, start)) return false
  if (label === 'phone' || beginning.includes('+')) return true
  if (token.ahead < DIGITS_MIN || label !== null || numericDateEnd(text, token.start) !== null) return false
  if (international || text[token.start] === '0' || beginning.startsWith('(')) return true
  const [country] = countries
  return country !== undefined && WITHOUT_TRUNK.has(country) && token.ahead > token.end - token.start
}

function isInside(text: string, start: number): boolean {
  const before = text.charCodeAt(start - 1)
  if (isLetterOrDigit(before) || text[start - 1] === '_' || text[start - 1] === '@') return true
  return '.,-/:'.includes(text[start - 1] ?? ' ') && isDigit(text.charCodeAt(start - 2))
}

/** Where the number may end, the longest first: at gaps between its groups, and where nothing follows that makes it an amount. */
function endsOf(text: string, start: number, run: string): number[] {
  const ends: number[] = []
  let digits = 0
  for (let at = 0; at < run.length; at += 1) {
    if (!isDigit(run.charCodeAt(at))) continue
    digits += 1
    if (digits > DIGITS_MAX) break
    const isEnd = !isDigit(text.charCodeAt(start + at + 1))
    if (isEnd && digits >= NAMED_DIGITS_MIN && !matchAt(NOT_FOLLOWED, text, start + at + 1)) ends.unshift(start + at + 1)
  }
  return ends.slice(0, ENDS_MAX)
}

function isConfirmed(printed: string, international: boolean, countries: readonly string[]): boolean {
  // The trunk prefix beside a country's code is dialled from inside alone (DIN 5008).
  const dialled = international ? printed.replace('(0)', '').replace(/^\(?00/, '+') : printed
  if (international) return parsePhoneNumberFromString(dialled.startsWith('(') ? dialled.slice(1) : dialled)?.isValid() ?? false
  return countries.slice(0, COUNTRIES_MAX).some((country) => {
    return isSupportedCountry(country as CountryCode) && (parsePhoneNumberFromString(dialled, country as CountryCode)?.isValid() ?? false)
  })
}
