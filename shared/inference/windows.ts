import type { Page } from '../contracts/extraction.ts'

/** A page, or as much of it as one window holds. */
export interface PagePiece {
  number: number
  text: string
}

export interface Windows {
  windows: PagePiece[][]
  /** Pages with text that are in a window, in whole. */
  pagesRead: number
}

/** About ten thousand tokens of Latin script: small models attend badly to more. UTF-16 code units. */
const WINDOW_LENGTH_MAX = 40_000
/** A page that is cut is told twice at the cut, so that no line of a table is lost to both sides. */
const OVERLAP_LENGTH = 1_000
/** About 1,300 full pages. What follows is not read, and the result says so: this bounds what one document can cost. */
const WINDOWS_MAX = 100

/** What is shorter is not halved: a model that runs out of room over so little is not going to end. UTF-16 code units. */
const HALVED_LENGTH_MIN = 8_000

/**
 * A window in two, with an overlap at a line end near its middle, for a model whose answer was cut: dense tables need more words to tell than they have. Null
 * for one that is too short.
 */
export function halve(window: readonly PagePiece[]): [PagePiece[], PagePiece[]] | null {
  const length = window.reduce((sum, { text }) => sum + text.length, 0)
  if (length < HALVED_LENGTH_MIN) return null
  const first: PagePiece[] = []
  const second: PagePiece[] = []
  let before = 0
  for (const { number, text } of window) {
    const middle = length / 2 - before
    before += text.length
    if (text.length <= middle) first.push({ number, text })
    else if (middle <= 0) second.push({ number, text })
    else {
      const at = text.indexOf('\n', middle)
      const end = at < 0 || at - middle > OVERLAP_LENGTH ? Math.ceil(middle) : at
      first.push({ number, text: text.slice(0, end) })
      second.push({ number, text: text.slice(Math.max(0, end - OVERLAP_LENGTH)) })
    }
  }
  return [first, second]
}

/** Pages in order, as many as fit together; a page that is larger than a window is cut, with an overlap. Pages without text are in none. */
export function windowsOf(pages: readonly Page[]): Windows {
  const windows: PagePiece[][] = []
  let window: PagePiece[] = []
  let free = 0
  let pagesRead = 0
  for (const page of pages) {
    for (const text of cut(page.text)) {
      if (text.length > free) {
        if (windows.length === WINDOWS_MAX) return { windows, pagesRead }
        window = []
        windows.push(window)
        free = WINDOW_LENGTH_MAX
      }
      window.push({ number: page.number, text })
      free -= text.length
    }
    if (page.text !== '') pagesRead++
  }
  return { windows, pagesRead }
}

function* cut(text: string): Generator<string> {
  for (let start = 0; start < text.length; start += WINDOW_LENGTH_MAX - OVERLAP_LENGTH) {
    yield text.slice(start, start + WINDOW_LENGTH_MAX)
    if (start + WINDOW_LENGTH_MAX >= text.length) return
  }
}
