import { describe, expect, test } from 'vitest'
import { addDays, dateOrder, findDates } from '../../../../shared/inference/builtin/dates.ts'
import { readText } from './pages.ts'

function isoDates(text: string, order: 'day_first' | 'month_first' | null = 'day_first'): string[] {
  return findDates(readText(text), order).map((date) => date.iso)
}

describe('findDates', () => {
  test.each([
    '2026-04-01',
    '2026/4/1',
    '01.04.2026',
    '1. 4. 2026',
    '01.04.26',
    '1/4/2026',
    '1-4-2026',
    '1 April 2026',
    '1st of April 2026',
    'April 1, 2026',
    'Apr 1st, 2026',
    '1. April 2026',
    '1er avril 2026',
    '1 de abril de 2026',
    '1° aprile 2026',
    '1 april 2026',
    '1 abril 2026',
    '01-Apr-2026',
    '1 APR 2026',
  ])('reads %s', (printed) => {
    expect(isoDates(`Date ${printed}.`)).toEqual(['2026-04-01'])
  })

  test.each([
    ['3. März 2026', '2026-03-03'],
    ['5 août 2026', '2026-08-05'],
    ['7 de diciembre de 2026', '2026-12-07'],
    ['9 dicembre 2026', '2026-12-09'],
    ['11 maart 2026', '2026-03-11'],
    ['13. Jänner 2026', '2026-01-13'],
  ])('knows the month in %s', (printed, iso) => {
    expect(isoDates(printed)).toEqual([iso])
  })

  test.each([
    '31.02.2026',
    '2026-13-01',
    '32.01.2026',
    '00.01.2026',
    '29.02.2027',
    '10.10.1492',
    '1.2.3',
    '192.168.10.10',
    '31 April 2026',
    '12 Stück 2026',
  ])('rejects %s', (printed) => {
    expect(isoDates(printed)).toEqual([])
  })

  test('keeps the leap day of a leap year', () => {
    expect(isoDates('29.02.2028')).toEqual(['2028-02-29'])
  })

  test('reads every date of a line, in order, and quotes each exactly', () => {
    const page = readText('from 1.5.2026 to 31.05.2026 (signed 2 May 2026)')
    const printed = findDates(page, 'day_first').map(({ span }) => page.text.slice(span.start, span.end))
    expect(printed).toEqual(['1.5.2026', '31.05.2026', '2 May 2026'])
  })

  test('says that 03/04/2026 is ambiguous when nothing decides it, and that 13/04/2026 is not', () => {
    expect(findDates(readText('03/04/2026 13/04/2026'), null).map(({ iso, ambiguous }) => [iso, ambiguous])).toEqual([
      ['2026-04-03', true],
      ['2026-04-13', false],
    ])
  })

  test('reads month first where the document does', () => {
    expect(isoDates('03/04/2026', 'month_first')).toEqual(['2026-03-04'])
  })
})

describe('dateOrder', () => {
  test.each([
    ['de', '03/04/2026', 'day_first'],
    ['en', '03/04/2026 and 25/04/2026', 'day_first'],
    ['en', '03/04/2026 and 04/25/2026', 'month_first'],
    ['en', '03/04/2026, total $ 12.00', 'month_first'],
    ['en', '03/04/2026, total £12.00', null],
    [null, '03/04/2026', null],
  ] as const)('in %s, %s', (language, text, order) => {
    expect(dateOrder([readText(text)], language)).toBe(order)
  })
})

test('addDays crosses months, years and clock changes', () => {
  expect([addDays('2026-01-31', 1), addDays('2026-12-31', 1), addDays('2026-03-28', 2), addDays('2026-03-01', -1)]).toEqual([
    '2026-02-01',
    '2027-01-01',
    '2026-03-30',
    '2026-02-28',
  ])
})
