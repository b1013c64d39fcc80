import { describe, expect, test } from 'vitest'
import { findAmounts, parseAmount } from '../../../../shared/inference/builtin/amounts.ts'
import { readText } from './pages.ts'

describe('parseAmount', () => {
  test.each([
    ['1.234,50', 'de', '1234.50'],
    ['1,234.50', 'en', '1234.50'],
    ['1 234,50', 'fr', '1234.50'],
    ['1\u202f234,50', 'fr', '1234.50'],
    ["1'234.50", null, '1234.50'],
    ['1’234.50', 'de', '1234.50'],
    ['12.345.678', 'de', '12345678'],
    ['1.234', 'de', '1234'],
    ['1,234', 'en', '1234'],
    ['1.234', 'en', '1.234'],
    ['0,750', null, '0.750'],
    ['99', null, '99'],
    ['-20,48', 'fr', '-20.48'],
    ['−3,00', 'de', '-3.00'],
    ['-0,00', 'de', '0.00'],
    ['007,50', 'de', '7.50'],
  ])('%s in %s is %s', (printed, language, decimal) => {
    expect(parseAmount(printed, language)).toBe(decimal)
  })

  test('gives null for more digits than a sum can hold exactly, and for no digits', () => {
    expect([parseAmount('12345678901234', null), parseAmount('EUR', null)]).toEqual([null, null])
  })
})

describe('findAmounts', () => {
  test.each([
    ['Total: 1.234,50 €', 'de', ['1234.50 EUR']],
    ["CHF 1'234.50", 'de', ['1234.50 CHF']],
    ['£3,940.00 and $ 12', 'en', ['3940.00 GBP', '12 USD']],
    ['4 104,00 € puis 684,00 €', 'fr', ['4104.00 EUR', '684.00 EUR']],
    ['20 198,00', 'de', ['198.00 -']],
    ['2 € 399,00', 'nl', ['399.00 EUR']],
    ['-8,50 EUR', 'de', ['-8.50 EUR']],
    ['80 Euro', 'de', ['80 EUR']],
    ['19 % 198,00', 'de', ['198.00 -']],
    ['20,5 %, 4711, 12.03.2026, 10:30, A4,5', 'de', []],
  ])('in %j (%s)', (text, language, found) => {
    const amounts = findAmounts(readText(text), language).map(({ decimal, currency }) => `${decimal} ${currency?.code ?? '-'}`)
    expect(amounts).toEqual(found)
  })

  test('quotes the number without its currency', () => {
    const page = readText('Summe EUR 1.234,50')
    expect(findAmounts(page, 'de').map(({ span }) => page.text.slice(span.start, span.end))).toEqual(['1.234,50'])
  })
})
