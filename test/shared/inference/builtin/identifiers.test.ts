import { describe, expect, test } from 'vitest'
import { findEmails, findIbans, findLocalPhone, findPhones } from '../../../../shared/inference/builtin/identifiers.ts'
import { findLabelledVatId, findVatIds } from '../../../../shared/inference/builtin/vat-ids.ts'
import { readText } from './pages.ts'

const shown = (found: { value: string; valid: boolean }[]) => found.map(({ value, valid }) => (valid ? value : `${value} invalid`))

describe('findIbans', () => {
  test.each([
    ['IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF', ['DE89370400440532013000']],
    ['DE89370400440532013000', ['DE89370400440532013000']],
    ['FR14 2004 1010 0505 0001 3M02 606', ['FR1420041010050500013M02606']],
    ['NL91 ABNA 0417 1643 00, GB29 NWBK 6016 1331 9268 19', ['NL91ABNA0417164300', 'GB29NWBK60161331926819']],
    ['DE89 3704 0044 0532 0130 01', ['DE89370400440532013001 invalid']],
    ['DE89 3704 0044 0532', []],
    ['XX89 3704 0044 0532 0130 00', []],
    ['FR76 **** **** ****', []],
  ])('in %j', (text, found) => {
    expect(shown(findIbans(readText(text)))).toEqual(found)
  })

  test('quotes it as printed', () => {
    const page = readText('to DE89 3704 0044 0532 0130 00 please')
    expect(findIbans(page).map(({ span }) => page.text.slice(span.start, span.end))).toEqual(['DE89 3704 0044 0532 0130 00'])
  })
})

describe('findVatIds', () => {
  test.each([
    ['DE990000002', ['DE990000002']],
    ['USt-IdNr. DE 990 000 002', ['DE990000002']],
    ['DE990000003', ['DE990000003 invalid']],
    ['ATU99000008', ['ATU99000008']],
    ['BE 0990.000.014', ['BE0990000014']],
    ['FR 86 990 000 002', ['FR86990000002']],
    ['IT00990000010 e ESB99000002', ['IT00990000010', 'ESB99000002']],
    ['NL990000011B01', ['NL990000011B01']],
    ['GB 990 0000 04', ['GB990000004']],
    ['CHE-107.787.577 MWST', ['CHE107787577MWST']],
    ['MODEL990000002, DE9900, NL12', []],
  ])('in %j', (text, found) => {
    expect(shown(findVatIds(readText(text)))).toEqual(found)
  })

  test('adds the country that the label names', () => {
    const page = readText('P. IVA: 00990000010')
    expect(findLabelledVatId(page, 6, 'IT')).toMatchObject({ value: 'IT00990000010', valid: true, span: { start: 8, end: 19 } })
  })
})

describe('findEmails', () => {
  test.each([
    ['write to anna.b+x@Example.ORG.', ['anna.b+x@example.org']],
    ['<a@b.example>, (c@d.example)', ['a@b.example', 'c@d.example']],
    ['a@b, @b.example, a@.example, a b@', []],
  ])('in %j', (text, found) => {
    expect(shown(findEmails(readText(text)))).toEqual(found)
  })
})

describe('telephone numbers', () => {
  test.each([
    ['+49 (0)30 1234-567', ['+49301234567']],
    ['+33 4 65 71 20 94 ou +44 117 496 0318', ['+33465712094', '+441174960318']],
    ['0465 712094 and 12345678 and 2026-04-01', []],
  ])('unlabelled in %j', (text, found) => {
    expect(shown(findPhones(readText(text)))).toEqual(found)
  })

  test('a local one counts after its label only', () => {
    expect(findLocalPhone(readText('Tel.: 030 / 123 45-67'), 3)?.value).toBe('0301234567')
    expect(findLocalPhone(readText('Tel. on request'), 3)).toBeNull()
  })
})
