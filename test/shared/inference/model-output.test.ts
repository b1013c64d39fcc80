import { describe, expect, test } from 'vitest'
import type { FieldName, Page } from '../../../shared/contracts/extraction.ts'
import { mergeEnrichments, readAnswer, readEnrichment } from '../../../shared/inference/model-output.ts'
import { checkValue } from '../../../shared/inference/value-check.ts'

const PAGES: Page[] = [
  { number: 1, method: 'plain', text: 'Rechnung 4711\nvom 3. März 2026', reason: null },
  { number: 2, method: 'plain', text: 'Gesamtbetrag\n1.234,50 €', reason: null },
]

function output(field: Record<string, unknown>, rest: Record<string, unknown> = {}): unknown {
  return { type: 'invoice', language: 'de', fields: [field], ...rest }
}

describe('a field', () => {
  test('whose quote is not in the text is unverified and has no evidence', () => {
    const { fields } = readEnrichment(output({ name: 'invoice_number', value: '4711', quote: 'Rechnung Nr. 4711', page: '1' }), PAGES)
    expect(fields).toEqual({ invoice_number: { value: '4711', status: 'unverified', evidence: [] } })
  })

  test('whose quote stands in the text but does not state the value is unverified and shows the quote', () => {
    const { fields } = readEnrichment(output({ name: 'total_gross', value: '9999.00', quote: 'Gesamtbetrag 1.234,50 €', page: '2' }), PAGES)
    expect(fields.total_gross).toMatchObject({ status: 'unverified', evidence: [{ page: 2 }] })
  })

  test.each(['2', '1', '77', 'two', ''])('is found by its text when the model names page %j', (page) => {
    const { fields } = readEnrichment(output({ name: 'total_gross', value: '1234.50', quote: 'Gesamtbetrag 1.234,50 €', page }), PAGES)
    expect(fields.total_gross).toEqual({
      value: '1234.50',
      status: 'verified',
      evidence: [{ page: 2, start: 0, end: 23, quote: 'Gesamtbetrag\n1.234,50 €' }],
    })
  })

  test('said twice is kept where it has evidence', () => {
    const said = [
      { name: 'issue_date', value: '2026-04-01', quote: 'vom 1. April 2026', page: '1' },
      { name: 'issue_date', value: '2026-03-03', quote: 'vom 3. März 2026', page: '1' },
    ]
    const { fields } = readEnrichment(output({}, { fields: said }), PAGES)
    expect(fields.issue_date).toMatchObject({ value: '2026-03-03', status: 'verified' })
  })

  test.each(['Not A Name', '__proto__', 'constructor '])('with the name %j is left out', (name) => {
    expect(readEnrichment(output({ name, value: 'x', quote: 'Rechnung', page: '1' }), PAGES).fields).toEqual({})
  })
})

test('an unknown document type becomes other, and what is no language becomes null', () => {
  expect(readEnrichment({ type: 'love_letter', language: 'German', fields: [], more: 1 }, PAGES)).toEqual({
    type: 'other',
    language: null,
    fields: {},
  })
})

test.each([null, [], 'text', {}, { type: 'invoice', language: 'de' }, { type: 'invoice', language: 'de', fields: [{ name: 'iban' }] }])(
  'output of another shape (%j) is invalid as a whole',
  (wrong) => expect(() => readEnrichment(wrong, PAGES)).toThrow('MODEL_OUTPUT_INVALID'),
)

test('an empty answer is an abstention, and a citation without a number is invalid', () => {
  expect(readAnswer({ answer: ' ', citations: [] })).toEqual({ answer: null, citations: [] })
  expect(() => readAnswer({ answer: 'a', citations: [{ passage: 'first', quote: 'a' }] })).toThrow('MODEL_OUTPUT_INVALID')
})

test('merging keeps the first type, the first language known, and the first evidence', () => {
  const evidence = [{ page: 1, start: 0, end: 1, quote: 'R' }]
  const merged = mergeEnrichments([
    { type: 'invoice', language: null, fields: { iban: { value: 'a', status: 'unverified', evidence: [] } } },
    { type: 'other', language: 'de', fields: { iban: { value: 'b', status: 'verified', evidence } } },
    { type: 'other', language: 'fr', fields: { iban: { value: 'c', status: 'verified', evidence } } },
  ])
  expect(merged).toMatchObject({ type: 'invoice', language: 'de', fields: { iban: { value: 'b' } } })
})

test.each<[FieldName, string, string, ReturnType<typeof checkValue>]>([
  ['issue_date', '2026-03-03', 'vom 3. März 2026', 'stated'],
  ['issue_date', '2026-04-03', '03/04/2026', 'stated'],
  ['issue_date', '2026-03-04', '03/04/2026', 'stated'],
  ['issue_date', '2027-03-03', 'vom 3. März 2026', 'absent'],
  ['total_gross', '1234.50', 'Total 1.234,50 EUR', 'stated'],
  ['total_gross', '12500.00', 'Total 12 500,00 EUR', 'stated'],
  ['total_net', '1200', 'net 1,200.00', 'stated'],
  ['total_net', '120000', 'net 1,200.00', 'absent'],
  ['total_net', 'twelve', 'net 12.00', 'absent'],
  ['currency', 'EUR', '12,00 €', 'stated'],
  ['currency', 'USD', '12,00 €', 'absent'],
  ['seller_name', 'Muster GmbH', 'MUSTER  GmbH', 'stated'],
  ['seller_name', 'Muster AG', 'Muster GmbH', 'absent'],
  ['iban', 'DE89370400440532013000', 'IBAN: DE89 3704 0044 0532 0130 00', 'stated'],
  ['iban', 'DE88370400440532013000', 'IBAN: DE88 3704 0044 0532 0130 00', 'contradicted'],
  ['iban', 'DE89370400440532013000', 'IBAN: see below', 'absent'],
  ['seller_vat_id', 'DE136695976', 'USt-IdNr. DE 136695976', 'stated'],
  ['seller_vat_id', 'DE136695977', 'USt-IdNr. DE 136695977', 'contradicted'],
])('%s %j against %j: %s', (name, value, quote, result) => {
  expect(checkValue(name, value, quote, 'de')).toBe(result)
})
