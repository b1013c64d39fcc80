import type { Page } from '../../../shared/contracts/extraction.ts'
import { chunkId } from '../../../shared/contracts/ids.ts'
import type { Chunk } from '../../../shared/contracts/retrieval.ts'

/** About 200 words: long enough to hold an answer with its context, short enough that a quote from it is precise. */
const CHUNK_CHARACTERS = 1_200
/** A chunk may not end before this share of its length merely because a paragraph does. */
const CHUNK_FILL_MIN = 0.5
/** Repeated at the start of the next chunk, so that a sentence on a border stands whole in one of them. */
const OVERLAP_CHARACTERS = 150
/** Tried in order: paragraph, line, sentence, word. */
const BORDERS = [/\n\s*\n/g, /\n/g, /[.!?…][)"'»”]?\s/g, /\s/g] as const

/** Cuts each page into overlapping pieces at its own borders; no chunk spans two pages, so every hit has one page number. */
export function chunkPages(documentId: string, revision: number, pages: readonly Page[]): Chunk[] {
  const chunks: Chunk[] = []
  for (const page of pages) {
    for (const { start, end } of cut(page.text)) {
      const ordinal = chunks.length
      chunks.push({ id: chunkId(documentId, revision, ordinal), ordinal, page: page.number, start, end })
    }
  }
  return chunks
}

function* cut(text: string): Generator<{ start: number; end: number }> {
  let start = skipSpace(text, 0)
  while (start < text.length) {
    const end = chunkEnd(text, start)
    yield { start, end: trimEnd(text, start, end) }
    if (end >= text.length) return
    start = skipSpace(text, nextStart(text, start, end))
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

/** Steps back by the overlap to the next word or line border; always ahead of the previous start. */
function nextStart(text: string, start: number, end: number): number {
  const back = Math.max(end - OVERLAP_CHARACTERS, start + 1)
  const border = text.slice(back, end).search(/[.!?…\n]\s*\S/)
  if (border < 0) return end
  return back + border + 1
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
