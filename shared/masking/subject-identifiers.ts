import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import type { IdentifierKind } from '../contracts/subjects.ts'

export interface Identifier {
  kind: IdentifierKind
  /** Normalised: two spellings of one identifier are the same string. */
  value: string
}

const NAME_LENGTH_MAX = 200
/** Forms of address and degrees: they are no part of who somebody is. */
const TITLES = new Set('herr herrn frau mr mrs ms miss dr prof m mme mlle madame monsieur sr sra dott ing'.split(' '))

/**
 * The forms under which an identifier is looked up; none where it is no such thing. `countries` (ISO 3166, the likeliest first) read a telephone number
 * without a country's code. An address of mail keeps what stands behind a `+`: only its own server knows whether that is the same mailbox.
 */
export function normalise(kind: IdentifierKind, given: string, countries: readonly string[] = []): string[] {
  const text = given.normalize('NFKC').trim()
  switch (kind) {
    case 'email':
      return /^[^\s@]+@[^\s@]+$/.test(text) ? [text.toLowerCase()] : []
    case 'phone':
      return phone(text, countries)
    case 'iban':
    case 'id_number':
      return compact(text)
    case 'name':
      return name(text)
    case 'subject_ref':
      return text === '' ? [] : [text]
  }
}

/** E.164. The trunk prefix beside a country's code is dialled from inside alone (DIN 5008). */
function phone(text: string, countries: readonly string[]): string[] {
  const dialled = text.replace('(0)', '').replace(/^\(?(?:00|\+)/, '+')
  if (dialled.startsWith('+')) {
    const digits = dialled.replace(/\D/g, '')
    return digits.length < 5 ? [] : [parsePhoneNumberFromString(dialled)?.number ?? `+${digits}`]
  }
  for (const country of countries) {
    const parsed = isSupportedCountry(country as CountryCode) ? parsePhoneNumberFromString(dialled, country as CountryCode) : undefined
    if (parsed?.isValid()) return [parsed.number]
  }
  return []
}

function compact(text: string): string[] {
  const value = text.replace(/[^\p{L}\p{N}]/gu, '').toUpperCase()
  return value.length < 5 ? [] : [value]
}

/** Words in any order without accents; an umlaut also as the two letters that passports print for it (ICAO 9303-3). */
function name(text: string): string[] {
  const lower = text.slice(0, NAME_LENGTH_MAX).toLowerCase().replaceAll('ß', 'ss')
  const spelled = lower.replaceAll('ä', 'ae').replaceAll('ö', 'oe').replaceAll('ü', 'ue')
  const forms = [lower, spelled].map(words).filter((form) => form.includes(' '))
  return [...new Set(forms)]
}

function words(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '')
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? [])
    .filter((word) => !TITLES.has(word))
    .sort()
    .join(' ')
}
