import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { type JsonSchema, minimalValue } from './minimal-value.ts'

/** A JSON Schema that a request brought. */
export interface RequestedSchema {
  /** The smallest value that fits. Throws when the double finds none. */
  minimal(): unknown
  /** What is wrong with a value; empty when it fits. */
  problems(value: unknown): string[]
  /** The smallest value, with those of `parts` for its keys that fit there. */
  minimalWith(parts: Readonly<Record<string, unknown>>): unknown
}

/** A product has a handful of schemas, and sends them with every request. */
const KEPT_MAX = 200
const kept = new Map<string, RequestedSchema>()
const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)

/** Throws when it is no JSON Schema (2020-12). */
export function requestedSchema(schema: JsonSchema): RequestedSchema {
  const key = JSON.stringify(schema)
  const known = kept.get(key)
  if (known) return known
  if (kept.size >= KEPT_MAX) kept.clear()
  const read = readSchema(schema)
  kept.set(key, read)
  return read
}

function readSchema({ $schema: _dialect, $id: _id, ...schema }: JsonSchema): RequestedSchema {
  const validate = ajv.compile(schema)
  const problems = (value: unknown) =>
    validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || 'the value'} ${message}`)
  let found: unknown

  function minimal(): unknown {
    if (found !== undefined) return structuredClone(found)
    const value = minimalValue(schema)
    const wrong = problems(value)
    if (wrong.length > 0) throw new Error(`the double finds no value for a schema: ${wrong.join(', ')}`)
    found = value
    return structuredClone(value)
  }

  function minimalWith(parts: Readonly<Record<string, unknown>>): unknown {
    const smallest = minimal()
    if (smallest === null || typeof smallest !== 'object' || Array.isArray(smallest)) return smallest
    let value: Record<string, unknown> = { ...smallest }
    for (const [name, part] of Object.entries(parts)) {
      const filled = { ...value, [name]: part }
      if (name in value && problems(filled).length === 0) value = filled
    }
    return value
  }

  return { minimal, problems, minimalWith }
}
