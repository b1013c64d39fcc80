import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MaskKind } from '../../../shared/contracts/masking.ts'
import { assertMasked, createMasker } from '../../../shared/masking/masker.ts'
import { germanIban, germanVatId, grouped, pesel, visaCard } from './check-digits.ts'
import { listedNames } from './listed-names.ts'

const RUNS = 300
const NAMES = ['Anna Schmidt', 'Jürgen Groß', 'Zoë van der Berg', 'Łukasz Żak', "Siobhán O'Neill"]
const signal = new AbortController().signal

/** `context` is what a reader needs to see what the value is. */
interface Planted {
  kind: MaskKind
  value: string
  context: string
}

const plain = (kind: MaskKind, values: fc.Arbitrary<string>, before = '') =>
  values.map((value): Planted => ({ kind, value, context: before + value }))

const PLANTED: readonly fc.Arbitrary<Planted>[] = [
  plain(
    'iban',
    fc.nat(9_999_999).map((account) => germanIban(account)),
  ),
  plain(
    'iban',
    fc.nat(9_999_999).map((account) => grouped(germanIban(account))),
  ),
  plain('vat_id', fc.nat(80_000_000).map(germanVatId)),
  plain('national_id', fc.nat(9_999).map(pesel), 'PESEL '),
  plain(
    'phone',
    fc.integer({ min: 100_000, max: 999_999 }).map((number) => `+49 30 23${number}`),
  ),
  plain(
    'phone',
    fc.integer({ min: 1_000_000, max: 9_999_999 }).map((number) => `0171 ${number}`),
    'Tel. ',
  ),
  plain(
    'email',
    fc.stringMatching(/^[a-z]{2,10}\.[a-z]{2,10}$/).map((name) => `${name}@example.com`),
  ),
  plain(
    'card',
    fc.nat(999_999_999).map((serial) => grouped(visaCard(serial))),
  ),
  plain(
    'ip',
    fc.ipV4().filter((ip) => !ip.startsWith('0')),
  ),
  plain(
    'ip',
    fc.ipV6().filter((ip) => /^[1-9a-f]/.test(ip) && !ip.includes('.')),
  ),
  plain('birth_date', fc.date({ min: new Date('1920-01-01'), max: new Date('2020-01-01'), noInvalidDate: true }).map(printDate), 'geb. '),
  plain(
    'address',
    fc
      .tuple(fc.constantFrom('Haupt', 'Garten', 'Linden', 'Goethe'), fc.integer({ min: 1, max: 399 }))
      .map(([name, number]) => `${name}straße ${number}`),
  ),
  plain('name', fc.constantFrom(...NAMES)),
]

const FILLER = fc.oneof(
  fc.constantFrom(
    ' und ',
    ', ',
    '; ',
    '. Die Rechnung Nr. 4711081523 vom 12.03.2026 über 1.234,56 EUR ist fällig. ',
    '\n',
    ' (',
    ') ',
    ' [IBAN_1] ',
    ' [name 3b] ',
    ' \\[TEXT\\_1\\] ',
    '[[',
    ' 😀 ',
    ' İstanbul ',
    ' Datum ',
    ' born ',
    '\\',
  ),
  // Without letters: `v`, `ref` or `az` before a number says that it is a version, a reference or a file, and then it stays.
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => ` ${text.replace(/\p{L}/gu, '')} `),
)

const PIECES = fc.array(fc.tuple(FILLER, fc.option(fc.oneof(...PLANTED), { nil: null })), { minLength: 1, maxLength: 14 })
const TEXTS = fc.array(PIECES, { minLength: 1, maxLength: 3 })

function printDate(date: Date): string {
  return date.toISOString().slice(0, 10).split('-').reverse().join('.')
}

function write(pieces: readonly (readonly [string, Planted | null])[]): string {
  return pieces.map(([filler, planted]) => (planted ? `${filler} ${planted.context} ` : filler)).join('')
}

function open() {
  return createMasker({ kinds: MaskKind.options, recogniser: listedNames(NAMES) }).open('de')
}

describe('for generated texts with planted values of every kind', () => {
  test('unmasking what was masked gives the text back, letter by letter', async () => {
    await fc.assert(
      fc.asyncProperty(TEXTS, async (texts) => {
        const session = open()
        const printed = texts.map(write)
        const masked = await session.maskAll(printed, signal)
        expect(masked.map((text) => session.unmask(text))).toEqual(printed)
        expect(session.unknownPlaceholders()).toBe(0)
      }),
      { numRuns: RUNS },
    )
  })

  test('no planted value is left, and the finders find nothing more', async () => {
    await fc.assert(
      fc.asyncProperty(TEXTS, async (texts) => {
        const session = open()
        const masked = (await session.maskAll(texts.map(write), signal)).join('\n')
        for (const [, planted] of texts.flat()) if (planted) expect(masked).not.toContain(planted.value)
        expect(Object.values(session.counts().after).every((count) => count === 0)).toBe(true)
        assertMasked(session, { strict: true })
      }),
      { numRuns: RUNS },
    )
  })

  test('the same value has the same placeholder everywhere, and different ones have different placeholders', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.oneof(...PLANTED), { selector: ({ value }) => value.replace(/ /g, ''), minLength: 2, maxLength: 8 }),
        async (planted) => {
          const session = open()
          const once = planted.map(({ context }) => `x ${context} ,`)
          const masked = await session.maskAll([...once, ...once.toReversed()], signal)
          expect(masked.slice(planted.length).toReversed()).toEqual(masked.slice(0, planted.length))
          expect(new Set(masked).size).toBe(planted.length)
        },
      ),
      { numRuns: RUNS },
    )
  })
})
