import { expect, test } from 'vitest'
import { toCsv } from '../../../shared/exports/csv.ts'
import { parseCsv } from '../../support/parse-csv.ts'

const AWKWARD = ['a,b', 'a "quoted" word', 'two\nlines', 'two\r\nlines', 'a\rb', ' spaces ', 'Łukasz Ελένη', "it's", '', 'a=b', '1-2']

test('what is written is read back by the rules of RFC 4180, whatever the cells hold', () => {
  const rows = [AWKWARD, [...AWKWARD].reverse()]
  expect(parseCsv(toCsv(rows))).toEqual(rows)
  expect(parseCsv(toCsv([[1, true, false, null, ['a', 'b'], []]]))).toEqual([['1', 'true', 'false', '', 'a b', '']])
})

test.each(['=', '+', '-', '@', '\t', '\r'])('a text that begins with %j is nothing that a spreadsheet computes', (sign) => {
  const text = `${sign}HYPERLINK("https://evil.example","x")`
  const [[cell] = []] = parseCsv(toCsv([[text]]))
  expect(cell).toBe(`'${text}`)
  const [[list] = []] = parseCsv(toCsv([[[text, 'more']]]))
  expect(list?.startsWith("'")).toBe(true)
})
