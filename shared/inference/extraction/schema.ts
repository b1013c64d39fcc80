import { Ajv2020 } from 'ajv/dist/2020.js'
import { AppError } from '../../contracts/errors.ts'
import type { DocumentType } from '../../contracts/extraction.ts'

const DEPTH_MAX = 6
const LEAVES_MAX = 200
const BYTES_MAX = 64 * 1024

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
}

/** Throws SCHEMA_INVALID with `extra.errors`, a list of where and what, for a schema that documents cannot be read by. */
export function compileSchema(schema: Omit<ExtractionSchema, 'hash'>): void {
  const problems = boundProblems(schema.json_schema)
  if (problems.length === 0) problems.push(...ajvProblems(schema.json_schema))
  if (problems.length > 0)
    throw new AppError('SCHEMA_INVALID', problems.map(({ where, message }) => `${where}: ${message}`).join('; '), {
      extra: { errors: problems },
    })
}

interface Problem {
  where: string
  message: string
}

function boundProblems(schema: ExtractionSchema['json_schema']): Problem[] {
  if (Buffer.byteLength(JSON.stringify(schema)) > BYTES_MAX) return [{ where: 'schema', message: `more than ${BYTES_MAX} bytes` }]
  if (schema.type !== 'object') return [{ where: 'schema', message: 'its type has to be object' }]
  const { depth, leaves } = measure(schema)
  if (depth > DEPTH_MAX) return [{ where: 'schema', message: `nested deeper than ${DEPTH_MAX} levels` }]
  return leaves > LEAVES_MAX ? [{ where: 'schema', message: `more than ${LEAVES_MAX} values` }] : []
}

/** One level at a time, so that a schema as deep as its bytes allow costs no stack. */
function measure(schema: unknown): { depth: number; leaves: number } {
  let depth = 0
  let leaves = 0
  let level = [schema]
  for (; level.length > 0 && depth <= DEPTH_MAX; depth++) {
    const below = level.map(childrenOf)
    leaves += below.filter((children) => children.length === 0).length
    level = below.flat()
  }
  return { depth, leaves }
}

function childrenOf(schema: unknown): unknown[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties, items } = schema as { properties?: unknown; items?: unknown }
  const named = typeof properties === 'object' && properties !== null ? Object.values(properties) : []
  return items === undefined ? named : [...named, items]
}

function ajvProblems(schema: ExtractionSchema['json_schema']): Problem[] {
  try {
    new Ajv2020({ strict: true, allErrors: true, validateFormats: false }).compile(schema)
    return []
  } catch (error) {
    return [{ where: 'schema', message: error instanceof Error ? error.message : 'it does not compile' }]
  }
}
