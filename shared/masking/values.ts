import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { fold } from '../inference/builtin/reading.ts'
import type { PlaceholderKind } from './placeholders.ts'

/** Longer than any telephone number that a finder takes. */
const PHONE_LENGTH_MAX = 40

/**
 * What makes two spellings one value: case, accents, spaces and punctuation do not count; a telephone number is the same with and without the code of the text's
 * country. Spellings that only a person would know for one value (`12.3.1980`, `12 March 1980`) stay two.
 */
export function normalised(kind: PlaceholderKind, spelled: string, countries: readonly string[]): string {
  switch (kind) {
    case 'text':
    case 'ip':
      return spelled.toLowerCase()
    case 'email':
      return spelled.toLowerCase().normalize('NFC')
    case 'phone':
      return dialled(spelled, countries[0])
    default:
      return fold(spelled)
        .replace(/[^\p{L}\p{N}]+/gu, kind === 'name' || kind === 'address' || kind === 'birth_date' ? ' ' : '')
        .trim()
  }
}

function dialled(spelled: string, country: string | undefined): string {
  const code = country !== undefined && isSupportedCountry(country as CountryCode) ? (country as CountryCode) : undefined
  const known = spelled.length <= PHONE_LENGTH_MAX ? parsePhoneNumberFromString(spelled, code) : undefined
  return known?.number ?? spelled.replace(/[^\d+]/g, '')
}
