import type { DocumentType } from '../../contracts/extraction.ts'
import { TYPE_VOCABULARY } from './document-type-vocabulary.ts'
import { compilePhrases, findPhrases, type PhraseHit } from './phrases.ts'
import type { Line, ReadPage, Span } from './reading.ts'

/** A name in a title says what the document is; the same word in a sentence only says what it is about. */
const NAME_AS_TITLE = 10
const NAME_AT_BEGINNING = 3
const NAME_LATER = 0.5
const TERM_AT_BEGINNING = 1.5
const TERM_LATER = 1

/** Salutation and closing are nearly all that letters have in common, and little else has both. */
const LETTER_TERM = 2.5

/** Of a phrase that is repeated only the first occurrences count, so that a long text about contracts does not become one. */
const REPETITIONS_MAX = 2

/** A line of its own: "Madame,", "Dear Ms Brown,", "Sehr geehrte Frau Schmidt!". */
const SALUTATION =
  /^(?:Dear|Hello|Sehr geehrte|Liebe|Lieber|Guten Tag|Madame|Monsieur|Mesdames|Cher|Chère|Estimad|Muy señor|Gentile|Egregi|Spettabile|Geachte|Beste)[^,.:!\n]{0,60}(?:, Monsieur)?[,:!]$/u

const TITLE_LINES_MAX = 20
const TITLE_WORDS_MAX = 7
const BEGINNING_LENGTH = 1_500

/** A title alone is convincing, and so are several terms; two words out of a vocabulary are not. */
const SCORE_MIN = 5

/** The type whose names and terms weigh most, `other` when nothing is convincing. */
export function documentType(pages: readonly ReadPage[]): DocumentType {
  const scores = new Map<DocumentType, number>()
  const seen = new Map<string, number>()
  let titled = false
  for (const [pageIndex, page] of pages.entries()) {
    for (const hit of findPhrases(page, PHRASES)) {
      const phrase = `${hit.value.type} ${page.text.slice(hit.start, hit.end).toLowerCase()}`
      const repetition = (seen.get(phrase) ?? 0) + 1
      seen.set(phrase, repetition)
      const title: boolean = !titled && pageIndex === 0 && hit.value.isName && isTitle(page, hit)
      titled ||= title
      if (repetition > REPETITIONS_MAX && !title) continue
      scores.set(hit.value.type, (scores.get(hit.value.type) ?? 0) + (title ? NAME_AS_TITLE : weight(hit, pageIndex)))
    }
  }
  if (pages[0]?.lines.some((line) => SALUTATION.test(line.text))) scores.set('letter', (scores.get('letter') ?? 0) + LETTER_TERM)
  const [best] = [...scores].sort((a, b) => b[1] - a[1])
  return best && best[1] >= SCORE_MIN ? best[0] : 'other'
}

/** The line of the first page by which the document calls itself something. */
export function findTitle(page: ReadPage): Span | null {
  const hit = findPhrases(page, PHRASES).find((candidate) => candidate.value.isName && isTitle(page, candidate))
  const line = hit && page.lines[hit.line]
  return line ? { page: page.number, start: line.start, end: line.end } : null
}

interface TypePhrase {
  type: DocumentType
  isName: boolean
}

const PHRASES = compilePhrases<TypePhrase>(
  Object.entries(TYPE_VOCABULARY).flatMap(([type, { names, terms }]): [TypePhrase, readonly string[]][] => [
    [{ type: type as DocumentType, isName: false }, terms],
    [{ type: type as DocumentType, isName: true }, names],
  ]),
)

function weight(hit: PhraseHit<TypePhrase>, pageIndex: number): number {
  const early = pageIndex === 0 && hit.start < BEGINNING_LENGTH
  if (hit.value.isName) return early ? NAME_AT_BEGINNING : NAME_LATER
  if (hit.value.type === 'letter') return LETTER_TERM
  return early ? TERM_AT_BEGINNING : TERM_LATER
}

/** One of the first lines, short, no sentence and no `label: value`, with the name near its beginning or at its end. */
function isTitle(page: ReadPage, hit: PhraseHit<TypePhrase>): boolean {
  const line: Line | undefined = page.lines[hit.line]
  if (!line || hit.line >= TITLE_LINES_MAX) return false
  const words = line.text.split(/\s+/, TITLE_WORDS_MAX + 1).length
  const afterName = page.text.slice(hit.end, line.end)
  if (words > TITLE_WORDS_MAX || /[,;]$|\p{Ll}{3}\.$/u.test(line.text) || /^\s*:\s*\S/.test(afterName)) return false
  const ahead = page.text.slice(line.start, hit.start).trim()
  return ahead === '' || afterName.trim() === '' || ahead.split(/\s+/).length <= 2
}
