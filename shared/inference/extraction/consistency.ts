import type { DocumentPath } from '../../contracts/document-schemas.ts'
import type { DocumentType, Field, FieldCheck } from '../../contracts/extraction.ts'

/** Cents. Lines, rates and totals are rounded one by one: so much may be lost for each number that is added up. */
const ROUNDING_CENTS = 1

type Fields = Readonly<Record<string, Field>>

/**
 * What does not fit together, by the paths of the fields that are involved: totals that do not add up, a day that comes before the one it must follow. Only
 * fields with evidence are held against each other: a number that nobody found in the document contradicts nothing.
 */
export function findContradictions(fields: Fields): Map<string, FieldCheck[]> {
  const found = new Map<string, FieldCheck[]>()
  const mark = (check: FieldCheck, paths: readonly string[]) => {
    for (const path of paths) found.set(path, [...(found.get(path) ?? []), check])
  }
  for (const sum of SUMS) {
    const violated = sumOf(fields, sum)
    if (violated) mark('sum_mismatch', violated)
  }
  for (const [before, after] of ORDER) {
    const [first, second] = [dayOf(fields, before), dayOf(fields, after)]
    if (first !== null && second !== null && first > second) mark('order_mismatch', [before, after])
  }
  return found
}

/**
 * `total` is what `parts` add up to, each part with its sign; the items of `list` are added one by one. The lines of an
 * invoice are not among them: allowances and charges on the whole of it are printed in too many ways.
 */
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
  const items = list === undefined ? [] : Object.keys(fields).filter((path) => path.replace(/\.\d+\./g, '.*.') === list)
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

function itemsOf(fields: Fields, list: string): number {
  const name = list.slice(0, list.indexOf('.'))
  return new Set(Object.keys(fields).flatMap((path) => (path.startsWith(`${name}.`) ? [path.split('.')[1]] : []))).size
}

function centsOf(fields: Fields, path: string): number | null {
  const field = fields[path]
  if (!field || field.evidence.length === 0 || !/^-?\d{1,13}(\.\d+)?$/.test(field.value)) return null
  return Math.round(Number(field.value) * 100)
}

function dayOf(fields: Fields, path: string): string | null {
  const field = fields[path]
  return field && field.evidence.length > 0 && /^\d{4}-\d\d-\d\d$/.test(field.value) ? field.value : null
}
