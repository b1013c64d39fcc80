import type { Page } from '../../../shared/contracts/extraction.ts'
import { chunkId } from '../../../shared/contracts/ids.ts'
import { MaskKind } from '../../../shared/contracts/masking.ts'
import type { Chunk } from '../../../shared/contracts/retrieval.ts'
import { findPersonalData } from '../../../shared/masking/find.ts'
import { nextTurn } from '../../../shared/runtime/turns.ts'

/** About 200 words: long enough to hold an answer with its context, short enough that a quote from it is precise. */
const CHUNK_CHARACTERS = 1_200
/** A chunk may not end before this share of its length merely because a paragraph does. */
const CHUNK_FILL_MIN = 0.5
/** Repeated at the start of the next chunk, so that a sentence on a border stands whole in one of them. */
const OVERLAP_CHARACTERS = 150
/** Looked at on either side of a border: longer than any value by its form. */
const VALUE_CHARACTERS = 120
const VALUE_KINDS = MaskKind.options
/** Cut before other work gets its turn; up to half a millisecond each. */
const CHUNKS_PER_TURN = 64
/** Tried in order: paragraph, line, sentence, word. */
const BORDERS = [/\n\s*\n/g, /\n/g, /[.!?…][)"'»”]?\s/g, /\s/g] as const

/** Cuts each page into overlapping pieces at its own borders; no chunk spans two pages, so every hit has one page number. */
export async function chunkPages(documentId: string, revision: number, pages: readonly Page[]): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for (const page of pages) {
    for (const { start, end } of cut(page.text)) {
      const ordinal = chunks.length
      chunks.push({ id: chunkId(documentId, revision, ordinal), ordinal, page: page.number, start, end })
      if (chunks.length % CHUNKS_PER_TURN === 0) await nextTurn()
    }
  }
  return chunks
}

function* cut(text: string): Generator<{ start: number; end: number }> {
  let start = skipSpace(text, 0)
  while (start < text.length) {
    const end = beforeValue(text, chunkEnd(text, start), start + Math.floor(CHUNK_CHARACTERS * CHUNK_FILL_MIN))
    yield { start, end: trimEnd(text, start, end) }
    if (end >= text.length) return
    start = skipSpace(text, beforeValue(text, nextStart(text, start, end), start + 1))
  }
}

function chunkEnd(text: string, start: number): number {
  const limit = start + CHUNK_CHARACTERS
  if (limit >= text.length) return text.length
  const earliest = start + Math.floor(CHUNK_CHARACTERS * CHUNK_FILL_MIN)
  const window = text.slice(earliest, limit)
  for (const border of BORDERS) {
    const last = [...window.matchAll(border)].at(-1)
    if (last) return earliest + last.index + last[0].length
  }
  return splitsSurrogate(text, limit) ? limit - 1 : limit
}

/**
 * Steps back by the overlap to the next sentence, line or else word; always ahead of the previous start. A name on the border then stands whole in one of
 * both, by which its half in the other is masked (shared/masking/cut-names.ts).
 */
function nextStart(text: string, start: number, end: number): number {
  const back = Math.max(end - OVERLAP_CHARACTERS, start + 1)
  const overlap = text.slice(back, end)
  const sentence = overlap.search(/[.!?…\n]\s*\S/)
  const border = sentence < 0 ? overlap.search(/\s\S/) : sentence
  return border < 0 ? end : back + border + 1
}

/** Where a value that rules would mask stands across a border, the border moves in front of it: half of an IBAN is recognised by nobody, and would be sent. */
function beforeValue(text: string, border: number, earliest: number): number {
  if (border >= text.length) return border
  const from = Math.max(0, border - VALUE_CHARACTERS)
  const options = { kinds: VALUE_KINDS, language: null }
  const cut = findPersonalData(text.slice(from, border + VALUE_CHARACTERS), options).find(
    ({ start, end }) => from + start < border && border < from + end,
  )
  return cut && from + cut.start >= earliest ? from + cut.start : border
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text.charAt(at))) at++
  return at
}

function trimEnd(text: string, start: number, end: number): number {
  let at = end
  while (at > start + 1 && /\s/.test(text.charAt(at - 1))) at--
  return at
}

function splitsSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff
}
