import type { Output } from '../output.ts'

export type Align = 'left' | 'right'

const GAP = '  '

/** A table with a dim head. */
export function printTable(
  output: Output,
  head: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  aligns: readonly Align[] = [],
): void {
  const [first, ...lines] = alignRows([head, ...rows], aligns)
  output.line(output.paint('dim', first ?? ''))
  for (const line of lines) output.line(line)
}

/** Rows as aligned lines; the last column is as long as it is. Cells are plain text of one line. */
export function alignRows(rows: ReadonlyArray<readonly string[]>, aligns: readonly Align[] = []): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, aligns[column], column === row.length - 1))
      .join(GAP)
      .trimEnd(),
  )
}

function pad(cell: string, width: number, align: Align | undefined, last: boolean): string {
  const space = ' '.repeat(width - widthOf(cell))
  if (align === 'right') return space + cell
  return last ? cell : cell + space
}

/** Code points, which is the width in every script but the wide ones. */
function widthOf(cell: string): number {
  return [...cell].length
}
