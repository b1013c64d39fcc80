import { getCountrySpecifications, isValidIBAN } from 'ibantools'
import { isLetterOrDigit, matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import type { NumberToken, Source } from './source.ts'

/**
 * IBANs (ISO 13616): spaced, broken over a line, in lower case. One whose check digits are wrong, or that lacks a character, is found as well when it
 * is printed in groups of four or called an IBAN: a slip of the pen makes it no less somebody's account.
 */
export function* findIbans(source: Source): Generator<Candidate> {
  for (const token of source.tokens) {
    const start = countryStart(source.text, token)
    if (start === null) continue
    const country = COUNTRIES[source.text.slice(start, start + 2).toUpperCase()]
    const whole = country?.chars ? wholeIban(source.text, start, country.chars, country.bban_regexp ?? '') : null
    if (whole) yield { kind: 'iban', start, ...whole }
    else if (country) yield* misprinted(source, token, start)
  }
}

const COUNTRIES = getCountrySpecifications()
const LETTERS = 2
const CHECK_DIGITS = 2
const SEPARATOR = /[ \u00a0\u202f.\n-]/
const MISPRINTED =
  /[A-Z]{2}\d{2}(?:[ \u00a0\u202f-](?:[A-Z]{4}|[A-Z]{0,3}\d[A-Z\d]{2,3})){3,7}(?:[ \u00a0\u202f-]\d[A-Z\d]{0,2})?(?![\p{L}\d])/uy
const NAMED = /[A-Z]{2} ?\d{2}(?:[ \u00a0\u202f-]?(?:[A-Z]{4}|[A-Z]{0,3}\d)[A-Z\d]{0,20}){1,10}(?![\p{L}\d])/uy

/** The two letters stand directly before the digits, or one space away. */
function countryStart(text: string, token: NumberToken): number | null {
  if (token.end - token.digits < CHECK_DIGITS) return null
  if (token.digits - token.start === LETTERS) return token.start
  const start = token.digits - LETTERS - 1
  const apart =
    token.start === token.digits && text[token.digits - 1] === ' ' && /^[A-Z]{2}$/.test(text.slice(Math.max(start, 0), start + LETTERS))
  return apart && start >= 0 && !isLetterOrDigit(text.charCodeAt(start - 1)) ? start : null
}

function wholeIban(text: string, start: number, characters: number, bban: string): Pick<Candidate, 'end' | 'certainty'> | null {
  const end = endOfCharacters(text, start, characters)
  if (end === null) return null
  const value = text
    .slice(start, end)
    .replace(/[^A-Za-z\d]/g, '')
    .toUpperCase()
  if (!new RegExp(bban).test(value.slice(LETTERS + CHECK_DIGITS))) return null
  return { end, certainty: isValidIBAN(value) ? 'checked' : 'shaped' }
}

/** Behind the n-th letter or digit from `start` on, over single separators; null when something else comes first, or the run goes on. */
function endOfCharacters(text: string, start: number, characters: number): number | null {
  let at = start
  for (let seen = 0; seen < characters; at += 1) {
    const character = text[at] ?? ''
    if (/[A-Za-z\d]/.test(character)) seen += 1
    else if (!SEPARATOR.test(character) || SEPARATOR.test(text[at - 1] ?? '')) return null
  }
  return isLetterOrDigit(text.charCodeAt(at)) ? null : at
}

function* misprinted({ text, label }: Source, token: NumberToken, start: number): Generator<Candidate> {
  const printed = matchAt(MISPRINTED, text, start)
  const match = printed ?? (label(token) === 'iban' ? matchAt(NAMED, text, start) : null)
  if (match) yield { kind: 'iban', start, end: start + match[0].length, certainty: printed ? 'shaped' : 'named' }
}
