import { createRequire } from 'node:module'
import { PassThrough, type Readable } from 'node:stream'
import PDFDocument from 'pdfkit'
import { nextTurn } from '../../../shared/runtime/turns.ts'
import { setByCharacter } from './set-by-character.ts'

export interface Section {
  heading: string
  paragraphs?: string[]
  /** Short values, each beside its label. */
  facts?: [label: string, value: string][]
  /** Widths are shares of the line: 1 and 3 make a quarter and the rest. */
  table?: { columns: { title: string; width: number; align?: 'right' }[]; rows: AsyncIterable<string[]> | Iterable<string[]> }
}

export interface Report {
  title: string
  subtitle: string
  sections: AsyncIterable<Section> | Iterable<Section>
  footer: string
  /** BCP 47; English unless it says otherwise. */
  language?: string
  /** Stands in the metadata: the same report with the same date is the same file. */
  date: Date
}

const MARGIN_PT = 56
const FOOTER_PT = 30
const GAP_PT = 6
const LABEL_SHARE = 0.3
/** A cell is cut there, with an ellipsis: one value cannot fill a page. */
const CELL_LINES_MAX = 40
const FONTS = { regular: 'DejaVuSansCondensed.ttf', bold: 'DejaVuSansCondensed-Bold.ttf' } as const
const SIZES_PT = { title: 21, subtitle: 10.5, heading: 13, text: 9.5, cell: 7.5, footer: 7.5 } as const
const LEADING = 1.35
const INK = '#1c2430'
const QUIET = '#5d6775'
const LINE = '#d4d9e0'

type Weight = keyof typeof FONTS
interface Style {
  sizePt: number
  weight?: Weight
  colour?: string
}

/**
 * The report as a PDF of A4 pages, written as its sections come: nothing but the current page is kept, and the source waits while the reader does.
 * An error of the source destroys the stream. The font holds Latin, Greek and Cyrillic letters: names in Europe are none of WinAnsi.
 */
export function writePdf(report: Report): Readable {
  const document = new PDFDocument({
    size: 'A4',
    margins: { top: MARGIN_PT, left: MARGIN_PT, right: MARGIN_PT, bottom: MARGIN_PT },
    autoFirstPage: false,
    lang: report.language ?? 'en',
    displayTitle: true,
    pdfVersion: '1.7',
    info: { Title: report.title, Subject: report.subtitle, Creator: 'Greffier', Producer: 'Greffier', CreationDate: report.date },
    // Identifiers are all different: remembering how each is set would keep every one of them.
    fontLayoutCache: false,
  } as PDFKit.PDFDocumentOptions)
  const out = document.pipe(new PassThrough())
  document.on('error', (error: Error) => out.destroy(error))
  write(document, out, report).then(
    () => document.end(),
    (error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))),
  )
  return out
}

async function write(document: PDFKit.PDFDocument, out: PassThrough, report: Report): Promise<void> {
  const page = createPage(document, report.footer)
  page.turn()
  page.text(report.title, { sizePt: SIZES_PT.title, weight: 'bold' })
  page.text(report.subtitle, { sizePt: SIZES_PT.subtitle, colour: QUIET })
  page.rule(INK)
  for await (const section of report.sections) {
    page.heading(section.heading)
    for (const paragraph of section.paragraphs ?? []) page.text(paragraph, { sizePt: SIZES_PT.text })
    for (const [label, value] of section.facts ?? []) page.fact(label, value)
    if (section.table) {
      const { columns, rows } = section.table
      page.row(columns, titles(columns), true)
      for await (const row of rows) {
        if (page.row(columns, row, false) === 'full') {
          page.turn()
          page.row(columns, titles(columns), true)
          page.row(columns, row, false)
          // A long table is much work: others have their turn once a page.
          await nextTurn()
        }
        await drained(out)
      }
    }
    await drained(out)
  }
}

type Columns = NonNullable<Section['table']>['columns']

function titles(columns: Columns): string[] {
  return columns.map(({ title }) => title)
}

/** Resolves when the reader has taken what was written, and throws when it is gone. */
async function drained(out: PassThrough): Promise<void> {
  if (out.destroyed) throw new Error('the reader of the report is gone')
  if (!out.writableNeedDrain) return
  await new Promise<void>((resolve) => {
    const go = () => {
      for (const event of ['drain', 'close']) out.off(event, go)
      resolve()
    }
    for (const event of ['drain', 'close']) out.on(event, go)
  })
  if (out.destroyed) throw new Error('the reader of the report is gone')
}

function createPage(document: PDFKit.PDFDocument, footer: string) {
  const require = createRequire(import.meta.url)
  for (const [weight, file] of Object.entries(FONTS)) {
    document.registerFont(weight, require.resolve(`dejavu-fonts-ttf/ttf/${file}`))
    setByCharacter(document.font(weight))
  }
  const measure = { regular: createMeasure(document, 'regular'), bold: createMeasure(document, 'bold') }
  let number = 0
  let y = 0
  const width = () => document.page.width - 2 * MARGIN_PT
  const bottom = () => document.page.height - MARGIN_PT - GAP_PT

  const put = (text: string, x: number, top: number, { sizePt, weight = 'regular', colour = INK }: Style) => {
    document.font(weight).fontSize(sizePt).fillColor(colour).text(text.normalize('NFC'), x, top, { lineBreak: false })
  }
  const line = (colour: string) => {
    document
      .moveTo(MARGIN_PT, y)
      .lineTo(MARGIN_PT + width(), y)
      .lineWidth(0.6)
      .strokeColor(colour)
      .stroke()
  }
  const turn = () => {
    document.addPage()
    number += 1
    y = MARGIN_PT
    const top = document.page.height - FOOTER_PT - SIZES_PT.footer
    const style = { sizePt: SIZES_PT.footer, colour: QUIET }
    const label = `Page ${number}`
    put(wrap(footer, width() * 0.85, style.sizePt, measure.regular)[0] ?? '', MARGIN_PT, top, style)
    put(label, MARGIN_PT + width() - measure.regular(label) * style.sizePt, top, style)
  }
  const room = (heightPt: number) => {
    if (y + heightPt > bottom()) turn()
  }
  const text = (value: string, style: Style) => {
    const heightPt = style.sizePt * LEADING
    for (const part of wrap(value, width(), style.sizePt, measure[style.weight ?? 'regular'])) {
      room(heightPt)
      put(part, MARGIN_PT, y, style)
      y += heightPt
    }
    y += GAP_PT / 2
  }

  return {
    turn,
    text,
    rule: (colour: string) => {
      line(colour)
      y += GAP_PT
    },
    heading: (value: string) => {
      y += 2 * GAP_PT
      // A heading at the foot of a page belongs to nothing: it takes some lines with it.
      room(6 * SIZES_PT.heading)
      text(value, { sizePt: SIZES_PT.heading, weight: 'bold' })
    },
    fact: (label: string, value: string) => {
      const style = { sizePt: SIZES_PT.text }
      const heightPt = style.sizePt * LEADING
      const x = width() * LABEL_SHARE
      const labels = wrap(label, x - GAP_PT, style.sizePt, measure.regular)
      const values = wrap(value, width() - x, style.sizePt, measure.regular)
      for (let at = 0; at < Math.max(labels.length, values.length); at++) {
        room(heightPt)
        put(labels[at] ?? '', MARGIN_PT, y, { ...style, colour: QUIET })
        put(values[at] ?? '', MARGIN_PT + x, y, style)
        y += heightPt
      }
      y += 1.5
    },
    /** `full`: the page has no room for it, and nothing was written. */
    row: (columns: Columns, row: readonly string[], head: boolean): 'written' | 'full' => {
      const style: Style = { sizePt: SIZES_PT.cell, weight: head ? 'bold' : 'regular', colour: head ? QUIET : INK }
      const total = columns.reduce((sum, column) => sum + column.width, 0)
      const widths = columns.map((column) => (width() * column.width) / total)
      const cells = widths.map((cellPt, at) => cell(row[at] ?? '', cellPt - GAP_PT, style.sizePt, measure[style.weight ?? 'regular']))
      const heightPt = Math.max(1, ...cells.map((lines) => lines.length)) * style.sizePt * LEADING + GAP_PT
      if (y + heightPt > bottom()) {
        if (!head) return 'full'
        turn()
      }
      let x = MARGIN_PT
      for (const [at, lines] of cells.entries()) {
        const cellPt = widths[at] ?? 0
        for (const [index, part] of lines.entries()) {
          const partPt = columns[at]?.align === 'right' ? measure[style.weight ?? 'regular'](part) * style.sizePt : null
          put(part, partPt === null ? x : x + cellPt - GAP_PT - partPt, y + GAP_PT / 2 + index * style.sizePt * LEADING, style)
        }
        x += cellPt
      }
      y += heightPt
      line(head ? QUIET : LINE)
      return 'written'
    },
  }
}

/** Advance of a text at one point, by its characters. */
function createMeasure(document: PDFKit.PDFDocument, weight: Weight): (text: string) => number {
  const advances = new Map<string, number>()
  const advance = (character: string) => {
    const known = advances.get(character)
    if (known !== undefined) return known
    const wide = document.font(weight).fontSize(1).widthOfString(character)
    advances.set(character, wide)
    return wide
  }
  return (text) => {
    let sum = 0
    for (const character of text) sum += advance(character)
    return sum
  }
}

function cell(text: string, widthPt: number, sizePt: number, measure: (text: string) => number): string[] {
  const lines = wrap(text, widthPt, sizePt, measure)
  return lines.length <= CELL_LINES_MAX ? lines : [...lines.slice(0, CELL_LINES_MAX - 1), '…']
}

/** Lines no wider than `widthPt`: broken at spaces, and inside a word that is wider than a line. */
function wrap(text: string, widthPt: number, sizePt: number, measure: (text: string) => number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let current = ''
    let usedPt = 0
    for (const word of paragraph.split(/(?<= )/)) {
      const wordPt = measure(word.trimEnd()) * sizePt
      if (usedPt > 0 && usedPt + wordPt > widthPt) {
        lines.push(current.trimEnd())
        current = ''
        usedPt = 0
      }
      if (wordPt <= widthPt) {
        current += word
        usedPt += measure(word) * sizePt
        continue
      }
      for (const character of word) {
        const characterPt = measure(character) * sizePt
        if (usedPt > 0 && usedPt + characterPt > widthPt) {
          lines.push(current)
          current = ''
          usedPt = 0
        }
        current += character
        usedPt += characterPt
      }
    }
    lines.push(current.trimEnd())
  }
  return lines
}
