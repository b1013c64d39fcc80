import { describe, expect, test } from 'vitest'
import { AppError } from '../../../../shared/contracts/errors.ts'
import { DocumentType } from '../../../../shared/contracts/extraction.ts'
import { evidenceSchema } from '../../../../shared/inference/extraction/evidence-schema.ts'
import { leafAt, leavesOf } from '../../../../shared/inference/extraction/leaves.ts'
import { compileSchema, SCHEMA_DEPTH_MAX, SCHEMA_LEAVES_MAX } from '../../../../shared/inference/extraction/schema.ts'
import { schemaFor } from '../../../../shared/inference/extraction/shipped.ts'
import { compileValidator } from '../../../../shared/inference/extraction/validator.ts'

const text = { type: 'string' }
const compile = (json_schema: Record<string, unknown>) => compileSchema({ name: 'mine', version: 1, type: null, json_schema })
const object = (properties: Record<string, unknown>) => ({ type: 'object', properties })

function problemsOf(json_schema: Record<string, unknown>): { where: string; message: string }[] {
  try {
    compile(json_schema)
    return []
  } catch (error) {
    if (error instanceof AppError && error.code === 'SCHEMA_INVALID') return error.extra.errors as { where: string; message: string }[]
    throw error
  }
}

test.each(DocumentType.options)('a schema ships for %s, and what a model is asked for is one that Ajv takes', (type) => {
  const schema = schemaFor(type)
  expect(leavesOf(schema.root).length).toBeGreaterThan(8)
  expect(schema.hash).toMatch(/^[0-9a-f]{64}$/)
  expect(compileValidator(evidenceSchema(schema))).toHaveProperty('validate')
  expect(schema.validate({})).toBe(true)
})

test('formats reach the leaves, in lists too', () => {
  const { root } = schemaFor('invoice')
  expect(leafAt(root, 'iban')).toMatchObject({ format: 'iban' })
  expect(leafAt(root, 'lines.12.unit_price')).toMatchObject({ format: 'amount' })
  for (const path of ['lines', 'lines.x.unit_price', 'lines.0', 'nothing', '__proto__', 'constructor.name', ''])
    expect(leafAt(root, path)).toBeNull()
})

test('the hash is of what the schema says, however it is written', () => {
  const [one, other] = [
    compile({ type: 'object', properties: { a: text, b: text } }),
    compile({ properties: { b: text, a: text }, type: 'object' }),
  ]
  expect(one.hash).toBe(other.hash)
  expect(compile(object({ a: text })).hash).not.toBe(one.hash)
})

test('an organisation’s own schema may ask for scalars, lists and objects, and for null beside each', () => {
  const { root } = compile(
    object({
      policy_number: { type: ['string', 'null'], description: 'number of the policy' },
      insured: { anyOf: [object({ name: text, born: { type: 'string', format: 'date' } }), { type: 'null' }] },
      premiums: { type: 'array', items: object({ year: { type: 'integer' }, euros: { type: 'number', minimum: 0 } }) },
      paid: { type: 'boolean' },
      kind: { enum: ['life', 'health', null] },
    }),
  )
  expect(leavesOf(root).map(({ path, leaf }) => [path, leaf.type, leaf.format])).toEqual([
    ['policy_number', 'string', null],
    ['insured.name', 'string', null],
    ['insured.born', 'string', 'date'],
    ['premiums.*.year', 'integer', null],
    ['premiums.*.euros', 'number', null],
    ['paid', 'boolean', null],
    ['kind', 'string', null],
  ])
  expect(leafAt(root, 'kind')?.values).toEqual(['life', 'health'])
})

describe('a schema is refused, with the place,', () => {
  const nested = (depth: number): Record<string, unknown> => (depth === 0 ? text : object({ a: nested(depth - 1) }))
  const many = object(Object.fromEntries(Array.from({ length: SCHEMA_LEAVES_MAX + 1 }, (_, at) => [`a${at}`, text])))
  test.each<[string, Record<string, unknown>, string, RegExp]>([
    ['that is no object', { type: 'string' }, '', /not an object/],
    ['that has nothing to read', object({}), '', /nothing to read/],
    [
      'that is too deep',
      nested(SCHEMA_DEPTH_MAX),
      '/properties/a/properties/a/properties/a/properties/a/properties/a/properties/a',
      /deeper than/,
    ],
    ['that has too many values', many, `/properties/a${SCHEMA_LEAVES_MAX}`, /more than 200 values/],
    ['that is too large', object({ a: { type: 'string', description: 'x'.repeat(70_000) } }), '', /bytes/],
    [
      'with names that nobody knows',
      { ...object({ a: text }), patternProperties: { '^b': text } },
      '',
      /"patternProperties" is not supported/,
    ],
    ['with names of any kind', { ...object({ a: text }), additionalProperties: text }, '/additionalProperties', /only true or false/],
    ['with a reference', object({ a: { $ref: '#/$defs/b' } }), '/properties/a', /"\$ref" is not supported/],
    ['with a choice of shapes', object({ a: { anyOf: [text, { type: 'number' }] } }), '/properties/a', /anyOf/],
    ['with a list of lists', object({ a: { type: 'array', items: { type: 'array', items: text } } }), '/properties/a', /list of lists/],
    ['with a format that nobody checks', object({ a: { type: 'string', format: 'uri' } }), '/properties/a', /known are date, amount/],
    ['with a type that is none', object({ a: { type: 'text' } }), '/properties/a', /type has to be/],
    ['with a name that would not be one of a path', object({ 'a.b/c': text }), '/properties/a.b~1c', /a name is/],
    ['with a keyword that Ajv does not take', object({ a: { type: 'string', maxLength: 'ten' } }), '', /maxLength/],
    ['that is no schema inside', object({ a: 7 }), '/properties/a', /not a schema/],
  ])('%s', (_, schema, where, message) => {
    const [problem] = problemsOf(schema)
    expect(problem?.where).toBe(where)
    expect(problem?.message).toMatch(message)
  })

  test('and every problem is named, not the first alone', () => {
    expect(problemsOf(object({ a: { type: 'text' }, b: text, c: { $ref: '#' } })).map(({ where }) => where)).toEqual([
      '/properties/a',
      '/properties/c',
    ])
  })

  test('however it was made to be slow: a schema as wide or as deep as its bytes allow', () => {
    let deep: Record<string, unknown> = text
    for (let depth = 0; depth < 1_500; depth++) deep = object({ a: deep })
    expect(problemsOf(deep)).toHaveLength(1)
    const wide = object(Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`a${at}`, { $ref: '#' }])))
    expect(problemsOf(wide)).toHaveLength(50)
  })
})
