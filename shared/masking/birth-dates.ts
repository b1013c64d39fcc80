import { fold } from '../inference/builtin/reading.ts'
import { isLetter, matchAt } from './characters.ts'
import { dateEnd } from './dates.ts'
import type { Candidate } from './finding.ts'
import type { NumberToken, Source } from './source.ts'

/** Between a word of birth and the date may stand a place, or the head of a table. UTF-16 code units. */
const BEFORE_LENGTH_MAX = 60
const AFTER_LENGTH_MAX = 24
const MONTH_LENGTH_MAX = 12

/** Dates that words of birth stand beside, and no other date between. A date alone is never one. */
export function* findBirthDates(source: Source): Generator<Candidate> {
  let behind = 0
  for (const token of source.tokens) {
    if (token.start < behind || token.start !== token.digits || token.end - token.digits > 4) continue
    const found = dateAt(source.text, token)
    if (!found || !isBirth(source.text, found.start, found.end)) continue
    behind = found.end
    yield { kind: 'birth_date', ...found, certainty: 'named' }
  }
}

/** `March 12, 1980`: the month stands before the first digits. */
const MONTH_FIRST = /\p{L}{3,12}\.? \d{1,2}(?:st|nd|rd|th)?,? {1,2}(?:1[89]|20)\d{2}(?![\p{L}\d])/uy

function dateAt(text: string, token: NumberToken): { start: number; end: number } | null {
  if (isLetter(text.charCodeAt(token.start - 1)) || /[\d][.,/-]$/.test(text.slice(Math.max(0, token.start - 2), token.start))) return null
  const end = dateEnd(text, token.start)
  if (end !== null) return { start: token.start, end }
  let start = token.start - 1
  if (text[start] !== ' ') return null
  if (text[start - 1] === '.') start -= 1
  while (token.start - start <= MONTH_LENGTH_MAX + 1 && isLetter(text.charCodeAt(start - 1))) start -= 1
  return matchAt(MONTH_FIRST, text, start) && { start, end: MONTH_FIRST.lastIndex }
}

/** Folded. What is written together with a word for day or date is its own word. */
const BIRTH_WORDS = [
  'born|birth|births|birthday|birthdate|dob|d\\.o\\.b\\.',
  'geb|geboren|geborene|geborener|geburtsdatum|geburtstag|geburtsdaten',
  'nee?s?(?:\\(e\\))? (?:le|a|en)|naissance',
  'nacid[oa]|nacimiento|nacio|nac\\.',
  'nat[oa]|nascita',
  'geboortedatum|geboorte|geboortedag',
  'nascid[oa]|nascimento|nasc\\.',
  'urodzon[ya]|urodzenia|urodził|urodziła|ur\\.',
  'narozen[ay]?|narozeni|narodeny|narodena|narodenia|nar\\.',
  'fodd|fodelsedatum|født|fodt|fødselsdato|fodselsdato|fodselsdag',
  'syntynyt|syntymaaika|syntymapaiva',
  'nascut|nascuta|nasterii',
  'szuletett|szuletesi|szul\\.',
  'rođen|rođena|roden|rodena|rojen|rojena|rojstva|rođenja|rodenja',
  'gimimo|gimes|sundinud|sunniaeg|dzimis|dzimusi|dzimsanas',
  'роден|родена|раждане|γεννησης|γεννηθηκε',
].join('|')
const BIRTH = new RegExp(`(?<![\\p{L}\\d[])(?:${BIRTH_WORDS})(?![\\p{L}_])|\\(\\*`, 'gu')
const AFTER = new RegExp(`^[\\s,()]{0,3}(?:${BIRTH_WORDS})(?![\\p{L}\\d_])`, 'u')
/** Another date takes the word of birth for itself, and so does a label of one on the same line. */
const OTHER_DATE =
  /\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|(?<!\d)(?:1[89]|20)\d{2}(?!\d)|\[birth_date_|(?<!\p{L})\p{L}{0,12}(?:datum|date|data|fecha|dato)(?!\p{L})(?![\s\S]*\n)/u

/** Behind a word, not an abbreviation. */
const SENTENCE_END = /\p{L}{4}[.!?]\s+(?=\p{Lu})/gu

function isBirth(text: string, start: number, end: number): boolean {
  const window = text.slice(Math.max(0, start - BEFORE_LENGTH_MAX), start)
  return isNamedBefore(window) || AFTER.test(fold(text.slice(end, end + AFTER_LENGTH_MAX)))
}

function isNamedBefore(window: string): boolean {
  if (fold(window).search(BIRTH) < 0) return false
  const sentence = [...window.matchAll(SENTENCE_END)].at(-1)
  const before = fold(window.slice(sentence === undefined ? 0 : sentence.index + sentence[0].length))
  const last = [...before.matchAll(BIRTH)].at(-1)
  return last !== undefined && !OTHER_DATE.test(before.slice(last.index + last[0].length))
}
