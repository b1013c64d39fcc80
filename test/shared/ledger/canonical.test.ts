import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalBytes, EVENT_BYTES_MAX, readCanonical } from '../../../shared/ledger/canonical.ts'

const text = (value: unknown) => new TextDecoder().decode(canonicalBytes(value))
const bytes = (json: string) => new TextEncoder().encode(json)
const NOT_CANONICAL = expect.objectContaining({ code: 'NOT_CANONICAL' })
const refusal = (run: () => unknown) => {
  try {
    return run()
  } catch (error) {
    return error
  }
}

const allowed = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()),
    fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ unit: 'binary' }).filter((key) => key.isWellFormed()),
      tie('value'),
      { maxKeys: 6 },
    ),
  ),
})).value

/** https://github.com/cyberphone/json-canonicalization/tree/master/testdata, the files whose values the record allows. */
const PUBLISHED: [file: string, input: string, output: string][] = [
  ['arrays', '[\n  56,\n  {\n    "d": true,\n    "10": null,\n    "1": [ ]\n  }\n]', '[56,{"1":[],"10":null,"d":true}]'],
  [
    'french',
    '{\n  "peach": "This sorting order",\n  "péché": "is wrong according to French",\n  "pêche": "but canonicalization MUST",\n  "sin":   "ingnore locale"\n}\n',
    '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ingnore locale"}',
  ],
  ['simpleString', '    "this is a test string 1235"', '"this is a test string 1235"'],
  [
    'structures',
    '{\n  "1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0},\n  "10": { },\n  "": "empty",\n  "a": { },\n  "111": [ { } ],\n  "A": { }\n}',
    '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}',
  ],
  ['unicode', '{\n  "Unnormalized Unicode":"\\u1e0d\\u0307"\n}\n', '{"Unnormalized Unicode":"\u1e0d\u0307"}'],
  [
    'weird',
    '{"\\u20ac":"Euro Sign","1":"One","\\u0080":"Control\\u007f","\\ud83d\\ude02":"Smiley","\\u00f6":"Latin Small Letter O With Diaeresis","\\ufb33":"Hebrew Letter Dalet With Dagesh","</script>":"Browser Challenge"}',
    '{"1":"One","</script>":"Browser Challenge","\u0080":"Control\u007f","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😂":"Smiley","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  ],
  // RFC 8785 §3.2.2, without its floating point numbers.
  [
    'RFC 8785 §3.2.2',
    '{"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  ],
]

describe('canonical JSON', () => {
  test.each(PUBLISHED)('writes the published vector %s', (_, input, output) => {
    expect(text(JSON.parse(input))).toBe(output)
    expect(readCanonical(bytes(output))).toEqual(JSON.parse(input))
    if (input !== output) expect(refusal(() => readCanonical(bytes(input)))).toEqual(NOT_CANONICAL)
  })

  test('writes the numbers of RFC 8785 appendix B that are safe integers', () => {
    expect(text([0, 9007199254740991, -9007199254740991])).toBe('[0,9007199254740991,-9007199254740991]')
  })

  test('orders keys by UTF-16 units, whatever order they came in', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.integer(), { maxKeys: 12 }), (object) => {
        fc.pre(Object.keys(object).every((key) => key.isWellFormed()))
        const backwards = Object.fromEntries(Object.entries(object).reverse())
        expect(text(backwards)).toBe(text(object))
        expect(Object.keys(JSON.parse(text(object))).filter((key) => !/^\d+$/.test(key))).toEqual(
          Object.keys(object)
            .filter((key) => !/^\d+$/.test(key))
            .sort(),
        )
      }),
    )
  })

  test('reads back what it wrote, and writes it again with the same bytes', () => {
    fc.assert(
      fc.property(allowed, (value) => {
        const written = canonicalBytes(value)
        expect(canonicalBytes(readCanonical(written))).toEqual(written)
      }),
    )
  })

  test('refuses bytes of which one was changed, or reads another value from them', () => {
    fc.assert(
      fc.property(allowed, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const written = canonicalBytes(value)
        const changed = written.map((byte, index) => (index === at % written.length ? byte ^ change : byte))
        const read = refusal(() => readCanonical(changed))
        if (!(read instanceof Error)) expect(canonicalBytes(read)).toEqual(changed)
        else expect(read).toEqual(NOT_CANONICAL)
      }),
    )
  })

  const cycle: unknown[] = []
  cycle.push(cycle)
  const holes: unknown[] = [1]
  holes[2] = 3
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a key without a value', { a: undefined }],
    ['undefined in a list', [undefined]],
    ['a float', 1.5],
    ['an unsafe integer', 2 ** 53],
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['minus zero', -0],
    ['a big integer', 1n],
    ['a date', new Date(0)],
    ['an object with toJSON', { toJSON: () => 1 }],
    ['an inherited toJSON', Object.create({ toJSON: () => 1 })],
    ['a map', new Map()],
    ['a boxed string', Object('a')],
    ['bytes', Uint8Array.of(1)],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a symbol as a key', { [Symbol('a')]: 1 }],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['holes', holes],
    ['a list with a property', Object.assign([1], { more: 2 })],
    ['a list of another class', new (class extends Array {})()],
    ['an accessor', Object.defineProperty({}, 'a', { get: () => 1, enumerable: true })],
    ['a hidden property', Object.defineProperty({}, 'a', { value: 1 })],
    ['a cycle', cycle],
    ['too deep', JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`)],
    ['more bytes than an entry may have', 'a'.repeat(EVENT_BYTES_MAX - 1)],
  ])('refuses %s', (_, value) => {
    expect(refusal(() => canonicalBytes(value))).toEqual(NOT_CANONICAL)
  })

  test.each([
    ['a key twice', '{"a":1,"a":1}'],
    ['white space', '{"a": 1}'],
    ['a newline at the end', '{"a":1}\n'],
    ['another order of keys', '{"b":1,"a":1}'],
    ['an exponent', '[1e2]'],
    ['a fraction of zero', '[1.0]'],
    ['minus zero', '[-0]'],
    ['an integer that no number holds', '[9007199254740993]'],
    ['an escape that is not needed', '["\\u0061"]'],
    ['an upper-case escape', '["\\u000F"]'],
    ['a byte order mark', '\ufeff{}'],
    ['no JSON', '{'],
    ['nothing', ''],
    ['nesting without end', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ])('does not read %s', (_, json) => {
    expect(refusal(() => readCanonical(bytes(json)))).toEqual(NOT_CANONICAL)
  })

  test('does not read bytes that are not UTF-8', () => {
    expect(refusal(() => readCanonical(Uint8Array.of(0x22, 0xff, 0x22)))).toEqual(NOT_CANONICAL)
    expect(refusal(() => readCanonical(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)))).toEqual(NOT_CANONICAL)
  })

  test('keeps a key named __proto__', () => {
    const value = JSON.parse('{"__proto__":{"a":1}}')
    expect(text(value)).toBe('{"__proto__":{"a":1}}')
    expect(text(readCanonical(bytes('{"__proto__":{"a":1}}')))).toBe('{"__proto__":{"a":1}}')
  })

  test('names the place, never the content', () => {
    expect(() => canonicalBytes({ a: [{ b: 'secret\ud800' }] })).toThrow('$.a[0].b: a lone surrogate')
    expect(() => canonicalBytes({ a: [{ b: 'secret\ud800' }] })).not.toThrow('secret')
  })
})
