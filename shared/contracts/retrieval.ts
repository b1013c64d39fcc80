import { z } from 'zod'
import { AiMark } from './ai-mark.ts'
import { Correction } from './rectification.ts'

/** A piece of one page: `start` and `end` are offsets into the page's text. `id` is the point's id in the search store. */
export const Chunk = z.strictObject({
  id: z.uuid(),
  ordinal: z.int().min(0),
  page: z.int().min(1),
  start: z.int().min(0),
  end: z.int().min(1),
})
export type Chunk = z.infer<typeof Chunk>

export const SearchRequest = z.strictObject({
  query: z.string().trim().min(1).max(2_000),
  limit: z.int().min(1).max(50).default(10),
  document_ids: z.array(z.uuid()).min(1).max(100).optional(),
})
export type SearchRequest = z.infer<typeof SearchRequest>

/** `corrections`: fields that a person corrected, where this text still says otherwise or the document says nothing of them. */
export const SearchHit = z.strictObject({
  document_id: z.uuid(),
  revision: z.int(),
  page: z.int(),
  start: z.int(),
  end: z.int(),
  text: z.string(),
  score: z.number(),
  corrections: z.array(Correction),
})
export type SearchHit = z.infer<typeof SearchHit>

export const SearchResponse = z.strictObject({ hits: z.array(SearchHit) })

export const AnswerRequest = z.strictObject({
  question: z.string().trim().min(1).max(2_000),
  document_ids: z.array(z.uuid()).min(1).max(100).optional(),
})
export type AnswerRequest = z.infer<typeof AnswerRequest>

/** `verified` is true only when the server found `quote` letter by letter in that page, at [start, end). */
export const Citation = z.strictObject({
  document_id: z.uuid(),
  page: z.int(),
  start: z.int(),
  end: z.int(),
  quote: z.string(),
  verified: z.boolean(),
})
export type Citation = z.infer<typeof Citation>

/**
 * `answer` is null where the documents do not support one (`abstained`). `corrections`: what a person corrected of what is cited; the answer says it. `ai`
 * says what wrote it, for machines and for people (AI Act Art. 50(2)).
 */
export const Answer = z.strictObject({
  question: z.string(),
  answer: z.string().nullable(),
  abstained: z.boolean(),
  citations: z.array(Citation),
  corrections: z.array(Correction),
  ai: AiMark,
})
export type Answer = z.infer<typeof Answer>
