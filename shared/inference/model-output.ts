import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { DocumentType, type Enrichment, type Field, FieldName, type Page } from '../contracts/extraction.ts'
import { locateInPages } from './evidence.ts'
import type { AnswerDraft } from './provider.ts'
import { checkValue } from './value-check.ts'

const VALUE_LENGTH_MAX = 1_000
const FIELDS_MAX = 100
const CITATIONS_MAX = 50

/** Wider than what was asked for: a server may treat the schema as advice. What is missing is an error; what is more is left out. */
const EnrichOutput = z.object({
  type: DocumentType.catch('other'),
  language: z
    .string()
    .toLowerCase()
    .regex(/^[a-z]{2}$/)
    .nullable()
    .catch(null),
  fields: z
    .array(z.object({ name: z.string(), value: z.string().trim(), quote: z.string(), page: z.coerce.number().catch(0) }))
    .max(FIELDS_MAX),
})

const AnswerOutput = z.object({
  answer: z.string().trim().nullable(),
  citations: z.array(z.object({ passage: z.coerce.number(), quote: z.string() })).max(CITATIONS_MAX),
})

/**
 * What a model said about some pages, with every quote looked up in their text. A field is `verified` only when its quote stands in a page
 * and states the value; the page that the model names is a hint. Throws AppError MODEL_OUTPUT_INVALID.
 */
export function readEnrichment(output: unknown, pages: readonly Page[]): Enrichment {
  const { type, language, fields } = parsed(EnrichOutput, output)
  const read = fields.flatMap((field): [string, Field][] => {
    const { data: name } = FieldName.safeParse(field.name)
    if (name === undefined || field.value === '' || field.value.length > VALUE_LENGTH_MAX) return []
    return [[name, readField({ ...field, name }, pages, language)]]
  })
  return { type, language, fields: best(read) }
}

/** `answer` null: the model found none. The quotes are claims; the caller checks them. Throws AppError MODEL_OUTPUT_INVALID. */
export function readAnswer(output: unknown): AnswerDraft {
  const { answer, citations } = parsed(AnswerOutput, output)
  if (!answer) return { answer: null, citations: [] }
  return { answer, citations: citations.map(({ passage, quote }) => ({ ref: passage, quote })) }
}

/** Windows of one document, in order: the first one names type and language, and each field is the first that has evidence. */
export function mergeEnrichments(parts: readonly [Enrichment, ...Enrichment[]]): Enrichment {
  const language = parts.find((part) => part.language !== null)?.language ?? null
  return { type: parts[0].type, language, fields: best(parts.flatMap((part) => Object.entries(part.fields))) }
}

function readField(
  field: { name: FieldName; value: string; quote: string; page: number },
  pages: readonly Page[],
  language: string | null,
): Field {
  const evidence = locateInPages(pages, field.quote, field.page)
  if (!evidence) return { value: field.value, status: 'unverified', evidence: [] }
  const check = checkValue(field.name, field.value, evidence.quote, language)
  const status = check === 'stated' ? 'verified' : check === 'contradicted' ? 'conflicting' : 'unverified'
  return { value: field.value, status, evidence: [evidence] }
}

const WORTH = { verified: 2, conflicting: 1, unverified: 0 } as const

/** For each name the first of those that are worth most. */
function best(fields: readonly (readonly [string, Field])[]): Record<string, Field> {
  const kept = new Map<string, Field>()
  for (const [name, field] of fields) {
    const known = kept.get(name)
    if (!known || WORTH[field.status] > WORTH[known.status]) kept.set(name, field)
  }
  return Object.fromEntries(kept)
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
