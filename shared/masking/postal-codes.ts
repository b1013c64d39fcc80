import { isLetterOrDigit, matchAt } from './characters.ts'
import type { NumberToken, Source } from './source.ts'
import type { Span } from './streets.ts'

/**
 * A postal code, with its town where one follows. `certain`: its form says so, in this text's country or everywhere. The others, bare digits and a word
 * with a capital, are as often an amount and its unit: they count only behind a street.
 */
export function postalCodeAt({ text, countries }: Source, token: NumberToken): (Span & { certain: boolean }) | null {
  if (token.end - token.digits > DIGITS_MAX) return null
  const start = countryStart(text, token.start)
  if (isLetterOrDigit(text.charCodeAt(start - 1)) || '.,-/'.includes(text[start - 1] ?? ' ')) return null
  const digits = token.end - token.digits
  for (const { pattern, certain } of FORMS[start < token.digits ? 'letters' : digits] ?? []) {
    if (!matchAt(pattern, text, start)) continue
    const isCertain = typeof certain === 'string' ? certain === 'everywhere' : certain.some((country) => countries.includes(country))
    return { start, end: pattern.lastIndex, certain: isCertain }
  }
  return null
}

const DIGITS_MAX = 5

/** `Frankfurt am Main`, `Villingen-Schwenningen`, `L'Haÿ-les-Roses`. */
const WORD = "(?:St\\. )?\\p{Lu}[\\p{L}'’-]{1,30}"
const TOWN = `${WORD}(?: (?:(?:am?|an der|auf|bei|de|del|di|do|d\\.|i\\.|im|in|la|le|ob|of|sur|sous|u|v\\.) )?${WORD}){0,2}(?![\\p{L}\\d])`
/** What a number with a capital behind it counts in running text. */
const NO_UNIT =
  '(?!(?:Euro|Stück|Stk|Einwohner|Mitarbeiter|Mal|Meter|Kilometer|Punkte|Units|Pieces|Zeichen|Tonnen|Liter|Kunden|Personen|Jahre)(?!\\p{L}))'

interface Form {
  pattern: RegExp
  /** In these countries, everywhere, or nowhere. */
  certain: readonly string[] | 'everywhere' | 'nowhere'
}

const DUTCH: Form = { pattern: sticky(`(?:NL-?)?[1-9]\\d{3} ?(?!S[ADS])[A-Z]{2}(?![\\p{L}\\d])(?:,? {1,2}${TOWN})?`), certain: ['NL'] }
const POLISH: Form = { pattern: sticky(`(?:PL-)?\\d{2}-\\d{3} ${NO_UNIT}${TOWN}`), certain: ['PL'] }
const PORTUGUESE: Form = { pattern: sticky(`(?:PT?-)?[1-9]\\d{3}-\\d{3}(?: ${NO_UNIT}${TOWN})?(?!\\d|[.,-]\\d)`), certain: ['PT'] }
const BARE: Form = { pattern: sticky(`\\d{4,5} {1,2}${NO_UNIT}${TOWN}`), certain: 'nowhere' }

/** By what a code begins with, letters or a group of so many digits; in the order in which they are tried. */
const FORMS: Readonly<Record<number | 'letters', readonly Form[]>> = {
  letters: [
    { pattern: sticky('[A-Z]{1,2}\\d[A-Z\\d]? \\d[ABD-HJLNP-UW-Z]{2}(?![\\p{L}\\d])'), certain: 'everywhere' },
    { pattern: sticky('[AC-FHKNPRTV-Y]\\d[\\dW] [\\dAC-FHKNPRTV-Y]{4}(?![\\p{L}\\d])'), certain: ['IE'] },
    DUTCH,
    POLISH,
    PORTUGUESE,
    { pattern: sticky(`(?:D|A|CH|F|B|L|I|E|DE|AT|FR|BE|LU|IT|ES|DK|SE|FI|NO|SI|HR|HU)-\\d{4,5} ${TOWN}`), certain: 'everywhere' },
  ],
  2: [POLISH],
  3: [{ pattern: sticky(`\\d{3} \\d{2} ${NO_UNIT}${TOWN}`), certain: 'nowhere' }],
  4: [DUTCH, PORTUGUESE, BARE],
  5: [BARE],
}

function sticky(pattern: string): RegExp {
  return new RegExp(pattern, 'uy')
}

/** `D-10115`: one or two letters and a hyphen before the digits are the country. */
function countryStart(text: string, start: number): number {
  if (text[start - 1] !== '-') return start
  const letters = /(?:^|[^\p{L}\d])([A-Z]{1,2})-$/u.exec(text.slice(Math.max(0, start - 4), start))?.[1]
  return letters ? start - 1 - letters.length : start
}
