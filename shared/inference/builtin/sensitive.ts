import type { DataCategory } from '../../contracts/classification.ts'
import type { DataClass } from '../../contracts/document.ts'
import type { Page } from '../../contracts/extraction.ts'
import { findEmails, findIbans, findPhones } from './identifiers.ts'
import { inPieces } from './pieces.ts'
import { type ReadPage, readPages, type Word } from './reading.ts'
import { SENSITIVE_WORDS, type SensitiveCategory } from './sensitive-vocabulary.ts'

/** What rules found of people in a text. */
export interface Sensitive {
  data_classes: DataClass[]
  data_categories: DataCategory[]
}

/**
 * Special (GDPR Art. 9) and criminal (Art. 10) data by words, personal data by identifiers with their form or checksum. It runs before any model sees the
 * text, so that a class can be raised in time; it misses what is said in other words, and takes a text about illness in general for one about somebody's.
 * Reads as much as all rules here do (READ_LENGTH_MAX of reading.ts).
 */
export function findSensitive(pages: readonly Page[]): Sensitive {
  const told = new Set<SensitiveCategory>()
  return conclude(told, look(readPages(pages), told, new Map()))
}

/** The same over all of the text, however long, for whoever shows all of it to somebody: piece by piece, with a turn for other work between them. */
export async function findSensitiveInAll(pages: readonly Page[], signal: AbortSignal): Promise<Sensitive> {
  const told = new Set<SensitiveCategory>()
  const hints: Hints = new Map()
  const identifiers = new Set<DataCategory>()
  for await (const { page, text } of inPieces(pages, signal)) {
    const piece: Page = { number: page.number, method: 'plain', text, reason: null }
    for (const category of look(readPages([piece]), told, hints)) identifiers.add(category)
  }
  return conclude(told, [...identifiers])
}

function look(read: readonly ReadPage[], told: Set<SensitiveCategory>, hints: Hints): DataCategory[] {
  for (const page of read) for (const found of termsIn(page.words)) note(found, told, hints)
  return identifiersIn(read)
}

function conclude(told: ReadonlySet<SensitiveCategory>, identifiers: readonly DataCategory[]): Sensitive {
  const data_classes = [
    ...([...told].some((category) => category !== 'criminal_offence') ? (['special'] as const) : []),
    ...(told.has('criminal_offence') ? (['criminal'] as const) : []),
    ...(identifiers.length > 0 ? (['personal'] as const) : []),
  ]
  return { data_classes, data_categories: [...told, ...identifiers] }
}

type Hints = Map<SensitiveCategory, Set<string>>

const HINTS_MIN = 2

function note({ category, phrase, isTold }: Term, told: Set<SensitiveCategory>, hints: Hints): void {
  if (isTold) {
    told.add(category)
    return
  }
  const known = hints.get(category) ?? new Set()
  hints.set(category, known.add(phrase))
  if (known.size >= HINTS_MIN) told.add(category)
}

function identifiersIn(pages: readonly ReadPage[]): DataCategory[] {
  const any = (find: (page: ReadPage) => readonly { valid: boolean }[]) => pages.some((page) => find(page).some(({ valid }) => valid))
  return [...(any(findIbans) ? (['financial'] as const) : []), ...(any(findEmails) || any(findPhones) ? (['contact'] as const) : [])]
}

interface Term {
  category: SensitiveCategory
  phrase: string
  isTold: boolean
  /** Folded words; the last one without its `*`. */
  words: readonly string[]
  isBeginning: boolean
}

const TERMS: readonly Term[] = Object.entries(SENSITIVE_WORDS).flatMap(([category, { told, hints }]) =>
  [...told.map((phrase) => ({ phrase, isTold: true })), ...hints.map((phrase) => ({ phrase, isTold: false }))].map(
    ({ phrase, isTold }) => ({
      category: category as SensitiveCategory,
      phrase,
      isTold,
      words: phrase.replace('*', '').split(' '),
      isBeginning: phrase.endsWith('*'),
    }),
  ),
)

/** So many letters of a first word choose the terms that are looked at. The shortest first word has three. */
const KEY_LENGTH = 3
const BY_KEY = Map.groupBy(TERMS, ({ words }) => (words[0] ?? '').slice(0, KEY_LENGTH))

function* termsIn(words: readonly Word[]): Generator<Term> {
  for (const [at, word] of words.entries()) {
    for (const term of BY_KEY.get(word.folded.slice(0, KEY_LENGTH)) ?? []) if (stands(term, words, at)) yield term
  }
}

function stands(term: Term, words: readonly Word[], at: number): boolean {
  return term.words.every((wanted, index) => {
    const word = words[at + index]?.folded
    if (word === undefined) return false
    return term.isBeginning && index === term.words.length - 1 ? word.startsWith(wanted) : word === wanted
  })
}
