import type { DocumentPath } from '../../contracts/document-schemas.ts'
import type { DocumentType, FieldCheck, ReadField } from '../../contracts/extraction.ts'

/** Cents. Lines, rates and totals are rounded one by one: so much may be lost for each number that is added up. */
const ROUNDING_CENTS = 1

type Fields = Readonly<Record<string, ReadField>>

/**
 * What does not fit together, by the paths of the fields that are involved: totals that do not add up, a day that comes before the one it must follow. Only
 * fields with evidence are held against each other: a number that nobody found in the document contradicts nothing. `texts` are those of its pages.
 */
export function findContradictions(fields: Fields, texts: readonly string[]): Map<string, FieldCheck[]> {
  const found = new Map<string, FieldCheck[]>()
  const mark = (check: FieldCheck, paths: readonly string[]) => {
    for (const path of paths) found.set(path, [...(found.get(path) ?? []), check])
  }
  for (const sum of SUMS) {
    const violated = sumOf(fields, sum)
    if (violated) mark('sum_mismatch', violated)
  }
  const lines = unaddedLines(fields, texts)
  if (lines) mark('sum_mismatch', lines)
  for (const [before, after] of ORDER) {
    const [first, second] = [dayOf(fields, before), dayOf(fields, after)]
    if (first !== null && second !== null && first > second) mark('order_mismatch', [before, after])
  }
  return found
}

/** `total` is what `plus` and `minus` add up to, with the items of `list` one by one. */
interface Sum<Path extends string = string> {
  total: Path
  plus: readonly Path[]
  minus?: readonly Path[]
  list?: Path
}

/** Of the fields of one type of document. */
type KnownSum = { [Type in DocumentType]: Sum<DocumentPath<Type>> }[DocumentType]
type KnownOrder = { [Type in DocumentType]: readonly [DocumentPath<Type>, DocumentPath<Type>] }[DocumentType]

const SUMS: readonly KnownSum[] = [
  { total: 'total_gross', plus: ['total_net', 'total_tax'] },
  { total: 'net_pay', plus: ['gross_pay'], minus: ['deductions'] },
  { total: 'closing_balance', plus: ['opening_balance'], list: 'transactions.*.amount' },
]

/** Not after one another: the first is the same day or an earlier one. */
const ORDER = [
  ['issue_date', 'due_date'],
  ['period_start', 'period_end'],
  ['start_date', 'end_date'],
  ['birth_date', 'issue_date'],
  ['issue_date', 'expiry_date'],
] as const satisfies readonly KnownOrder[]

/** The paths of a sum that does not add up; null where it does, or where a part of it is not known. */
function sumOf(fields: Fields, { total, plus, minus = [], list }: Sum): string[] | null {
  const items = list === undefined ? [] : pathsAt(fields, list)
  if (list !== undefined && items.length === 0) return null
  const paths = [...plus, ...minus, ...items]
  const wanted = centsOf(fields, total)
  const parts = paths.map((path) => centsOf(fields, path))
  if (wanted === null || parts.some((cents) => cents === null)) return null
  // Items without an amount of their own (a heading, a line that was cut) leave the sum open.
  if (list !== undefined && items.length !== itemsOf(fields, list)) return null
  const added = paths.reduce((sum, path, at) => sum + (parts[at] ?? 0) * (minus.includes(path) ? -1 : 1), 0)
  if (Math.abs(added - wanted) <= ROUNDING_CENTS * paths.length) return null
  // Deductions are printed with a minus as well as without.
  if (minus.length > 0 && Math.abs(paths.reduce((sum, _, at) => sum + (parts[at] ?? 0), 0) - wanted) <= ROUNDING_CENTS * paths.length)
    return null
  return [total, ...paths]
}

const LINES = 'lines.*.total_net' satisfies DocumentPath<'invoice' | 'credit_note'>

/**
 * What may stand between the lines and their total, or be taken for a line: allowances, charges and carriage on the whole (EN 16931, BG-20 and BG-21), and
 * sums that are carried over to the next page. Folded, in en de fr es it nl; as a part of a word, for there are compounds.
 */
const BESIDE_THE_LINES = new RegExp(
  [
    'discount|rebate|allowance|surcharge|shipping|freight|carriage|postage|delivery|packaging|rounding|carried|brought forward',
    'rabatt|nachlass|abschlag|zuschlag|aufschlag|versand|fracht|porto|verpackung|rundung|ubertrag',
    'remise|rabais|ristourne|majoration|frais|livraison|arrondi|reporter|report\\s+\\d|escompte',
    'descuento|rebaja|recargo|gastos|portes|envio|redondeo|suma y sigue|bonifica',
    'sconto|abbuono|maggiorazione|spese|spedizione|trasporto|arrotondamento|riporto',
    'korting|toeslag|verzend|vracht|verpakking|afronding|transport',
  ].join('|'),
)

/**
 * The paths of an invoice's lines and of its net total, where the lines add up to something else and nothing says why they may: each line has an amount with
 * evidence, no line was reduced (quantity times price is its amount), they are not printed with tax, and the document has no word for what is added
 * to the lines or taken from them. Null otherwise.
 */
function unaddedLines(fields: Fields, texts: readonly string[]): string[] | null {
  const violated = sumOf(fields, { total: 'total_net', plus: [], list: LINES })
  if (!violated || texts.some((text) => BESIDE_THE_LINES.test(folded(text)))) return null
  if (pathsAt(fields, LINES).some((path) => isReduced(fields, path.slice(0, path.lastIndexOf('.'))))) return null
  const withTax = centsOf(fields, 'total_gross') !== null && !sumOf(fields, { total: 'total_gross', plus: [], list: LINES })
  return withTax ? null : violated
}

/** Also where the price is of a hundred pieces, or is printed with fewer decimals than it has: the line is then no simple product. */
function isReduced(fields: Fields, line: string): boolean {
  const [quantity, price, amount] = ['quantity', 'unit_price', 'total_net'].map((name) => decimalOf(fields, `${line}.${name}`))
  if (quantity == null || price == null || amount == null) return false
  return Math.abs(quantity * price - amount) > ROUNDING_CENTS / 100
}

function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}

/** `lines.*.total_net`: of each item that has one. */
function pathsAt(fields: Fields, path: string): string[] {
  return Object.keys(fields).filter((candidate) => candidate.replace(/\.\d+\./g, '.*.') === path)
}

function itemsOf(fields: Fields, list: string): number {
  const name = list.slice(0, list.indexOf('.'))
  return new Set(Object.keys(fields).flatMap((path) => (path.startsWith(`${name}.`) ? [path.split('.')[1]] : []))).size
}

function centsOf(fields: Fields, path: string): number | null {
  const decimal = decimalOf(fields, path)
  return decimal === null ? null : Math.round(decimal * 100)
}

function decimalOf(fields: Fields, path: string): number | null {
  const field = fields[path]
  if (!field || field.evidence.length === 0 || !/^-?\d{1,13}(\.\d+)?$/.test(field.value)) return null
  return Number(field.value)
}

function dayOf(fields: Fields, path: string): string | null {
  const field = fields[path]
  return field && field.evidence.length > 0 && /^\d{4}-\d\d-\d\d$/.test(field.value) ? field.value : null
}
