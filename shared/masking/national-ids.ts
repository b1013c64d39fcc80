import { isLetterOrDigit, matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import { FORMS, type Form } from './national-id-forms.ts'
import type { NumberToken, Source } from './source.ts'

/** No national id has fewer digits in a row, spaces and punctuation apart. */
const DIGITS_MIN = 6

/** Of what a label calls an identity number; the shortest passport numbers have five digits. */
const NAMED_DIGITS_MIN = 5

/**
 * Numbers of persons: of identity, social security, tax and passports. By the words before it any number counts, whatever its checksum says. Without
 * such words it has to fit the form and the checksum of a country, and where the form is bare digits, of a country of the text.
 */
export function* findNationalIds(source: Source): Generator<Candidate> {
  for (const token of source.tokens) {
    for (const candidate of [named(source, token), formed(source, token)]) if (candidate) yield candidate
  }
}

const NAMED = /[A-Z]{0,6}(?:[ .\u00a0/+-]?[A-Z]{0,2}\d){5,18}(?:[ .-]?[A-Z]{1,2}(?:[ .-]?\d{1,3})?)?(?![\p{L}\d])/iuy

function named(source: Source, token: NumberToken): Candidate | null {
  const { text } = source
  const digits = token.digits - token.start > 0 || isLetterOrDigit(text.charCodeAt(token.end)) ? 1 : NAMED_DIGITS_MIN
  if (token.ahead < digits) return null
  const label = source.label(token)
  if (label !== 'national_id') return null
  const match = matchAt(NAMED, text, token.start)
  return match && { kind: 'national_id', start: token.start, end: token.start + match[0].length, certainty: 'named' }
}

function formed(source: Source, token: NumberToken): Candidate | null {
  const lead = token.digits - token.start
  if (token.ahead < DIGITS_MIN && lead !== CODICE_FISCALE_LETTERS) return null
  const start = lead === 0 ? startOverSeparator(source.text, token.start) : token.start
  if (insideNumber(source.text, start)) return null
  let shaped: Candidate | null = null
  for (const form of FORMS[start < token.digits ? 'letters' : token.end - token.digits === 1 ? 'digit' : 'digits']) {
    const match = matchAt(form.pattern, source.text, start)
    if (!match) continue
    const found: Candidate = { kind: 'national_id', start, end: start + match[0].length, certainty: 'checked' }
    if (counts(source, token, form, match[0])) return found
    if (form.exact?.test(match[0])) shaped ??= { ...found, certainty: 'shaped' }
  }
  return shaped
}

const CODICE_FISCALE_LETTERS = 6

function counts(source: Source, token: NumberToken, form: Form, printed: string): boolean {
  if (form.alone === 'at_home' && (!source.countries.includes(form.country) || source.label(token) !== null)) return false
  return form.check(printed.toUpperCase())
}

/** `X-1234567-L`, `AB 12 34 56 C`: letters one sign away begin the number too. */
function startOverSeparator(text: string, digits: number): number {
  const before = /(?:^|[^\p{L}\d])([A-Z]{1,2})[ -]$/u.exec(text.slice(Math.max(0, digits - 4), digits))
  return before?.[1] ? digits - 1 - before[1].length : digits
}

/** `12.34-5678…`: the digits before belong to the same number. */
function insideNumber(text: string, start: number): boolean {
  const before = text[start - 1] ?? ''
  return isLetterOrDigit(text.charCodeAt(start - 1)) || ('.,/-+'.includes(before) && /\d/.test(text[start - 2] ?? ''))
}
