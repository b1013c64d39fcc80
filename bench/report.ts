import { cpuMsEach, type Figures, median, spread } from './rounds.ts'

/** What is asked of one figure of a row. */
export interface Goal {
  of: 'ratio' | 'difference' | 'product'
  atLeast?: number
  atMost?: number
}

/** One line of the table. `product` and `baseline` are medians over the rounds, in `unit`. */
export interface Row {
  name: string
  unit: string
  product: number
  baseline: number | null
  /** Median over the rounds of product / baseline of that round, because neighbours in time met the same machine. */
  ratio: number | null
  ratioSpread: { min: number; max: number } | null
  /** The same of the processor time for one item, all processes on either side. */
  cpuRatio: number | null
  goal: Goal | null
  note?: string
}

interface Measured {
  name: string
  unit: string
  measured: { product: readonly Figures[]; baseline: readonly Figures[] }
  /** The compared figure of one round: `perSecond`, `wallMsEach`, `cpuMsEach` of rounds.ts, or one of your own. */
  of: (figures: Figures) => number
  goal: Goal | null
  note?: string
}

export function compare({ measured: { product, baseline }, of, ...row }: Measured): Row {
  const ratios = pairwise(product, baseline, of)
  return {
    ...row,
    product: median(product.map(of)),
    baseline: median(baseline.map(of)),
    ratio: median(ratios),
    ratioSpread: spread(ratios),
    cpuRatio: median(pairwise(product, baseline, cpuMsEach)),
  }
}

/** A figure that nothing is compared with. */
export function single(row: Pick<Row, 'name' | 'unit' | 'product' | 'goal'> & { note?: string }): Row {
  return { ...row, baseline: null, ratio: null, ratioSpread: null, cpuRatio: null }
}

/** Null where there is no goal. */
export function isMet({ goal, product, baseline, ratio }: Row): boolean | null {
  if (!goal) return null
  const figure = goal.of === 'product' ? product : goal.of === 'ratio' ? ratio : baseline === null ? null : product - baseline
  if (figure === null) throw new Error(`there is no ${goal.of} to hold against a goal`)
  return figure >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && figure <= (goal.atMost ?? Number.POSITIVE_INFINITY)
}

export function table(rows: readonly Row[]): string {
  const head = ['measured', 'unit', 'product', 'baseline', 'ratio', 'min..max', 'CPU ratio', 'goal', 'met']
  const cells = rows.map((row) => [
    row.name,
    row.unit,
    figure(row.product),
    figure(row.baseline),
    figure(row.ratio),
    row.ratioSpread ? `${figure(row.ratioSpread.min)}..${figure(row.ratioSpread.max)}` : '',
    figure(row.cpuRatio),
    describe(row.goal),
    { true: 'yes', false: 'NO', null: '' }[`${isMet(row)}`],
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)))
  const isText = (column: number) => column < 2 || column > 6
  const lines = [head, ...cells].map((line) =>
    line
      .map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  const notes = rows.flatMap((row) => (row.note ? [`${row.name}: ${row.note}`] : []))
  return [lines[0], rule, ...lines.slice(1), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')
}

function pairwise(product: readonly Figures[], baseline: readonly Figures[], of: (figures: Figures) => number): number[] {
  return product.map((figures, round) => {
    const other = baseline[round]
    if (!other) throw new Error('product and baseline were measured in the same rounds')
    return of(figures) / of(other)
  })
}

/** Three significant digits, and every digit of a whole number from 100 on. */
function figure(value: number | null): string {
  if (value === null) return ''
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function describe(goal: Goal | null): string {
  if (!goal) return ''
  const bound = goal.atLeast !== undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`
  return goal.of === 'difference' ? `${bound} more` : bound
}
