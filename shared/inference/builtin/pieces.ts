import type { Page } from '../../contracts/extraction.ts'
import { nextTurn } from '../../runtime/turns.ts'

/** Characters that rules read without a turn for other work, some tens of milliseconds; within what they read at once (READ_LENGTH_MAX). */
const PIECE_LENGTH = 50_000
/** Half of it lies before what a piece owns and half behind: longer than any term or identifier, so that what begins in a piece is whole there. */
const PIECE_OVERLAP = 1_000

/** A part of a page's text, which begins at `start` (UTF-16 code units). Parts beside each other overlap. */
export interface Piece {
  page: Page
  text: string
  start: number
  /** Whether what was found at this place of the piece is this piece's to tell: of two that overlap exactly one says so, and it sees what stands around. */
  owns(at: number): boolean
}

/** All of the text of all pages, however long, with a turn for other work after each 50,000 characters. Throws the reason of the signal. */
export async function* inPieces(pages: readonly Page[], signal: AbortSignal): AsyncGenerator<Piece> {
  let sinceTurn = 0
  for (const page of pages) {
    for (let start = 0, ends = false; !ends; start += PIECE_LENGTH - PIECE_OVERLAP) {
      signal.throwIfAborted()
      const text = page.text.slice(start, start + PIECE_LENGTH)
      ends = start + text.length >= page.text.length
      const from = start === 0 ? 0 : PIECE_OVERLAP / 2
      const to = ends ? text.length : text.length - PIECE_OVERLAP / 2
      yield { page, text, start, owns: (at) => at >= from && at < to }
      sinceTurn += text.length
      if (sinceTurn < PIECE_LENGTH) continue
      sinceTurn = 0
      await nextTurn()
    }
  }
}
