import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { JsonSchema } from './minimal-value.ts'
import { requestedSchema } from './requested-schema.ts'

const smallest = (schema: z.ZodType) => requestedSchema(z.toJSONSchema(schema, { io: 'output' })).minimal()

describe('the smallest value of a schema', () => {
  test.each<[string, z.ZodType, unknown]>([
    ['null where it may be', z.string().nullable(), null],
    ['the first of an enumeration', z.enum(['b', 'a']), 'b'],
    ['a constant', z.literal(7), 7],
    ['required keys alone', z.strictObject({ a: z.boolean(), b: z.string().optional() }), { a: false }],
    ['an empty array', z.array(z.int()), []],
    ['as many items as are asked for', z.array(z.int()).min(2), [0, 0]],
    ['a tuple', z.tuple([z.string(), z.boolean()]), ['', false]],
    ['the first branch of a union', z.union([z.strictObject({ k: z.literal('x') }), z.string()]), { k: 'x' }],
    ['a date', z.iso.date(), '1970-01-01'],
    ['a moment', z.iso.datetime(), '1970-01-01T00:00:00Z'],
    ['a long string', z.string().min(4), 'xxxx'],
    ['a number within its bounds', z.number().min(3).max(8), 3],
    ['a number below zero', z.number().lt(0), -0.5],
    ['a whole number above zero', z.int().positive(), 1],
    ['a multiple', z.number().min(4).multipleOf(3), 6],
    ['anything', z.any(), null],
  ])('%s', (_, schema, value) => {
    expect(smallest(schema)).toEqual(value)
  })

  test('that must match a pattern does, the same one each time', () => {
    const schema = z.string().regex(/^[a-z]{2}-\d{4}$/)
    expect(smallest(schema)).toMatch(/^[a-z]{2}-\d{4}$/)
    expect(requestedSchema({ pattern: '^[a-z]{2}-\\d{4}$', type: 'string' }).minimal()).toBe(smallest(schema))
  })

  test('of a schema that holds itself ends as soon as it can', () => {
    const tree = (first: JsonSchema) => ({
      $ref: '#/$defs/tree',
      $defs: { tree: { anyOf: [first, { type: 'array', items: { $ref: '#/$defs/tree' } }] } },
    })
    const node = { type: 'object', properties: { child: { $ref: '#/$defs/tree' } }, required: ['child'] }
    expect(JSON.stringify(requestedSchema(tree(node)).minimal()).length).toBeLessThan(60)
  })

  test.each([
    ['nests without end', { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }],
    [
      'nests without end in each branch',
      { anyOf: ['a', 'b'].map((a) => ({ type: 'object', properties: { [a]: { $ref: '#' } }, required: [a] })) },
    ],
    ['allows nothing', { type: 'object', properties: { a: false }, required: ['a'] }],
    ['contradicts itself', { type: 'string', minLength: 3, maxLength: 2 }],
  ])('that %s is not made up', (_, schema) => {
    expect(() => requestedSchema(schema).minimal()).toThrow()
  })
})

test('parts are taken over where the schema has their key and allows their value', () => {
  const schema = z.toJSONSchema(z.strictObject({ type: z.enum(['a', 'b']), tags: z.array(z.string()) }))
  const parts = { type: 'b', tags: [1], more: true }
  expect(requestedSchema(schema).minimalWith(parts)).toEqual({ type: 'b', tags: [] })
})

test('the value that one request got is not changed by what is done with it', () => {
  const schema = { type: 'object', properties: { tags: { type: 'array', items: {} } }, required: ['tags'] }
  const first = requestedSchema(schema).minimal() as { tags: unknown[] }
  first.tags.push('changed')
  expect(requestedSchema(schema).minimal()).toEqual({ tags: [] })
})
