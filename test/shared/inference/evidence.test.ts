import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { locateAll, locateInPages, locateInText } from '../../../shared/inference/evidence.ts'

const page = (number: number, text: string): Page => ({ number, method: 'plain', text, reason: null })

describe('a quote', () => {
  test('is found across line ends, and what is returned is the page’s own text', () => {
    const text = 'Summe\n  1.234,50 €'
    expect(locateInText(text, ' Summe 1.234,50 € ')).toEqual({ start: 0, end: text.length, quote: text })
  })

  test.each([
    ['234,50', 'Summe 1.234,50'],
    ['1.234', 'Summe 1.234,50'],
    ['12', 'im Jahr 2012'],
    ['234,50', 'Somme 1\u202f234,50'],
  ])('%s is not a part of the number in %j', (quote, text) => {
    expect(locateInText(text, quote)).toBeNull()
    expect(locateAll([page(1, text)], quote)).toEqual([])
  })

  test.each([
    ['234,50', 'Summe 1.234,50, davon 234,50', 22],
    ['12', 'am 3.12., Zimmer 12.', 17],
    ['4711', 'Rechnung 4711.', 9],
    ['2026', '(2026)', 1],
  ])('%s is found in %j where it is the whole number', (quote, text, start) => {
    expect(locateInText(text, quote)?.start).toBe(start)
  })

  test('is looked for on the named page first, and all its places are told in order', () => {
    const pages = [page(1, 'Hammer, Hammer'), page(2, 'ein Hammer')]
    expect(locateInPages(pages, 'Hammer', 2)).toMatchObject({ page: 2, start: 4 })
    expect(locateAll(pages, 'Hammer').map(({ page: number, start }) => [number, start])).toEqual([
      [1, 0],
      [1, 8],
    ])
  })
})

test('whatever is located is a slice of the page', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), fc.nat(50), fc.nat(10), (text, other, from, length) => {
      for (const quote of [other, text.slice(from, from + length)]) {
        const found = locateInText(text, quote)
        if (found) expect(text.slice(found.start, found.end)).toBe(found.quote)
        for (const place of locateAll([page(1, text)], quote)) expect(text.slice(place.start, place.end)).toBe(place.quote)
      }
    }),
  )
})
