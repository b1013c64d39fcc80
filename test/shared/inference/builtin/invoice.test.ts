import { describe, expect, test } from 'vitest'
import { INVOICE_FIELDS } from '../../../../shared/contracts/extraction.ts'
import { enrichByRules, type RuleReading } from '../../../../shared/inference/builtin/enrich.ts'
import { pagesOf } from './pages.ts'

function enrich(text: string): RuleReading {
  return enrichByRules(pagesOf(text))
}

function values(text: string): Record<string, string> {
  return Object.fromEntries(Object.entries(enrich(text).fields).map(([name, field]) => [name, `${field.value} ${field.status}`]))
}

const ENGLISH = `Foxglove Tools Ltd
9 Mill Lane, Leeds LS1 4AB
VAT number: GB990000004

INVOICE
Invoice number: FT-2026-17
Invoice date: 14 March 2026
Due date: 13 April 2026

Bill to:
Pinecone Schools Trust
4 High Street
Leeds LS2 1AA

Hammers 10 x 20.00 200.00
Subtotal: £200.00
VAT 20%: £40.00
Total due: £240.00

IBAN: GB29 NWBK 6016 1331 9268 19
`

const GERMAN = `Rotdorn Handels GmbH · Lindenweg 3 · 10115 Berlin
Rechnungsempfänger
Kirschblüte Café OHG
Am Markt 1
80331 München
Rechnungsnr.: R/2026/004
Datum: 02.03.2026
Kundennummer: 4711

Pos. Bezeichnung Betrag
1 Stühle 1.000,00
Nettobetrag 1.000,00 EUR
zzgl. 19 % MwSt. 190,00 EUR
Gesamtbetrag 1.190,00 EUR
Zahlbar innerhalb von 14 Tagen ohne Abzug.
USt-IdNr.: DE 990 000 002   IBAN DE89 3704 0044 0532 0130 00
`

const FRENCH = `Menuiserie Aubépine SARL
Facture n° FA-88 du 5 mai 2026
Facturé à :
Mairie de Valsonge
1 place de la République
69001 Lyon
N° TVA client : FR86990000002
Total HT 1 500,00 €
TVA 20 % 300,00 €
Total TTC 1 800,00 €
À payer avant le 04/06/2026
`

const SPANISH = `Hierros del Norte, S.L.
CIF: B99000002
FACTURA
Número de factura: 2026/31
Fecha de factura: 7 de abril de 2026
Cliente: Panadería La Espiga, S.A.
Base imponible 100,00 €
IVA 21 % 21,00 €
Total factura 121,00 €
Vencimiento: 7 de mayo de 2026
`

const ITALIAN = `Alba Ferramenta S.r.l.
P. IVA 00990000010
Fattura n. 12/2026 del 3 marzo 2026
Spett.le
Trattoria del Ponte S.n.c.
Imponibile € 250,00
IVA 22% € 55,00
Totale fattura € 305,00
Scadenza: 02/04/2026
IBAN IT60 X054 2811 1010 0000 0123 456
`

const DUTCH = `Zonnebloem Fietsen B.V.
Btw-nummer: NL990000011B01
FACTUUR
2026-551\tFactuurnummer:
9 februari 2026\tFactuurdatum:
Factuuradres:
Bakkerij De Korenaar
Totaal exclusief btw € 300,00
Btw 21% € 63,00
Totaal inclusief btw € 363,00
Vervaldatum: 11-03-2026
`

describe('fields of an invoice', () => {
  test('in English', () => {
    expect(values(ENGLISH)).toEqual({
      invoice_number: 'FT-2026-17 verified',
      issue_date: '2026-03-14 verified',
      due_date: '2026-04-13 verified',
      seller_name: 'Foxglove Tools Ltd verified',
      seller_vat_id: 'GB990000004 verified',
      buyer_name: 'Pinecone Schools Trust verified',
      iban: 'GB29NWBK60161331926819 verified',
      currency: 'GBP verified',
      total_net: '200.00 verified',
      total_tax: '40.00 verified',
      total_gross: '240.00 verified',
    })
  })

  test('in German, with a due date that only the terms of payment give', () => {
    expect(values(GERMAN)).toEqual({
      invoice_number: 'R/2026/004 verified',
      issue_date: '2026-03-02 verified',
      due_date: '2026-03-16 unverified',
      seller_name: 'Rotdorn Handels GmbH verified',
      seller_vat_id: 'DE990000002 verified',
      buyer_name: 'Kirschblüte Café OHG verified',
      iban: 'DE89370400440532013000 verified',
      currency: 'EUR verified',
      total_net: '1000.00 verified',
      total_tax: '190.00 verified',
      total_gross: '1190.00 verified',
    })
    expect(enrich(GERMAN).fields.due_date?.evidence[0]?.quote).toBe('innerhalb von 14 Tagen')
  })

  test('in French, with number and date in the line of the title', () => {
    expect(values(FRENCH)).toEqual({
      invoice_number: 'FA-88 verified',
      issue_date: '2026-05-05 verified',
      due_date: '2026-06-04 verified',
      seller_name: 'Menuiserie Aubépine SARL verified',
      buyer_name: 'Mairie de Valsonge verified',
      buyer_vat_id: 'FR86990000002 verified',
      currency: 'EUR verified',
      total_net: '1500.00 verified',
      total_tax: '300.00 verified',
      total_gross: '1800.00 verified',
    })
  })

  test('in Spanish, with the country of the tax number only in its label', () => {
    expect(values(SPANISH)).toEqual({
      invoice_number: '2026/31 verified',
      issue_date: '2026-04-07 verified',
      due_date: '2026-05-07 verified',
      seller_name: 'Hierros del Norte, S.L. verified',
      seller_vat_id: 'ESB99000002 verified',
      buyer_name: 'Panadería La Espiga, S.A. verified',
      currency: 'EUR verified',
      total_net: '100.00 verified',
      total_tax: '21.00 verified',
      total_gross: '121.00 verified',
    })
  })

  test('in Italian', () => {
    expect(values(ITALIAN)).toEqual({
      invoice_number: '12/2026 verified',
      issue_date: '2026-03-03 verified',
      due_date: '2026-04-02 verified',
      seller_name: 'Alba Ferramenta S.r.l. verified',
      seller_vat_id: 'IT00990000010 verified',
      buyer_name: 'Trattoria del Ponte S.n.c. verified',
      iban: 'IT60X0542811101000000123456 verified',
      currency: 'EUR verified',
      total_net: '250.00 verified',
      total_tax: '55.00 verified',
      total_gross: '305.00 verified',
    })
  })

  test('in Dutch, with the columns turned round as PDF text often has them', () => {
    expect(values(DUTCH)).toEqual({
      invoice_number: '2026-551 verified',
      issue_date: '2026-02-09 verified',
      due_date: '2026-03-11 verified',
      seller_name: 'Zonnebloem Fietsen B.V. verified',
      seller_vat_id: 'NL990000011B01 verified',
      buyer_name: 'Bakkerij De Korenaar verified',
      currency: 'EUR verified',
      total_net: '300.00 verified',
      total_tax: '63.00 verified',
      total_gross: '363.00 verified',
    })
  })

  test.each([ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, DUTCH])('every value is quoted from its page, letter by letter', (text) => {
    const { type, fields } = enrich(text)
    expect(type).toBe('invoice')
    for (const [name, field] of Object.entries(fields)) {
      expect(INVOICE_FIELDS).toContain(name)
      expect(field.evidence.length).toBeGreaterThan(0)
      for (const { start, end, quote } of field.evidence) {
        expect(quote).not.toBe('')
        expect(text.slice(start, end)).toBe(quote)
      }
    }
  })
})

describe('checks on an invoice', () => {
  test('totals that contradict each other are conflicting', () => {
    const wrong = values(ENGLISH.replace('Total due: £240.00', 'Total due: £245.00'))
    expect([wrong.total_net, wrong.total_tax, wrong.total_gross]).toEqual(['200.00 conflicting', '40.00 conflicting', '245.00 conflicting'])
  })

  test('a total alone has nothing to be checked against', () => {
    expect(values('Invoice 12\nInvoice number: 12\nTotal EUR 34.73\n').total_gross).toBe('34.73 unverified')
  })

  test('three amounts on one line that add up are the totals, without labels of their own', () => {
    const text = 'Factuur\nFactuurnummer: 9\nBTW % Grondslag Bedrag Totaal\n21 % 41,31 8,68 49,99\n'
    expect(values(text)).toMatchObject({ total_net: '41.31 verified', total_tax: '8.68 verified', total_gross: '49.99 verified' })
  })

  test('three amounts on one line that do not add up are no totals', () => {
    expect(values('Factuur\nFactuurnummer: 9\nBTW % Grondslag Bedrag Som\n21 % 41,31 8,68 59,99\n').total_net).toBeUndefined()
  })

  test('an IBAN and a VAT id whose checksum fails are conflicting', () => {
    const wrong = values(GERMAN.replace('0130 00', '0130 01').replace('990 000 002', '990 000 003'))
    expect([wrong.iban, wrong.seller_vat_id]).toEqual(['DE89370400440532013001 conflicting', 'DE990000003 conflicting'])
  })

  test('a due date before the date of issue is conflicting, and both are shown', () => {
    const text = ENGLISH.replace('13 April 2026', '13 February 2026')
    expect(enrich(text).fields.due_date).toMatchObject({ value: '2026-02-13', status: 'conflicting', evidence: [{}, {}] })
  })

  test('two different numbers under the same label are conflicting', () => {
    expect(values(`${ENGLISH}\nInvoice number: FT-2026-18\n`).invoice_number).toBe('FT-2026-17 conflicting')
  })

  test('a discount for early payment is no due date', () => {
    const text = GERMAN.replace('Zahlbar innerhalb von 14 Tagen ohne Abzug.', '2 % Skonto bei Zahlung innerhalb von 8 Tagen.')
    expect(values(text).due_date).toBeUndefined()
  })

  test('the date of an order is not that of the invoice', () => {
    const text = 'Rechnung 77\nBestelldatum: 01.02.2026\nRechnungsdatum: 05.02.2026\nNettobetrag 1,00 EUR'
    expect(values(text).issue_date).toBe('2026-02-05 verified')
  })

  test('a credit note keeps its negative amounts', () => {
    const text =
      'Beukenhof B.V.\nCREDITNOTA\nCreditnotanummer: C-7\nTotaal excl. btw € -100,00\nBtw 21% € -21,00\nTotaal incl. btw € -121,00\n'
    expect(enrich(text).type).toBe('credit_note')
    expect(values(text)).toMatchObject({ invoice_number: 'C-7 verified', total_tax: '-21.00 verified', total_gross: '-121.00 verified' })
  })

  test('labels in the head of a table speak of the cells below', () => {
    const text =
      '| Invoice number | Invoice date | Due date |\n| --- | --- | --- |\n| INV-9 | 2026-01-02 | 2026-02-01 |\n\nInvoice\nTotal 5.00 EUR\n'
    expect(values(text)).toMatchObject({
      invoice_number: 'INV-9 verified',
      issue_date: '2026-01-02 verified',
      due_date: '2026-02-01 verified',
    })
  })
})
