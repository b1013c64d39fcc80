import type { ReadField } from '../../contracts/extraction.ts'
import { leafAt } from './leaves.ts'
import type { ExtractionSchema, SchemaNode } from './schema.ts'

export interface Assembled {
  /** In the shape and with the types of the schema; what was not read is not there. */
  data: Record<string, unknown>
  /** Whether `data` fits the schema as it was given, what it requires included. */
  schema_valid: boolean
}

/** Fields → one JSON value. Each field's status stands beside it in the fields: this is what was read, whether or not it was verified. */
export function assemble(fields: Readonly<Record<string, Pick<ReadField, 'value'>>>, { root, validate }: ExtractionSchema): Assembled {
  const data: Record<string, unknown> = {}
  for (const [path, { value }] of Object.entries(fields)) {
    const leaf = leafAt(root, path)
    if (leaf) place(data, root, path.split('.'), typed(value, leaf.type))
  }
  const dense = compact(data) as Record<string, unknown>
  return { data: dense, schema_valid: validate(dense) }
}

function place(into: Record<string, unknown> | unknown[], node: SchemaNode, parts: readonly string[], value: unknown): void {
  const [part = '', ...rest] = parts
  const below = node.kind === 'list' ? node.item : node.kind === 'object' ? node.properties[part] : undefined
  if (!below) return
  const container = into as Record<string, unknown>
  if (rest.length === 0) {
    container[part] = value
    return
  }
  container[part] ??= below.kind === 'list' ? [] : {}
  place(container[part] as Record<string, unknown>, below, rest, value)
}

/** A text that is no number of its type stays text, and the schema then does not fit. */
function typed(value: string, type: 'string' | 'number' | 'integer' | 'boolean'): unknown {
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
  if (type === 'string' || value.trim() === '' || !Number.isFinite(Number(value))) return value
  return Number(value)
}

/** Lists without holes. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== undefined).map(compact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, compact(child)]))
}
