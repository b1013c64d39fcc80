import { getCountrySpecifications, isValidIBAN } from 'ibantools'
import type { ReadPage, Span } from './reading.ts'

/** `value` is the compact form; `valid` says whether its checksum holds. */
export interface FoundIdentifier {
  value: string
  valid: boolean
  span: Span
}

/** IBANs (ISO 13616), spaced or not. One whose checksum fails is given with `valid: false`, when its length and letters are those of its country. */
export function findIbans(page: ReadPage): FoundIdentifier[] {
  const found: FoundIdentifier[] = []
  for (const match of page.text.matchAll(IBAN_BEGINNING)) {
    const country = COUNTRIES[match[0].slice(0, 2)]
    const end = country?.chars ? endOfCharacters(page.text, match.index, country.chars) : null
    if (end === null) continue
    const value = page.text.slice(match.index, end).replace(/[^A-Z\d]/g, '')
    if (!country?.bban_regexp || !new RegExp(country.bban_regexp).test(value.slice(4))) continue
    found.push({ value, valid: isValidIBAN(value), span: { page: page.number, start: match.index, end } })
  }
  return found
}

/** Addresses of mail in the common form of RFC 5321: a name without quotes, a domain with a dot. `value` keeps its case, except that of the domain. */
export function findEmails(page: ReadPage): FoundIdentifier[] {
  return [...page.text.matchAll(EMAIL)].map((match) => {
    const at = match[0].lastIndexOf('@')
    const value = match[0].slice(0, at) + match[0].slice(at).toLowerCase()
    return { value, valid: true, span: { page: page.number, start: match.index, end: match.index + match[0].length } }
  })
}

/** Telephone numbers that begin with `+` (E.164, eight to fifteen digits). `value` has no spaces. Others need a label: see findLocalPhone. */
export function findPhones(page: ReadPage): FoundIdentifier[] {
  return [...page.text.matchAll(INTERNATIONAL_PHONE)].flatMap((match) => phone(page, match.index, match[0]))
}

/** The number that stands at the offset, when it looks like one: for after a label such as `Tel.`. */
export function findLocalPhone(page: ReadPage, from: number): FoundIdentifier | null {
  const match = LOCAL_PHONE.exec(page.text.slice(from, from + PHONE_LENGTH_MAX))
  return match?.[1] ? (phone(page, from + match[0].length - match[1].length, match[1])[0] ?? null) : null
}

const COUNTRIES = getCountrySpecifications()
const IBAN_BEGINNING = /(?<![\p{L}\d])[A-Z]{2}\d{2}(?=[ \u00a0-]?[A-Z\d]{1,4})/gu
const EMAIL = /(?<![\w.%+-])[\w%+-][\w.%+-]{0,63}@(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.){1,5}[a-z]{2,24}(?![\w-])/gi
const INTERNATIONAL_PHONE = /(?<![\p{L}\d+])\+[1-9](?:[ \u00a0()/.-]{0,2}\d){7,14}(?!\d)/gu
const LOCAL_PHONE = /^[ \u00a0\t.:]{0,4}(?:(?:no|nr|n°|number)[. :]{0,3})?(\+?\(?\d(?:[ \u00a0()/.-]{0,3}\d){4,14})(?!\d)/iu
const PHONE_LENGTH_MAX = 60
const PHONE_DIGITS_MIN = 6

/** Where the n-th letter or digit from `start` ends, over single spaces; null when something else comes first, or the run goes on. */
function endOfCharacters(text: string, start: number, characters: number): number | null {
  let at = start
  for (let seen = 0; seen < characters; at += 1) {
    const character = text[at] ?? ''
    if (/[A-Z\d]/.test(character)) seen += 1
    else if (!/[ \u00a0-]/.test(character) || /[ \u00a0-]/.test(text[at - 1] ?? '')) return null
  }
  return /[\p{L}\d]/u.test(text[at] ?? '') ? null : at
}

function phone(page: ReadPage, start: number, printed: string): FoundIdentifier[] {
  const value = printed.replace('(0)', '').replace(/[^\d+]/g, '')
  if (value.replace('+', '').length < PHONE_DIGITS_MIN) return []
  return [{ value, valid: true, span: { page: page.number, start, end: start + printed.length } }]
}
