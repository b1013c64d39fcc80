import type { EstimatedDocument, EstimatedTask, Span } from '../contracts/cost.ts'
import type { MediaType } from '../contracts/document.ts'
import type { PolicyTask } from './policy.ts'

/** What a tenant's own documents of one type were like: the lower and the upper quartile. */
export interface SizesSeen {
  media_type: MediaType
  documents: number
  characters_per_page: Span
  bytes_per_page: Span
}

/** What a tenant's own calls of one task used for a page of one type: the lower and the upper quartile. */
export interface TokensSeen {
  media_type: MediaType
  task: PolicyTask
  documents: number
  tokens_in_per_page: Span
  tokens_out_per_page: Span
}

export interface Experience {
  sizes: readonly SizesSeen[]
  tokens: readonly TokensSeen[]
}

/** With fewer documents than this a quartile says nothing. */
export const SEEN_DOCUMENTS_MIN = 5

/** The type whose pages say how much there is to read. */
export const PAGED: MediaType = 'application/pdf'
/** Of a page with text, a letter with wide margins and a dense contract. */
export const CHARACTERS_PER_PAGE: Span = { low: 1_000, high: 3_500 }
/** A text of words alone, and one with fonts and pictures. */
const PDF_BYTES_PER_PAGE: Span = { low: 15_000, high: 100_000 }
/** Markup that is thrown away: nearly all of an HTML page, or nothing. */
const HTML_TEXT_PERCENT: Span = { low: 10, high: 100 }
/** UTF-8 in European languages, by the tokenisers of the models that are asked. */
export const CHARACTERS_PER_TOKEN: Span = { low: 3, high: 5 }

/** shared/inference/windows.ts: what is read of a long document, and how much of it at once. */
export const WINDOW_CHARACTERS = 40_000
const WINDOWS_MAX = 100
/** Instructions and the schema of the answer, of each request. */
export const PROMPT_TOKENS: Span = { low: 300, high: 1_500 }
export const TOKENS_OUT: Readonly<Record<'classify' | 'extract', Span>> = {
  classify: { low: 20, high: 150 },
  extract: { low: 100, high: 1_500 },
}
/** Chunks overlap (services/workers/index/chunk.ts). */
const EMBED_PERCENT: Span = { low: 100, high: 120 }
/** shared/inference/embedder.ts: 256 chunks of about 1,200 characters. */
const EMBED_CALL_CHARACTERS = 256 * 1_200
/** services/retrieval/answer.ts: eight passages of a chunk each. */
const PASSAGES_CHARACTERS: Span = { low: 1_200, high: 8 * 1_200 }
const ANSWER_TOKENS: Span = { low: 50, high: 500 }

/** `pages`: those that are billed as such. */
export type Usage = Pick<EstimatedTask, 'calls' | 'tokens_in' | 'tokens_out'> & { pages: Span }

/** What a task would use for documents that nobody has read yet, whoever does it. */
export function usageOf(task: PolicyTask, documents: readonly EstimatedDocument[], experience: Experience): Usage {
  const usages = documents.map((document) => usageOfOne(task, sizeOf(document, experience.sizes), experience.tokens))
  return {
    calls: total(usages.map(({ calls }) => calls)),
    tokens_in: total(usages.map(({ tokens_in }) => tokens_in)),
    tokens_out: total(usages.map(({ tokens_out }) => tokens_out)),
    pages: total(usages.map(({ pages }) => pages)),
  }
}

interface Sized {
  media_type: MediaType
  pages: Span
  characters: Span
}

/** Pages and characters of one document, from what is known of it and of others like it. */
export function sizeOf({ bytes, media_type, pages: stated }: EstimatedDocument, seen: readonly SizesSeen[]): Sized {
  if (media_type !== PAGED) {
    const percent = media_type === 'text/html' ? HTML_TEXT_PERCENT : { low: 100, high: 100 }
    const characters = { low: Math.floor((bytes * percent.low) / 100), high: bytes }
    return { media_type, pages: stated === undefined ? { low: 1, high: 1 } : { low: stated, high: stated }, characters }
  }
  const known = seen.find((sizes) => speaksOf(sizes, media_type))
  const perPage = known?.bytes_per_page ?? PDF_BYTES_PER_PAGE
  const pages =
    stated === undefined
      ? { low: Math.max(1, Math.floor(bytes / perPage.high)), high: Math.max(1, Math.ceil(bytes / Math.max(1, perPage.low))) }
      : { low: stated, high: stated }
  const characters = known?.characters_per_page ?? CHARACTERS_PER_PAGE
  return { media_type, pages, characters: { low: pages.low * characters.low, high: pages.high * characters.high } }
}

/** Of a text file a page says nothing: it has one, however long it is. */
export function speaksOf(seen: SizesSeen | TokensSeen, type: MediaType): boolean {
  return type === PAGED && seen.media_type === type && seen.documents >= SEEN_DOCUMENTS_MIN
}

export const NONE: Span = { low: 0, high: 0 }

function usageOfOne(task: PolicyTask, document: Sized, seen: readonly TokensSeen[]): Usage {
  const { pages, characters } = document
  const usage = assumedUsage(task, document)
  const known = seen.find((one) => one.task === task && speaksOf(one, document.media_type))
  if (!known || characters.high === 0) return usage
  return { ...usage, tokens_in: times(pages, known.tokens_in_per_page), tokens_out: times(pages, known.tokens_out_per_page) }
}

function assumedUsage(task: PolicyTask, { media_type, pages, characters }: Sized): Usage {
  const once = { low: 1, high: 1 }
  switch (task) {
    case 'classify': {
      const read = { low: Math.min(characters.low, WINDOW_CHARACTERS), high: Math.min(characters.high, WINDOW_CHARACTERS) }
      return { calls: once, tokens_in: plus(tokensOf(read), PROMPT_TOKENS), tokens_out: TOKENS_OUT.classify, pages: NONE }
    }
    case 'extract': {
      const windows = {
        low: Math.min(WINDOWS_MAX, Math.max(1, Math.ceil(characters.low / WINDOW_CHARACTERS))),
        high: Math.min(WINDOWS_MAX, Math.max(1, Math.ceil(characters.high / WINDOW_CHARACTERS))),
      }
      const most = WINDOW_CHARACTERS * WINDOWS_MAX
      const read = { low: Math.min(characters.low, most), high: Math.min(characters.high, most) }
      return {
        calls: once,
        tokens_in: plus(tokensOf(read), times(windows, PROMPT_TOKENS)),
        tokens_out: times(windows, TOKENS_OUT.extract),
        pages: NONE,
      }
    }
    case 'embed': {
      const shown = { low: characters.low, high: Math.ceil((characters.high * EMBED_PERCENT.high) / 100) }
      const calls = {
        low: Math.max(1, Math.ceil(shown.low / EMBED_CALL_CHARACTERS)),
        high: Math.max(1, Math.ceil(shown.high / EMBED_CALL_CHARACTERS)),
      }
      return { calls, tokens_in: tokensOf(shown), tokens_out: NONE, pages: NONE }
    }
    // Which pages are pictures is seen when a document is read: none of them, or all.
    case 'ocr': {
      const looked = media_type === PAGED ? { low: 0, high: pages.high } : NONE
      return { calls: { low: 0, high: looked.high === 0 ? 0 : 1 }, tokens_in: NONE, tokens_out: NONE, pages: looked }
    }
    // One question, whatever the document is like.
    case 'answer':
      return { calls: once, tokens_in: plus(tokensOf(PASSAGES_CHARACTERS), PROMPT_TOKENS), tokens_out: ANSWER_TOKENS, pages: NONE }
  }
}

function tokensOf(characters: Span): Span {
  return { low: Math.floor(characters.low / CHARACTERS_PER_TOKEN.high), high: Math.ceil(characters.high / CHARACTERS_PER_TOKEN.low) }
}

function plus(a: Span, b: Span): Span {
  return { low: a.low + b.low, high: a.high + b.high }
}

function times(a: Span, b: Span): Span {
  return { low: a.low * b.low, high: a.high * b.high }
}

export function total(spans: readonly Span[]): Span {
  return spans.reduce(plus, NONE)
}
