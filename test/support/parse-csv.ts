/** Rows of a text in the form of RFC 4180, or an error where it is none: written for tests, which should not read by the code that wrote. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let at = 0
  while (at < text.length) {
    const row: string[] = []
    for (;;) {
      const cell = text[at] === '"' ? quoted() : plain()
      row.push(cell)
      if (text[at] === ',') at++
      else break
    }
    if (text.slice(at, at + 2) !== '\r\n') throw new Error(`no end of line at ${at}`)
    at += 2
    rows.push(row)
  }
  return rows

  function quoted(): string {
    let cell = ''
    for (at++; ; at++) {
      if (at >= text.length) throw new Error('a quote is not closed')
      if (text[at] !== '"') cell += text[at]
      else if (text[at + 1] === '"') {
        cell += '"'
        at++
      } else {
        at++
        return cell
      }
    }
  }

  function plain(): string {
    const end = text.slice(at).search(/[,\r\n]/)
    const cell = text.slice(at, end === -1 ? undefined : at + end)
    if (cell.includes('"')) throw new Error(`a bare quote at ${at}`)
    at += cell.length
    return cell
  }
}
