import PDFDocument from 'pdfkit'

/** A4 in PDF points (1/72 inch). */
const PAGE_WIDTH_PT = 595.28
const PAGE_HEIGHT_PT = 841.89
const LEFT_PT = 62
const RIGHT_PT = 62
const TOP_PT = 62
const FOOT_PT = 46
const FOOT_LINE_PT = 9.4
const LEADING = 1.36
/** A sample is a few pages; a layout that does not end is a bug in its content. */
const PAGES_MAX = 12

const FONTS = {
  sans: { regular: 'Helvetica', bold: 'Helvetica-Bold', italic: 'Helvetica-Oblique' },
  serif: { regular: 'Times-Roman', bold: 'Times-Bold', italic: 'Times-Italic' },
} as const

export interface Style {
  weight?: 'regular' | 'bold' | 'italic'
  sizePt?: number
  color?: string
}

interface PaperOptions {
  title: string
  author: string
  /** BCP 47, for readers and screen readers. */
  language: string
  /** Creation and modification date of the file, so that the same content gives the same bytes. */
  madeAt: Date
  family: keyof typeof FONTS
  sizePt: number
  accent: string
  /** Stands at the top of every page but the first. */
  runningHead: string
  /** Columns of lines at the foot of every page. */
  foot: readonly (readonly string[])[]
  pageLabel: (number: number, count: number) => string
}

/**
 * A page that is filled from the top down. Every line is one piece of text at one baseline, drawn in reading order, because extractors
 * take a PDF's text in the order in which it was drawn. Lengths are PDF points.
 */
export interface Paper {
  readonly left: number
  readonly width: number
  readonly accent: string
  y: number
  /** Begins a new page unless `height` still fits on this one; true when it did. */
  need(height: number): boolean
  breakPage(): void
  widthOf(text: string, style?: Style): number
  wrap(text: string, width: number, style?: Style): string[]
  lineHeight(style?: Style): number
  /** One line at a position; `align: 'right'` ends at x. Leaves y as it is. */
  put(text: string, x: number, y: number, style?: Style, align?: 'left' | 'right'): void
  rule(y: number, color: string, from?: number, to?: number): void
  box(x: number, y: number, width: number, height: number, color: string): void
  disc(x: number, y: number, radius: number, color: string): void
  finish(): Promise<Uint8Array>
}

export function createPaper(options: PaperOptions): Paper {
  const document = new PDFDocument({
    size: 'A4',
    margin: 0,
    compress: true,
    bufferPages: true,
    autoFirstPage: true,
    lang: options.language,
    displayTitle: true,
    info: { Title: options.title, Author: options.author, CreationDate: options.madeAt, ModDate: options.madeAt },
  })
  const parts: Buffer[] = []
  document.on('data', (part: Buffer) => parts.push(part))
  const footTop = PAGE_HEIGHT_PT - FOOT_PT - Math.max(0, ...options.foot.map((lines) => lines.length)) * FOOT_LINE_PT
  const bottom = footTop - 22

  const paper: Paper = {
    left: LEFT_PT,
    width: PAGE_WIDTH_PT - LEFT_PT - RIGHT_PT,
    accent: options.accent,
    y: TOP_PT,
    need(height) {
      if (paper.y + height <= bottom) return false
      paper.breakPage()
      return true
    },
    breakPage() {
      if (document.bufferedPageRange().count >= PAGES_MAX) throw new Error(`${options.title} has more than ${PAGES_MAX} pages`)
      document.addPage({ size: 'A4', margin: 0 })
      paper.put(options.runningHead, LEFT_PT, 34, { sizePt: 8, color: '#666666' })
      paper.rule(48, '#c8c8c8')
      paper.y = TOP_PT + 4
    },
    widthOf(text, style) {
      choose(style)
      return document.widthOfString(text)
    },
    wrap(text, width, style) {
      const lines: string[] = []
      for (const part of text.split('\n')) lines.push(...fill(part, width, style))
      return lines
    },
    lineHeight: (style) => (style?.sizePt ?? options.sizePt) * LEADING,
    put(text, x, y, style, align = 'left') {
      const start = align === 'right' ? x - paper.widthOf(text, style) : x
      choose(style)
      document.fillColor(style?.color ?? '#1c1c1c').text(text, start, y, { lineBreak: false })
    },
    rule(y, color, from = LEFT_PT, to = PAGE_WIDTH_PT - RIGHT_PT) {
      document.moveTo(from, y).lineTo(to, y).lineWidth(0.6).stroke(color)
    },
    box: (x, y, width, height, color) => void document.rect(x, y, width, height).fill(color),
    disc: (x, y, radius, color) => void document.circle(x, y, radius).fill(color),
    async finish() {
      drawFeet()
      const ended = new Promise<void>((resolve) => document.once('end', () => resolve()))
      document.end()
      await ended
      return Buffer.concat(parts)
    },
  }
  return paper

  function choose(style: Style | undefined): void {
    document.font(FONTS[options.family][style?.weight ?? 'regular']).fontSize(style?.sizePt ?? options.sizePt)
  }

  function fill(text: string, width: number, style: Style | undefined): string[] {
    const lines: string[] = []
    let line = ''
    for (const word of text.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`
      if (line !== '' && paper.widthOf(longer, style) > width) {
        lines.push(line)
        line = word
      } else line = longer
    }
    return [...lines, line]
  }

  function drawFeet(): void {
    const { count } = document.bufferedPageRange()
    const style: Style = { sizePt: 7, color: '#666666' }
    for (let index = 0; index < count; index++) {
      document.switchToPage(index)
      paper.rule(footTop - 8, '#c8c8c8')
      const columnWidth = paper.width / Math.max(options.foot.length, 1)
      for (const [column, lines] of options.foot.entries())
        for (const [row, line] of lines.entries()) paper.put(line, LEFT_PT + column * columnWidth, footTop + row * FOOT_LINE_PT, style)
      paper.put(options.pageLabel(index + 1, count), PAGE_WIDTH_PT - RIGHT_PT, PAGE_HEIGHT_PT - 34, style, 'right')
    }
  }
}
