import fc from 'fast-check'

export type JsonSchema = Record<string, unknown>

/** Tried in turn, so that of the branches of a recursive schema the one that ends soonest is taken. */
const DEPTHS = [8, 16, 32, 64]

/** Of all attempts together: two branches that never end would be tried in every combination. */
const STEPS_MAX = 20_000

/**
 * The smallest value that a schema in strict mode asks for: null where it may be, else the first of an enumeration, required keys alone, empty
 * arrays and strings. Always the same one. Throws when a schema nests without end or allows nothing; whether the value fits is the caller's to check.
 */
export function minimalValue(schema: JsonSchema): unknown {
  const steps = { left: STEPS_MAX }
  return firstOf(DEPTHS.map((left) => () => valueFor(schema, { root: schema, left, steps })))
}

interface Place {
  root: JsonSchema
  /** How much deeper it may go. */
  left: number
  steps: { left: number }
}

function deeper(place: Place): Place {
  place.steps.left -= 1
  if (place.left === 0 || place.steps.left < 0) throw new Error('a schema that nests without end')
  return { ...place, left: place.left - 1 }
}

function valueFor(given: unknown, place: Place): unknown {
  if (given === true || given === undefined) return null
  if (given === false) throw new Error('a schema that allows nothing')
  const inside = deeper(place)
  const schema = flattened(given as JsonSchema, inside)
  if ('const' in schema) return schema.const
  if (allowsNull(schema, inside)) return null
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const branches = branchesOf(schema)
  if (branches) return firstOf(branches.map((branch) => () => valueFor({ ...rest(schema), ...(branch as JsonSchema) }, inside)))
  return typedValue(schema, inside)
}

function typedValue(schema: JsonSchema, place: Place): unknown {
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, place)
    case 'array':
      return arrayOf(schema, place)
    case 'string':
      return stringOf(schema)
    case 'integer':
    case 'number':
      return numberOf(schema)
    case 'boolean':
      return false
    default:
      return null
  }
}

function objectOf(schema: JsonSchema, place: Place): Record<string, unknown> {
  const properties = (schema.properties ?? {}) as Record<string, unknown>
  const names = (schema.required ?? []) as string[]
  return Object.fromEntries(names.map((name) => [name, valueFor(properties[name], place)]))
}

function arrayOf(schema: JsonSchema, place: Place): unknown[] {
  const first = (schema.prefixItems ?? []) as unknown[]
  return Array.from({ length: Number(schema.minItems ?? 0) }, (_, at) => valueFor(first[at] ?? schema.items, place))
}

const OF_FORMAT: Record<string, string> = {
  date: '1970-01-01',
  'date-time': '1970-01-01T00:00:00Z',
  time: '00:00:00Z',
  duration: 'P1D',
  email: 'a@example.org',
  hostname: 'example.org',
  uri: 'https://example.org',
  uuid: '00000000-0000-0000-0000-000000000000',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
}

const SAMPLES = 100

function stringOf(schema: JsonSchema): string {
  const lengthMin = Number(schema.minLength ?? 0)
  const lengthMax = Number(schema.maxLength ?? Number.POSITIVE_INFINITY)
  const plain = (OF_FORMAT[String(schema.format)] ?? '').padEnd(lengthMin, 'x')
  if (typeof schema.pattern !== 'string') return plain
  const pattern = new RegExp(schema.pattern, 'u')
  if (pattern.test(plain)) return plain
  const samples = fc.sample(fc.stringMatching(pattern), { seed: 0, numRuns: SAMPLES })
  const fitting = samples.filter(({ length }) => length >= lengthMin && length <= lengthMax)
  return fitting.sort((one, other) => one.length - other.length)[0] ?? plain
}

/** The number nearest to zero. */
function numberOf(schema: JsonSchema): number {
  const bound = (name: string) => (typeof schema[name] === 'number' ? schema[name] : undefined)
  const step = bound('multipleOf') ?? (typeOf(schema) === 'integer' ? 1 : undefined)
  const open = step ?? 0.5
  const over = bound('exclusiveMinimum')
  const under = bound('exclusiveMaximum')
  const least = Math.max(bound('minimum') ?? Number.NEGATIVE_INFINITY, over === undefined ? Number.NEGATIVE_INFINITY : over + open)
  const most = Math.min(bound('maximum') ?? Number.POSITIVE_INFINITY, under === undefined ? Number.POSITIVE_INFINITY : under - open)
  if (least > 0) return step === undefined ? least : Math.ceil(least / step) * step
  if (most < 0) return step === undefined ? most : Math.floor(most / step) * step
  return 0
}

/** With `$ref` followed and the branches of `allOf` laid over each other. */
function flattened(schema: JsonSchema, place: Place): JsonSchema {
  const inside = deeper(place)
  const { $ref, allOf, ...own } = schema
  const parts = [...(typeof $ref === 'string' ? [resolved($ref, place.root)] : []), ...((allOf ?? []) as JsonSchema[])]
  return parts.map((part) => flattened(part, inside)).reduce((merged, part) => both(merged, part), own)
}

function both(one: JsonSchema, other: JsonSchema): JsonSchema {
  return {
    ...one,
    ...other,
    ...(one.properties || other.properties ? { properties: { ...(one.properties ?? {}), ...(other.properties ?? {}) } } : {}),
    ...(one.required || other.required
      ? { required: [...new Set([...((one.required ?? []) as string[]), ...((other.required ?? []) as string[])])] }
      : {}),
  }
}

/** A JSON pointer within the document (RFC 6901). */
function resolved(ref: string, root: JsonSchema): JsonSchema {
  let node: unknown = root
  for (const part of ref.replace(/^#\/?/, '').split('/').filter(Boolean)) {
    node = (node as JsonSchema | undefined)?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  if (node === undefined) throw new Error(`a reference to nothing: ${ref}`)
  return node as JsonSchema
}

function allowsNull(schema: JsonSchema, place: Place): boolean {
  const types = [schema.type].flat()
  if (Array.isArray(schema.enum)) return schema.enum.includes(null) && (schema.type === undefined || types.includes('null'))
  if (schema.type !== undefined) return types.includes('null')
  const branches = branchesOf(schema)
  if (branches) return branches.some((branch) => typeof branch === 'object' && allowsNull(flattened(branch as JsonSchema, place), place))
  return typeOf(schema) === undefined
}

function branchesOf(schema: JsonSchema): unknown[] | undefined {
  return (schema.anyOf ?? schema.oneOf) as unknown[] | undefined
}

function rest({ anyOf: _any, oneOf: _one, ...others }: JsonSchema): JsonSchema {
  return others
}

/** The first type that is not null; without any, what its keywords speak of. */
function typeOf(schema: JsonSchema): unknown {
  const named = [schema.type].flat().find((type) => type !== undefined && type !== 'null')
  if (named !== undefined) return named
  if (schema.properties !== undefined || schema.required !== undefined) return 'object'
  if (schema.items !== undefined || schema.prefixItems !== undefined) return 'array'
  if (schema.pattern !== undefined || schema.format !== undefined) return 'string'
  return undefined
}

/** A branch that nests without end is passed over for the next. */
function firstOf(ways: readonly (() => unknown)[]): unknown {
  let failure: unknown
  for (const way of ways) {
    try {
      return way()
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}
