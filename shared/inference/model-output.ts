import { z } from 'zod'
import { type Classification, DataCategory, SubjectCategory } from '../contracts/classification.ts'
import { DataClass } from '../contracts/document.ts'
import { AppError } from '../contracts/errors.ts'
import { DocumentType } from '../contracts/extraction.ts'
import type { AnswerDraft } from './provider.ts'

const CITATIONS_MAX = 50

/** Words that the list knows; others are left out. */
const known = <Word extends string>(words: z.ZodType<Word>) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((list) => [...new Set(list.flatMap((word) => words.safeParse(word).data ?? []))])

/** Wider than what was asked for: a server may treat the schema as advice. What is missing is an error; what is more is left out. */
const ClassifyOutput = z.object({
  type: DocumentType.catch('other'),
  language: z
    .string()
    .toLowerCase()
    .regex(/^[a-z]{2}$/)
    .nullable()
    .catch(null),
  data_classes: known(DataClass),
  data_categories: known(DataCategory),
  subject_categories: known(SubjectCategory),
})

const AnswerOutput = z.object({
  answer: z.string().trim().nullable(),
  citations: z.array(z.object({ passage: z.coerce.number(), quote: z.string() })).max(CITATIONS_MAX),
})

/** Throws AppError MODEL_OUTPUT_INVALID. */
export function readClassification(output: unknown): Classification {
  return parsed(ClassifyOutput, output)
}

/** `answer` null: the model found none. The quotes are claims; the caller checks them. Throws AppError MODEL_OUTPUT_INVALID. */
export function readAnswer(output: unknown): AnswerDraft {
  const { answer, citations } = parsed(AnswerOutput, output)
  if (!answer) return { answer: null, citations: [] }
  return { answer, citations: citations.map(({ passage, quote }) => ({ ref: passage, quote })) }
}

/** The issues of zod quote the output: only the first path is told. */
function parsed<Schema extends z.ZodType>(schema: Schema, output: unknown): z.infer<Schema> {
  const result = schema.safeParse(output)
  if (result.success) return result.data
  const path = result.error.issues[0]?.path.filter((key) => typeof key === 'number' || EXPECTED_KEYS.has(key)).join('.')
  throw new AppError('MODEL_OUTPUT_INVALID', `not what the schema asks for, at ${path || 'the top'}`)
}

const EXPECTED_KEYS: ReadonlySet<PropertyKey> = new Set(['answer', 'citations', 'passage', 'quote'])
