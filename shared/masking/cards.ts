import { isLetterOrDigit, matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import type { Source } from './source.ts'

const DIGITS_MIN = 12

/**
 * Payment card numbers: the ranges of the issuers (ISO/IEC 7812) and the Luhn check. Printed in the groups of a card, or named as one, a number counts
 * although the check fails; without groups it does not count where a label calls it something else.
 */
export function* findCards(source: Source): Generator<Candidate> {
  const { text } = source
  for (const token of source.tokens) {
    if (token.ahead < DIGITS_MIN || token.digits !== token.start || isInsideNumber(text, token.start)) continue
    const match = matchAt(PRINTED, text, token.start)
    if (!match) continue
    const digits = match[0].replace(/\D/g, '')
    if (!ISSUERS.test(digits)) continue
    const grouped = digits.length < match[0].length
    const label = source.label(token)
    if (passesLuhn(digits) ? !grouped && label === 'other' : !grouped && label !== 'card') continue
    yield { kind: 'card', start: token.start, end: token.start + match[0].length, certainty: passesLuhn(digits) ? 'checked' : 'shaped' }
  }
}

const PRINTED = /(?:\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ \u00a0-])\d{6}\2\d{4,5}|\d{12,19})(?![\p{L}\d]|[.,-]\d)/uy

/** In this order: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro. */
const ISSUERS =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|3(?:0[0-59]|[689]\d)\d{11,16}|35\d{14,17}|62\d{14,17}|(?:50|5[6-9]|6\d)\d{10,17})$/

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    sum += index % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9
  }
  return sum % 10 === 0
}

function isInsideNumber(text: string, start: number): boolean {
  return '.,-/'.includes(text[start - 1] ?? ' ') && isLetterOrDigit(text.charCodeAt(start - 2))
}
