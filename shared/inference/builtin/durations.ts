import { fold, type ReadPage, type Span } from './reading.ts'

/** `iso` is an ISO 8601 duration: P30D, P2W, P3M, P1Y. */
export interface FoundDuration {
  iso: string
  span: Span
}

/** Durations in days, weeks, months and years, in figures or words up to twelve: "30 days", "drei Monate", "trois (3) mois". */
export function findDurations(page: ReadPage): FoundDuration[] {
  const found: FoundDuration[] = []
  for (const [index, word] of page.words.entries()) {
    const unit = UNITS.get(word.folded)
    const [one, two] = [page.words[index - 1], page.words[index - 2]]
    if (!unit || !one) continue
    const count = numberOf(one.folded) ?? (ADJECTIVES.has(one.folded) && two ? numberOf(two.folded) : null)
    const from = numberOf(one.folded) === null ? two : one
    if (count === null || !from || !/^[\s\u00a0()'’-]*$/.test(page.text.slice(one.end, word.start))) continue
    const spelled = page.words[page.words.indexOf(from, index - 2) - 1]
    const start = spelled && numberOf(spelled.folded) === count && spelled.end + 3 > from.start ? spelled.start : from.start
    found.push({ iso: `P${count}${unit}`, span: { page: page.number, start, end: word.end } })
  }
  return found
}

const COUNT_MAX = 999

const NUMBER_WORDS: readonly (readonly string[])[] = [
  ['one', 'a', 'ein', 'eine', 'einem', 'einen', 'einer', 'eines', 'un', 'une', 'una', 'uno', 'een'],
  ['two', 'zwei', 'deux', 'dos', 'due', 'twee'],
  ['three', 'drei', 'trois', 'tres', 'tre', 'drie'],
  ['four', 'vier', 'quatre', 'cuatro', 'quattro'],
  ['five', 'funf', 'cinq', 'cinco', 'cinque', 'vijf'],
  ['six', 'sechs', 'seis', 'sei', 'zes'],
  ['seven', 'sieben', 'sept', 'siete', 'sette', 'zeven'],
  ['eight', 'acht', 'huit', 'ocho', 'otto'],
  ['nine', 'neun', 'neuf', 'nueve', 'nove', 'negen'],
  ['ten', 'zehn', 'dix', 'diez', 'dieci', 'tien'],
  ['eleven', 'elf', 'onze', 'once', 'undici'],
  ['twelve', 'zwolf', 'douze', 'doce', 'dodici', 'twaalf'],
]
const NUMBERS: ReadonlyMap<string, number> = new Map(NUMBER_WORDS.flatMap((words, index) => words.map((word) => [word, index + 1])))

const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    D: [
      'day',
      'days',
      'tag',
      'tage',
      'tagen',
      'jour',
      'jours',
      'dia',
      'dias',
      'giorno',
      'giorni',
      'dag',
      'dagen',
      'werktage',
      'werktagen',
      'kalendertage',
    ],
    W: ['week', 'weeks', 'woche', 'wochen', 'semaine', 'semaines', 'semana', 'semanas', 'settimana', 'settimane', 'weken'],
    M: ['month', 'months', 'monat', 'monate', 'monaten', 'monats', 'mois', 'mes', 'meses', 'mese', 'mesi', 'maand', 'maanden'],
    Y: ['year', 'years', 'jahr', 'jahre', 'jahren', 'jahres', 'an', 'ans', 'annee', 'annees', 'ano', 'anos', 'anno', 'anni', 'jaar'],
  }).flatMap(([unit, words]) => words.map((word): [string, string] => [word, unit])),
)

/** What may stand between number and unit. */
const ADJECTIVES = new Set('full calendar business working consecutive volle vollen ganze kalender naturales habiles hele'.split(' '))

function numberOf(word: string): number | null {
  if (/^\d{1,3}$/.test(word)) return Number(word) <= COUNT_MAX ? Number(word) : null
  return NUMBERS.get(fold(word)) ?? null
}
