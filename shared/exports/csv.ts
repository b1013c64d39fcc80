import { stringify } from 'csv-stringify/sync'

export type Cell = string | number | boolean | null | readonly string[]

interface CsvForm {
  delimiter?: ',' | ';'
  /** Begins with the mark of UTF-8, by which a spreadsheet knows the encoding. */
  bom?: boolean
}

/**
 * Rows as CSV (RFC 4180), each with its end of line. A text that a spreadsheet would compute (it begins with =, +, -, @, a tab or a carriage return) is
 * preceded by an apostrophe. A list is one cell, its items between spaces; null is an empty cell.
 */
export function toCsv(rows: readonly (readonly Cell[])[], form: CsvForm = {}): string {
  return stringify(
    rows.map((row) => row.map(textOf)),
    // The library quotes what holds its own end of line; others end a line as well.
    { ...form, escape_formulas: true, record_delimiter: '\r\n', quoted_match: /[\r\n]/ },
  )
}

function textOf(cell: Cell): string | number {
  if (typeof cell === 'object' && cell !== null) return cell.join(' ')
  return typeof cell === 'boolean' ? String(cell) : (cell ?? '')
}
