import type { Paper, Style } from './paper.ts'

/** What a business document is made of: headings, paragraphs, labelled values, numbered clauses, tables. Each moves `paper.y` down. */
export function heading(paper: Paper, text: string, style: Style = {}): void {
  const wanted: Style = { weight: 'bold', sizePt: 11, color: paper.accent, ...style }
  paper.y += 8
  paper.need(paper.lineHeight(wanted) + 44)
  paper.put(text, paper.left, paper.y, wanted)
  paper.y += paper.lineHeight(wanted) + 3
}

export function paragraph(paper: Paper, text: string, style: Style = {}, indent = 0): void {
  const lines = paper.wrap(text, paper.width - indent, style)
  const height = paper.lineHeight(style)
  paper.need(height * Math.min(lines.length, 2))
  for (const line of lines) {
    paper.need(height)
    paper.put(line, paper.left + indent, paper.y, style)
    paper.y += height
  }
  paper.y += height * 0.45
}

/** A numbered clause with a hanging indent: `9.4  The Supplier …`. */
export function clause(paper: Paper, number: string, text: string): void {
  const indent = 30
  const lines = paper.wrap(text, paper.width - indent)
  const height = paper.lineHeight()
  paper.need(height * Math.min(lines.length, 2))
  for (const [index, line] of lines.entries()) {
    paper.need(height)
    if (index === 0) paper.put(number, paper.left, paper.y)
    paper.put(line, paper.left + indent, paper.y)
    paper.y += height
  }
  paper.y += height * 0.35
}

/** Label and value at one baseline, so that an extractor reads them as one line. */
export function pairs(paper: Paper, rows: readonly (readonly [string, string])[], x: number, labelWidth: number, style: Style = {}): void {
  const height = paper.lineHeight(style)
  const valueWidth = paper.left + paper.width - x - labelWidth
  for (const [label, value] of rows) {
    const lines = paper.wrap(value, valueWidth, style)
    paper.need(height * lines.length)
    paper.put(label, x, paper.y, { ...style, color: '#555555' })
    for (const line of lines) {
      paper.put(line, x + labelWidth, paper.y, style)
      paper.y += height
    }
  }
  paper.y += 4
}

/** Labelled amounts below a table, flush right; the last row is the one that counts. */
export function totals(paper: Paper, rows: readonly (readonly [string, string])[]): void {
  const right = paper.left + paper.width
  const from = right - 250
  paper.need(rows.length * 17 + 8)
  for (const [index, [label, value]] of rows.entries()) {
    const last = index === rows.length - 1
    const style: Style = last ? { weight: 'bold', sizePt: 11 } : {}
    if (last) {
      paper.rule(paper.y, paper.accent, from, right)
      paper.y += 5
    }
    paper.put(label, from, paper.y, style)
    paper.put(value, right - 4, paper.y, style, 'right')
    paper.y += last ? 20 : 15
  }
}

interface Column {
  title: string
  width: number
  align?: 'right'
}

/** A table whose head is repeated on every page. A cell may be longer than its column: it is wrapped, line by line across the row. */
export function table(paper: Paper, columns: readonly Column[], rows: readonly (readonly string[])[], style: Style = { sizePt: 9 }): void {
  const height = paper.lineHeight(style)
  paper.need(height * 4)
  drawHead()
  for (const row of rows) {
    const cells = row.map((cell, index) => paper.wrap(cell, (columns[index]?.width ?? 0) - 10, style))
    const lines = Math.max(...cells.map((cell) => cell.length))
    if (paper.need(lines * height + 6)) drawHead()
    for (let line = 0; line < lines; line++) {
      drawLine(
        cells.map((cell) => cell[line] ?? ''),
        style,
      )
      paper.y += height
    }
    paper.rule(paper.y + 1, '#dddddd')
    paper.y += 5
  }
  paper.y += 6

  function drawHead(): void {
    paper.box(paper.left, paper.y - 5, paper.width, height + 7, paper.accent)
    drawLine(
      columns.map((column) => column.title),
      { ...style, weight: 'bold', color: '#ffffff' },
    )
    paper.y += height + 8
  }

  function drawLine(cells: readonly string[], cellStyle: Style): void {
    let x = paper.left
    for (const [index, column] of columns.entries()) {
      const text = cells[index] ?? ''
      if (text !== '' && column.align === 'right') paper.put(text, x + column.width - 5, paper.y, cellStyle, 'right')
      else if (text !== '') paper.put(text, x + 5, paper.y, cellStyle)
      x += column.width
    }
  }
}
