import { z } from 'zod'
import type { Classification } from '../contracts/classification.ts'
import { AppError } from '../contracts/errors.ts'
import { DocumentType, FieldName } from '../contracts/extraction.ts'
import type { AnswerDraft, ClaimedField } from './provider.ts'

const VALUE_LENGTH_MAX = 1_000
const FIELDS_MAX = 100
const CITATIONS_MAX = 50

/** Wider than what was asked for: a server may treat the schema as advice. What is missing is an error; what is more is left out. */
const ClassifyOutput = z.object({
  type: DocumentType.catch('other'),
  language: z
    .string()
    .toLowerCase()
    .regex(/^[a-z]{2}$/)
    .nullable()
    .catch(null),
})

const ExtractOutput = z.object({
  fields: z
    .array(z.object({ name: z.string(), value: z.string().trim(), quote: z.string(), page: z.coerce.number().catch(0) }))
    .max(FIELDS_MAX),
})

const AnswerOutput = z.object({
  answer: z.string().trim().nullable(),
  citations: z.array(z.object({ passage: z.coerce.number(), quote: z.string() })).max(CITATIONS_MAX),
})

/** Throws AppError MODEL_OUTPUT_INVALID. */
export function readClassification(output: unknown): Classification {
  return { ...parsed(ClassifyOutput, output), data_classes: [], data_categories: [], subject_categories: [] }
}

/** What a model claims to have read; nothing of it is looked up here. Throws AppError MODEL_OUTPUT_INVALID. */
export function readClaims(output: unknown): ClaimedField[] {
  return parsed(ExtractOutput, output).fields.flatMap(({ name, value, quote, page }) => {
    const { data: path } = FieldName.safeParse(name)
    return path === undefined || value === '' || value.length > VALUE_LENGTH_MAX ? [] : [{ path, value, quote, page }]
  })
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
  const path = result.error.issues[0]?.path.filter((key) => typeof key === 'number' || key in EXPECTED_KEYS).join('.')
  throw new AppError('MODEL_OUTPUT_INVALID', `not what the schema asks for, at ${path || 'the top'}`)
}

const EXPECTED_KEYS: Record<PropertyKey, true> = {
  type: true,
  language: true,
  fields: true,
  name: true,
  value: true,
  quote: true,
  page: true,
  answer: true,
  citations: true,
  passage: true,
}
