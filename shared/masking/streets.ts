import { isDigit, isLetter, isLetterOrDigit, matchAt } from './characters.ts'
import type { NumberToken, Source } from './source.ts'
import { ENGLISH_STREETS, FRENCH_WORDS, NO_STREET_STEMS, PARTICLES, STREET_ENDS, STREET_WORDS } from './street-words.ts'

export interface Span {
  start: number
  end: number
}

const HOUSE_DIGITS_MAX = 5
const NAME_WORDS_MAX = 6
const NAME_WORD_LENGTH_MAX = 40

/** A street with its number that the token is: `Hauptstraße 5a`, `Calle Mayor, 12`, `12 bis rue de la Paix`, `221B Baker Street`. Null: it is none. */
export function streetAt(source: Source, token: NumberToken): Span | null {
  const { text } = source
  if (token.digits !== token.start || token.end - token.digits > HOUSE_DIGITS_MAX || text.charCodeAt(token.start) === ZERO) return null
  if ('.,-/'.includes(text[token.start - 1] ?? ' ') && isDigit(text.charCodeAt(token.start - 2))) return null
  return numberLast(source, token) ?? numberFirst(source, token)
}

/** A name of capitals and particles, then the number: an address only when a postal code follows it. */
export function namedPlaceAt({ text }: Source, token: NumberToken): Span | null {
  const words = nameBefore(text, token.start)
  const first = words.findLastIndex((word) => UPPER.test(text.slice(word.start, word.end)))
  const start = words[first]?.start
  return start === undefined ? null : { start, end: houseNumberEnd(text, token) }
}

const ZERO = 48
const UPPER = /^\p{Lu}/u
const NUMBER_SIGN = /(?:,? ?(?:n[º°.]|nº\.?|nr\.?|no\.?|č\.)|,)? $/iu
const HOUSE_NUMBER = /\d{1,5}(?: ?[a-zA-Z](?![\p{L}\d.]))?(?: ?[-–/] ?\d{1,4}(?:[a-zA-Z](?!\p{L}))?)?(?![\p{L}\d])/uy
const NAME_SIGNS = new Set(".'’/-")
/** A number of four digits before a comma is rather a year. */
const FRENCH = /(?:\d{1,4}(?: ?(?:bis|ter|quater|[A-Ea-e]))? |\d{1,3}(?: ?(?:bis|ter|quater|[A-Ea-e]))?, )/y
const ENGLISH = new RegExp(
  `\\d{1,5}[A-Za-z]?(?:[-–]\\d{1,5})?,? (?:\\p{Lu}[\\p{L}'’.-]{0,30} ){1,4}(?:${ENGLISH_STREETS})(?![\\p{L}\\d])`,
  'uy',
)

function houseNumberEnd(text: string, token: NumberToken): number {
  return matchAt(HOUSE_NUMBER, text, token.start) ? HOUSE_NUMBER.lastIndex : token.end
}

/** The words of a name before the number, the nearest first. Stops at the end of the line, at other signs, and at small words that are no particles. */
function nameBefore(text: string, digits: number): Span[] {
  const sign = NUMBER_SIGN.exec(text.slice(Math.max(0, digits - 6), digits))
  if (!sign) return []
  const words: Span[] = []
  for (let end = digits - sign[0].length; words.length < NAME_WORDS_MAX; ) {
    let start = end
    while (end - start < NAME_WORD_LENGTH_MAX && (isLetter(text.charCodeAt(start - 1)) || NAME_SIGNS.has(text[start - 1] ?? ''))) start -= 1
    const word = text.slice(start, end)
    if (start === end || isLetterOrDigit(text.charCodeAt(start - 1))) break
    words.push({ start, end })
    if (!UPPER.test(word) && !PARTICLES.has(word) && !STREET_WORDS.has(word)) break
    if (text[start - 1] !== ' ') break
    end = start - 1
  }
  return words
}

function numberLast(source: Source, token: NumberToken): Span | null {
  if (!/[\p{L}.,º°] $/u.test(source.text.slice(Math.max(0, token.start - 2), token.start))) return null
  const words = nameBefore(source.text, token.start)
  const start = behindStreetWord(source, words) ?? beforeStreetEnd(source.text, words)
  return start === null ? null : { start, end: houseNumberEnd(source.text, token) }
}

/** `Calle de Alcalá 5`: the furthest word that begins a street, with a name behind it. */
function behindStreetWord({ text, countries }: Source, words: readonly Span[]): number | null {
  for (let index = words.length - 1; index > 0; index -= 1) {
    const word = words[index]
    const named = words.slice(0, index).some(({ start }) => UPPER.test(text.slice(start, start + 2)))
    if (word && named && isStreetWord(text.slice(word.start, word.end), countries)) return word.start
  }
  return null
}

function isStreetWord(word: string, countries: readonly string[]): boolean {
  const places = STREET_WORDS.get(word.toLowerCase())
  return places !== undefined && (places.length === 0 || places.some((place) => countries.includes(place)))
}

/** `Hauptstraße 5`, `Alte Berliner Straße 5`: the word before the number ends as streets do. */
function beforeStreetEnd(text: string, [last, adjective]: readonly Span[]): number | null {
  if (!last) return null
  const word = text.slice(last.start, last.end)
  const end = UPPER.test(word) ? STREET_ENDS.exec(word.toLowerCase())?.[0] : undefined
  if (end === undefined) return null
  if (end.length === word.length) return isAdjective(text, adjective) ? adjective.start : null
  return isStreetName(word.toLowerCase(), end) ? last.start : null
}

/** Not `Parkplatz`, and no `Monitoring`. */
function isStreetName(word: string, end: string): boolean {
  const stem = word.slice(0, -end.length)
  return end === 'ring' ? !/(?:[eoa]|^sp|^st)$/.test(stem) : !NO_STREET_STEMS.has(stem)
}

/** `Berliner`, not the `Auf` of a sentence's beginning. */
function isAdjective(text: string, word: Span | undefined): word is Span {
  const printed = word ? text.slice(word.start, word.end) : ''
  return UPPER.test(printed) && !PARTICLES.has(printed.toLowerCase())
}

function numberFirst(source: Source, token: NumberToken): Span | null {
  const { text } = source
  if (isLetterOrDigit(text.charCodeAt(token.start - 1))) return null
  const english = matchAt(ENGLISH, text, token.start)
  if (english) return { start: token.start, end: token.start + english[0].length }
  const number = matchAt(FRENCH, text, token.start)
  return number && nameAfter(source, token.start, token.start + number[0].length)
}

/** `rue de la Paix`: the street word, then particles and capitals, with at least one of the latter. */
function nameAfter({ text, countries }: Source, start: number, from: number): Span | null {
  let end: number | null = null
  let at = from
  for (let count = 0; count < NAME_WORDS_MAX; count += 1) {
    const word = matchAt(WORD, text, at)?.[0]
    if (word === undefined || (count === 0 && !(FRENCH_WORDS.has(word.toLowerCase()) && isStreetWord(word, countries)))) break
    const bare = word.replace(/^[dl]['’]/i, '')
    if (count > 0 && UPPER.test(bare)) end = at + word.length
    else if (count > 0 && !PARTICLES.has(word.toLowerCase())) break
    at += word.length
    if (text[at] !== ' ') break
    at += 1
  }
  return endOf(start, end)
}

const WORD = /[\p{L}][\p{L}.'’/-]{0,39}/uy

function endOf(start: number, end: number | null): Span | null {
  return end === null ? null : { start, end }
}
