import { buffer } from 'node:stream/consumers'
import { PDFParse } from 'pdf-parse'
import { expect, test } from 'vitest'
import { type Section, writePdf } from '../../../services/compliance/pdf/report.ts'

const DATE = new Date('2026-11-26T00:00:00Z')
const NAMES = ['Ελένη Παπαδοπούλου', 'Łukasz Żółć', 'Анна Щербакова']
const ROWS = 120

function report(rows: Iterable<string[]> | AsyncIterable<string[]>) {
  const table: Section['table'] = {
    columns: [
      { title: 'Number', width: 1 },
      { title: 'Name', width: 3 },
    ],
    rows,
  }
  return writePdf({ title: 'Record', subtitle: 'November', footer: 'Greffier', date: DATE, sections: [{ heading: 'Events', table }] })
}

function* named(): Generator<string[]> {
  for (let at = 0; at < ROWS; at++) yield [`row-${at}-end`, NAMES[at % NAMES.length] ?? '']
}

test('every row is in the PDF with its Greek, Polish and Cyrillic names, under a head that each page repeats', async () => {
  const parser = new PDFParse({ data: new Uint8Array(await buffer(report(named()))) })
  const { pages, text } = await parser.getText()
  await parser.destroy()
  expect(pages.length).toBeGreaterThan(1)
  for (const [index, page] of pages.entries()) {
    expect(page.text.normalize()).toContain('Number')
    expect(page.text).toContain(`Page ${index + 1}`)
  }
  for (let at = 0; at < ROWS; at++) expect(text).toContain(`row-${at}-end`)
  for (const name of NAMES) expect(text).toContain(name)
})

test('the same report with the same date is the same file', async () => {
  expect(await buffer(report(named()))).toEqual(await buffer(report(named())))
})

test('an error of the source breaks the stream instead of ending a part as if it were whole', async () => {
  async function* failing() {
    yield ['1', 'Ada']
    throw new Error('the database is gone')
  }
  await expect(buffer(report(failing()))).rejects.toThrow('the database is gone')
})
