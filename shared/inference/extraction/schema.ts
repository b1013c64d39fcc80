import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { FieldFormat } from '../../contracts/document-schemas.ts'
import { AppError } from '../../contracts/errors.ts'
import type { DocumentType } from '../../contracts/extraction.ts'
import { compileValidator, type Validate } from './validator.ts'

/** Bounds of a schema: what a model is asked for has to fit beside a document. */
export const SCHEMA_DEPTH_MAX = 6
export const SCHEMA_LEAVES_MAX = 200
export const SCHEMA_BYTES_MAX = 64 * 1024
const SCHEMA_LISTS_MAX = 2
const PROBLEMS_MAX = 50

/** Names stand in paths, in the clear. */
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/

export type LeafType = 'string' | 'number' | 'integer' | 'boolean'
export type SchemaNode =
  | { kind: 'object'; properties: Readonly<Record<string, SchemaNode>>; description: string | null }
  | { kind: 'list'; item: SchemaNode; description: string | null }
  | { kind: 'leaf'; type: LeafType; format: FieldFormat | null; values: readonly string[] | null; description: string | null }

/** What is to be read from a document: the schema that ships for its type, or one of the organisation's own. */
export interface ExtractionSchema {
  name: string
  version: number
  /** SHA-256 (hex) of the canonical JSON (RFC 8785) of `json_schema`: events name it. */
  hash: string
  /** The type that it is for, or null for one that was asked for by name. */
  type: DocumentType | null
  /** JSON Schema 2020-12: an object whose leaves are scalars; lists hold objects or scalars. */
  json_schema: Readonly<Record<string, unknown>>
  /** The same, as it is walked. */
  root: Extract<SchemaNode, { kind: 'object' }>
  /** Whether a value fits it. */
  validate: Validate
}

interface Problem {
  where: string
  message: string
}

/**
 * Reads a JSON Schema into what extraction works with: objects, lists and leaves under names that are all known. Throws SCHEMA_INVALID, whose
 * `errors` say what is wrong and where (JSON Pointer, RFC 6901), for what is no schema, what is beyond the bounds, and what has no fixed names.
 */
export function compileSchema(given: Pick<ExtractionSchema, 'name' | 'version' | 'type' | 'json_schema'>): ExtractionSchema {
  const { name, version, type, json_schema } = given
  const canonical = canonicalOf(json_schema)
  if (Buffer.byteLength(canonical) > SCHEMA_BYTES_MAX) throw invalid([{ where: '', message: `more than ${SCHEMA_BYTES_MAX} bytes` }])
  const reader = createReader()
  const root = reader.read(json_schema, '', { depth: 1, lists: 0 })
  if (root && root.kind !== 'object') reader.problems.push({ where: '', message: 'the whole is not an object' })
  if (reader.leaves() === 0 && reader.problems.length === 0) reader.problems.push({ where: '', message: 'there is nothing to read' })
  if (root?.kind !== 'object' || reader.problems.length > 0) throw invalid(reader.problems)
  const validator = compileValidator(json_schema)
  if ('problem' in validator) throw invalid([{ where: '', message: validator.problem }])
  const hash = createHash('sha256').update(canonical).digest('hex')
  return { name, version, hash, type, json_schema, root, validate: validator.validate }
}

function canonicalOf(json_schema: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalize(json_schema) ?? ''
  } catch {
    throw invalid([{ where: '', message: 'not JSON' }])
  }
}

function invalid(problems: readonly Problem[]): AppError {
  const errors = problems.slice(0, PROBLEMS_MAX)
  const [first] = errors
  return new AppError('SCHEMA_INVALID', first && `${first.where || '/'}: ${first.message}`, { extra: { errors } })
}

interface Place {
  depth: number
  lists: number
}

/** Names of JSON Schema that say nothing about which names a value has, or that need nothing of us. */
const KNOWN_KEYWORDS = new Set(
  (
    '$schema $id $comment title description examples default deprecated type properties required additionalProperties items enum const format ' +
    'minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems uniqueItems minProperties maxProperties ' +
    'anyOf'
  ).split(' '),
)

function createReader() {
  const problems: Problem[] = []
  let leaves = 0
  const wrong = (where: string, message: string) => {
    problems.push({ where, message })
    return null
  }

  function read(schema: unknown, where: string, place: Place): SchemaNode | null {
    if (problems.length >= PROBLEMS_MAX) return null
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return wrong(where, 'not a schema with a type')
    if (place.depth > SCHEMA_DEPTH_MAX) return wrong(where, `deeper than ${SCHEMA_DEPTH_MAX}`)
    const given = withoutNull(schema as Record<string, unknown>)
    // What a model writes is matched against it, and a regular expression can be made to take for ever.
    if (given.pattern !== undefined) return wrong(where, 'pattern is not supported; use format, enum or lengths')
    const unknown = Object.keys(given).find((keyword) => !KNOWN_KEYWORDS.has(keyword))
    if (unknown !== undefined)
      return wrong(where, `${JSON.stringify(unknown.slice(0, 64))} is not supported: every name and type has to be known`)
    if (given.anyOf !== undefined) return wrong(where, 'anyOf may only add null to one type')
    const description = typeof given.description === 'string' ? given.description : null
    switch (typeOf(given)) {
      case 'object':
        return readObject(given, where, place, description)
      case 'array':
        return readList(given, where, place, description)
      case 'string':
      case 'number':
      case 'integer':
      case 'boolean':
        return readLeaf(given, where, description)
      default:
        return wrong(where, 'type has to be object, array, string, number, integer or boolean, with null beside it at most')
    }
  }

  function readObject(given: Record<string, unknown>, where: string, place: Place, description: string | null): SchemaNode | null {
    const { properties, additionalProperties = false } = given
    if (additionalProperties !== false && additionalProperties !== true)
      return wrong(`${where}/additionalProperties`, 'only true or false: names have to be known')
    if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
      return wrong(where, 'an object without properties')
    const nodes: Record<string, SchemaNode> = {}
    for (const [name, schema] of Object.entries(properties)) {
      const below = `${where}/properties/${name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (!NAME.test(name)) wrong(below, 'a name is letters, digits, _ and -, at most 64, and no digit first')
      else {
        const node = read(schema, below, { ...place, depth: place.depth + 1 })
        if (node) nodes[name] = node
      }
    }
    return { kind: 'object', properties: nodes, description }
  }

  function readList(given: Record<string, unknown>, where: string, place: Place, description: string | null): SchemaNode | null {
    if (place.lists === SCHEMA_LISTS_MAX) return wrong(where, `more than ${SCHEMA_LISTS_MAX} lists inside each other`)
    const item = read(given.items, `${where}/items`, { depth: place.depth + 1, lists: place.lists + 1 })
    if (item?.kind === 'list') return wrong(where, 'a list of lists')
    return item && { kind: 'list', item, description }
  }

  function readLeaf(given: Record<string, unknown>, where: string, description: string | null): SchemaNode | null {
    leaves++
    if (leaves > SCHEMA_LEAVES_MAX) return wrong(where, `more than ${SCHEMA_LEAVES_MAX} values`)
    const format = given.format === undefined ? null : FieldFormat.safeParse(given.format)
    if (format && !format.success) return wrong(where, `unknown format; known are ${FieldFormat.options.join(', ')}`)
    const values = given.const === undefined ? given.enum : [given.const]
    return {
      kind: 'leaf',
      type: typeOf(given) as LeafType,
      format: format?.data ?? null,
      values: Array.isArray(values) ? values.filter((value) => value !== null).map(String) : null,
      description,
    }
  }

  return { read, problems, leaves: () => leaves }
}

/** `{anyOf: [X, {type: null}]}` and `{type: [X, null]}` are X: in what is read from a document, everything may be missing. */
function withoutNull(schema: Record<string, unknown>): Record<string, unknown> {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf)) return schema
  const others = anyOf.filter((one) => !(typeof one === 'object' && one !== null && 'type' in one && one.type === 'null'))
  const [only] = others
  return others.length === 1 && typeof only === 'object' && only !== null ? { ...rest, ...only } : schema
}

function typeOf({ type, enum: values, const: value }: Record<string, unknown>): unknown {
  if (Array.isArray(type)) {
    const others = type.filter((one) => one !== 'null')
    return others.length === 1 ? others[0] : undefined
  }
  if (type !== undefined) return type
  const shown = value ?? (Array.isArray(values) ? values.find((one) => one !== null) : undefined)
  return typeof shown === 'string' || typeof shown === 'number' || typeof shown === 'boolean' ? typeof shown : undefined
}
