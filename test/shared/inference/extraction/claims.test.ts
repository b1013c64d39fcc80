import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assemble } from '../../../../shared/inference/extraction/assemble.ts'
import { readClaims } from '../../../../shared/inference/extraction/claims.ts'
import { evidenceSchema } from '../../../../shared/inference/extraction/evidence-schema.ts'
import { compileSchema } from '../../../../shared/inference/extraction/schema.ts'
import { schemaFor } from '../../../../shared/inference/extraction/shipped.ts'
import { compileValidator } from '../../../../shared/inference/extraction/validator.ts'

const said = (value: unknown, quote = 'as quoted', page = '1') => ({ value, quote, page })
const invoice = schemaFor('invoice')

describe('what a model returns', () => {
  test('becomes claims under the paths of the schema, lists item by item', () => {
    const output = {
      invoice_number: said('4711', 'Rechnung 4711', '2'),
      iban: null,
      lines: [{ description: said('Hammer'), quantity: null }, { description: said('Nägel') }],
    }
    expect(readClaims(output, invoice)).toEqual([
      { path: 'invoice_number', value: '4711', quote: 'Rechnung 4711', page: 2 },
      { path: 'lines.0.description', value: 'Hammer', quote: 'as quoted', page: 1 },
      { path: 'lines.1.description', value: 'Nägel', quote: 'as quoted', page: 1 },
    ])
  })

  test('under a name that the schema does not have never becomes a path', () => {
    const output = JSON.parse(
      '{"nickname":{"value":"Anna","quote":"Anna","page":"1"},"__proto__":{"invoice_number":"x"},"lines":[{"Anna":"x"}]}',
    )
    expect(readClaims(output, invoice)).toEqual([])
  })

  test('bare, where a value with its quote was asked for, is a claim without evidence', () => {
    expect(readClaims({ invoice_number: 4711, seller_name: 'Muster GmbH' }, invoice)).toEqual([
      { path: 'invoice_number', value: '4711', quote: null, page: null },
      { path: 'seller_name', value: 'Muster GmbH', quote: null, page: null },
    ])
  })

  test.each([
    ['no object', [], 'at the top: not an object'],
    ['a text', 'Anna Muster', 'at the top: not an object'],
    ['a list that is none', { lines: said('x') }, 'at lines: not a list'],
    ['an item that is none', { lines: ['Anna Muster'] }, 'at lines.0: not an object'],
    ['a value that is none', { seller_name: said(['Anna Muster']) }, 'at seller_name: not a value'],
    ['a value without end', { seller_name: said('Anna Muster'.repeat(1_000)) }, 'at seller_name: not a value of at most'],
    ['a list without end', { lines: Array(1_001).fill({}) }, 'at lines: not a list of at most'],
  ])('as %s is invalid, and the error holds no word of it', (_, output, message) => {
    expect(() => readClaims(output, invoice)).toThrow(`MODEL_OUTPUT_INVALID: ${message}`)
    expect(() => readClaims(output, invoice)).not.toThrow(/Anna/)
  })
})

test('a model is asked for values with quotes, and what it may return fits what is read', () => {
  const schema = compileSchema({
    name: 'mine',
    version: 1,
    type: null,
    json_schema: {
      type: 'object',
      properties: { kind: { enum: ['life', 'health'] }, years: { type: 'array', items: { type: 'integer' } }, paid: { type: 'boolean' } },
      required: ['kind'],
    },
  })
  const compiled = compileValidator(evidenceSchema(schema))
  if (!('validate' in compiled)) throw new Error(compiled.problem)
  const output = { kind: said('life'), years: [said('2025'), said('2026')], paid: null }
  expect(compiled.validate(output)).toBe(true)
  expect(compiled.validate({ ...output, more: 1 })).toBe(false)
  expect(compiled.validate({ ...output, kind: said('death') })).toBe(false)
  expect(compiled.validate({ kind: said('life') })).toBe(false)

  const fields = Object.fromEntries(readClaims(output, schema).map((claim) => [claim.path, claim]))
  expect(assemble(fields, schema)).toEqual({ data: { kind: 'life', years: [2025, 2026] }, schema_valid: true })
})

describe('the value of all fields together', () => {
  const schema = compileSchema({
    name: 'mine',
    version: 1,
    type: null,
    json_schema: {
      type: 'object',
      properties: {
        number: { type: 'string' },
        amount: { type: 'number' },
        paid: { type: 'boolean' },
        parties: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
      },
      required: ['number'],
      additionalProperties: false,
    },
  })
  const put = (values: Record<string, string>) =>
    assemble(Object.fromEntries(Object.entries(values).map(([path, value]) => [path, { value }])), schema)

  test('has the shape and the types of the schema', () => {
    expect(put({ number: '0815', amount: '12.50', paid: 'true', 'parties.0.name': 'A', 'parties.1.name': 'B' })).toEqual({
      data: { number: '0815', amount: 12.5, paid: true, parties: [{ name: 'A' }, { name: 'B' }] },
      schema_valid: true,
    })
  })

  test('does not fit where something that the schema requires was not read, or is no number', () => {
    expect(put({ amount: '12.50' }).schema_valid).toBe(false)
    expect(put({ number: '1', amount: 'twelve' })).toEqual({ data: { number: '1', amount: 'twelve' }, schema_valid: false })
  })
})

test('what a model says of a value, read and put together again, is the value', () => {
  const schema = compileSchema({
    name: 'mine',
    version: 1,
    type: null,
    json_schema: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        sum: { type: 'number' },
        paid: { type: ['boolean', 'null'] },
        place: { type: 'object', properties: { city: { type: 'string' }, floor: { type: 'integer' } } },
        tags: { type: 'array', items: { type: 'string' } },
        lines: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              text: { type: 'string' },
              parts: { type: 'array', items: { type: 'object', properties: { count: { type: 'integer' } } } },
            },
          },
        },
      },
    },
  })
  const text = fc.string({ minLength: 1, maxLength: 20 }).filter((value) => value === value.trim() && value !== '')
  const list = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { minLength: 1, maxLength: 12 })
  const value = fc.record(
    {
      name: text,
      sum: fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100),
      paid: fc.boolean(),
      place: fc.record({ city: text, floor: fc.integer({ min: -9, max: 99 }) }),
      tags: list(text),
      lines: list(fc.record({ text, parts: list(fc.record({ count: fc.nat(1_000) })) })),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(value, (data) => {
      const fields = Object.fromEntries(readClaims(statedIn(data), schema).map((claim) => [claim.path, claim]))
      expect(assemble(fields, schema)).toEqual({ data, schema_valid: true })
    }),
  )
})

/** Every scalar as a model states it. */
function statedIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(statedIn)
  if (typeof value !== 'object' || value === null) return said(String(value))
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, statedIn(child)]))
}
