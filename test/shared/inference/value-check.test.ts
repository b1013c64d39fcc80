import { expect, test } from 'vitest'
import { checkValue, type ExpectedValue, type ValueCheck } from '../../../shared/inference/value-check.ts'

test.each<[ExpectedValue, string, string, ValueCheck]>([
  ['date', '2026-03-03', 'vom 3. März 2026', 'stated'],
  ['date', '2026-04-03', '03/04/2026', 'stated'],
  ['date', '2026-03-04', '03/04/2026', 'stated'],
  ['date', '2027-03-03', 'vom 3. März 2026', 'absent'],
  ['date', 'Freitag', 'am Freitag', 'implausible'],
  ['date', '2026-02-30', 'on 2026-02-30', 'implausible'],
  ['amount', '1234.50', 'Total 1.234,50 EUR', 'stated'],
  ['amount', '12500.00', 'Total 12 500,00 EUR', 'stated'],
  ['amount', '1200', 'net 1,200.00', 'stated'],
  ['amount', '120000', 'net 1,200.00', 'absent'],
  ['amount', 'twelve', 'net 12.00', 'absent'],
  ['integer', '30', 'within 30 days', 'stated'],
  ['currency', 'EUR', '12,00 €', 'stated'],
  ['currency', 'USD', '12,00 €', 'absent'],
  ['string', 'Muster GmbH', 'MUSTER  GmbH', 'stated'],
  ['string', 'Muster AG', 'Muster GmbH', 'absent'],
  ['string', 'P3M', 'mit einer Frist von drei Monaten', 'stated'],
  ['string', '2026-03-03', 'bis zum 3. März 2026', 'stated'],
  ['iban', 'DE89370400440532013000', 'IBAN: DE89 3704 0044 0532 0130 00', 'stated'],
  ['iban', 'DE88370400440532013000', 'IBAN: DE88 3704 0044 0532 0130 00', 'contradicted'],
  ['iban', 'DE89370400440532013000', 'IBAN: see below', 'absent'],
  ['vat-id', 'DE136695976', 'USt-IdNr. DE 136695976', 'stated'],
  ['vat-id', 'DE136695977', 'USt-IdNr. DE 136695977', 'contradicted'],
  ['national-id', '44051401359', 'PESEL 44051401359', 'stated'],
  ['national-id', '1', 'No. 1', 'implausible'],
  ['email', 'anna@example.org', 'mail anna@example.org', 'stated'],
  ['email', 'anna', 'anna', 'implausible'],
  ['phone', '+49 30 123456', 'Tel. +49 30 123456', 'stated'],
  ['boolean', 'true', 'was paid in full', 'stated'],
  ['boolean', 'perhaps', 'was paid in full', 'absent'],
])('%s %j against %j: %s', (expected, value, quote, result) => {
  expect(checkValue(expected, value, quote, 'de')).toBe(result)
})
