import { AppError } from '../../contracts/errors.ts'
import type { ClaimedField } from '../provider.ts'
import type { ExtractionSchema, SchemaNode } from './schema.ts'

/** UTF-16 code units. A decision or a diagnosis takes a paragraph; what is longer is no value. */
const VALUE_LENGTH_MAX = 4_000
const QUOTE_LENGTH_MAX = 4_000
/** Of one list, and of all that one answer claims. */
const ITEMS_MAX = 1_000
const CLAIMS_MAX = 5_000

/**
 * What a model claims to have read, by the leaves of the schema; a name that the schema does not have never becomes a path. Nothing is looked up here.
 * A server may take a schema for advice: a bare value where a value with its quote was asked for is a claim without evidence. Throws
 * MODEL_OUTPUT_INVALID with the place, never with what stood there.
 */
export function readClaims(output: unknown, { root }: Pick<ExtractionSchema, 'root'>): ClaimedField[] {
  const claims: ClaimedField[] = []
  collect(output, root, '', claims)
  return claims
}

function collect(value: unknown, node: SchemaNode, path: string, claims: ClaimedField[]): void {
  if (value === null || value === undefined) return
  switch (node.kind) {
    case 'object': {
      if (!isObject(value)) throw invalid(path, 'an object')
      for (const [name, child] of Object.entries(node.properties)) collect(value[name], child, join(path, name), claims)
      return
    }
    case 'list': {
      if (!Array.isArray(value)) throw invalid(path, 'a list')
      if (value.length > ITEMS_MAX) throw invalid(path, `a list of at most ${ITEMS_MAX}`)
      for (const [ordinal, item] of value.entries()) collect(item, node.item, join(path, String(ordinal)), claims)
      return
    }
    case 'leaf': {
      const claim = readLeaf(value, path)
      if (claim) claims.push(claim)
      if (claims.length > CLAIMS_MAX) throw invalid(path, `at most ${CLAIMS_MAX} values`)
    }
  }
}

function readLeaf(value: unknown, path: string): ClaimedField | null {
  const stated = isObject(value) ? value : { value, quote: null, page: null }
  const text = scalarText(stated.value)
  if (text === undefined) throw invalid(path, 'a value with its quote and page, or null')
  if (text === null || text === '') return null
  const quote = typeof stated.quote === 'string' ? stated.quote : null
  if (text.length > VALUE_LENGTH_MAX || (quote ?? '').length > QUOTE_LENGTH_MAX)
    throw invalid(path, `a value of at most ${VALUE_LENGTH_MAX} characters`)
  const page = Number(stated.page ?? Number.NaN)
  return { path, value: text, quote: quote === '' ? null : quote, page: Number.isInteger(page) && page > 0 ? page : null }
}

/** Undefined for what is no scalar. */
function scalarText(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value.trim()
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(path: string, part: string): string {
  return path === '' ? part : `${path}.${part}`
}

/** Paths are made of the schema's names and of ordinals. */
function invalid(path: string, wanted: string): AppError {
  return new AppError('MODEL_OUTPUT_INVALID', `at ${path || 'the top'}: not ${wanted}`)
}
