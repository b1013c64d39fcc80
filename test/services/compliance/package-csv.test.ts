import { expect, test } from 'vitest'
import { packageCsv } from '../../../services/compliance/rights/package-csv.ts'
import { parseCsv } from '../../support/parse-csv.ts'

test('a passage over several lines is one cell of a package, and a telephone number is nothing that a spreadsheet computes', () => {
  const passages = [
    { page: 1, text: 'Dear Ms Amsel\nyour number is +49 30 1234' },
    { page: 2, text: '+49 30 1234' },
  ]
  const document = { document_id: 'one', passages }
  const csv = packageCsv({ documents: [document] })
  expect(csv.startsWith('\u{feff}')).toBe(true)
  expect(parseCsv(csv.slice(1))).toEqual([
    ['document_id', 'section', 'item', 'value'],
    ['one', 'passages', '0.page', '1'],
    ['one', 'passages', '0.text', passages[0]?.text],
    ['one', 'passages', '1.page', '2'],
    ['one', 'passages', '1.text', `'${passages[1]?.text}`],
  ])
})
