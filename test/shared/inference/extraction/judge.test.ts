import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Page } from '../../../../shared/contracts/extraction.ts'
import { judgeClaims } from '../../../../shared/inference/extraction/judge.ts'
import { WINDOW_ORDINALS } from '../../../../shared/inference/extraction/lists.ts'
import { schemaFor } from '../../../../shared/inference/extraction/shipped.ts'
import type { ClaimedField } from '../../../../shared/inference/provider.ts'

const PAGES: Page[] = [
  {
    number: 1,
    method: 'plain',
    text: 'Rechnung 4711\nvom 3. März 2026\nIBAN DE89 3704 0044 0532 0130 00\nPos. 1 Hammer 200,00\nPos. 2 Nägel 50,00',
    reason: null,
  },
  {
    number: 2,
    method: 'plain',
    text: 'Netto 1.000,00 €\nMwSt. 234,50 €\nGesamtbetrag\n1.234,50 €\nZahlbar bis 2. April 2026',
    reason: null,
  },
]
const invoice = schemaFor('invoice')

function judge(claims: (Partial<ClaimedField> & { path: string })[], { byRules = false, schema = invoice } = {}) {
  const whole = claims.map((claim) => ({ value: 'x', quote: null, page: null, ...claim }))
  return judgeClaims(whole, { pages: PAGES, schema, language: 'de', byRules })
}

describe('a field', () => {
  test('whose quote is not in the text is unverified, has no evidence, and says why', () => {
    expect(judge([{ path: 'invoice_number', value: '4711', quote: 'Rechnung Nr. 4711', page: 1 }])).toEqual({
      invoice_number: { value: '4711', status: 'unverified', evidence: [], checks: ['quote_not_found'] },
    })
  })

  test('without a quote is unverified', () => {
    expect(judge([{ path: 'invoice_number', value: '4711' }]).invoice_number).toMatchObject({
      status: 'unverified',
      checks: ['not_quoted'],
    })
  })

  test('whose quote stands in the text but does not state the value is unverified and shows the quote', () => {
    expect(judge([{ path: 'total_gross', value: '9999.00', quote: 'Gesamtbetrag 1.234,50 €', page: 2 }]).total_gross).toMatchObject({
      status: 'unverified',
      evidence: [{ page: 2 }],
      checks: ['value_not_in_quote'],
    })
  })

  test.each([2, 1, 77, null])('is found by its text when the model names page %j', (page) => {
    const { total_gross } = judge([{ path: 'total_gross', value: '1234.50', quote: 'Gesamtbetrag 1.234,50 €', page }])
    expect(total_gross).toMatchObject({ status: 'verified', checks: [] })
    const [evidence] = total_gross?.evidence ?? []
    expect(PAGES[1]?.text.slice(evidence?.start, evidence?.end)).toBe(evidence?.quote)
  })

  test('is verified only where the value is stated, and conflicting where a checksum fails', () => {
    const quote = 'IBAN DE89 3704 0044 0532 0130 00'
    expect(judge([{ path: 'iban', value: 'DE89370400440532013000', quote, page: 1 }]).iban).toMatchObject({ status: 'verified' })
    const wrong = PAGES.map((page) => ({ ...page, text: page.text.replace('DE89', 'DE88') })) as Page[]
    const claim = { path: 'iban', value: 'DE88370400440532013000', quote: quote.replace('89', '88'), page: 1 }
    const judged = { pages: wrong, schema: invoice, language: 'de', byRules: false }
    expect(judgeClaims([claim], judged).iban).toMatchObject({ status: 'conflicting', checks: ['checksum_failed'] })
  })

  test('that the schema does not have is left out', () => {
    expect(judge([{ path: 'nickname' }, { path: '__proto__' }, { path: 'lines.0.nothing' }, { path: 'lines' }])).toEqual({})
  })

  test('said twice counts where it has evidence, with all the evidence that says the same', () => {
    const { due_date } = judge([
      { path: 'due_date', value: '2026-05-01', quote: 'bis 1. Mai 2026', page: 2 },
      { path: 'due_date', value: '2026-04-02', quote: 'bis 2. April 2026', page: 2 },
      { path: 'due_date', value: '2026-04-02', quote: 'Zahlbar bis 2. April 2026', page: 2 },
    ])
    expect(due_date).toMatchObject({ value: '2026-04-02', status: 'verified' })
    expect(due_date?.evidence).toHaveLength(2)
  })

  test('that two places say differently is conflicting', () => {
    const { issue_date } = judge([
      { path: 'issue_date', value: '2026-03-03', quote: 'vom 3. März 2026', page: 1 },
      { path: 'issue_date', value: '2026-04-02', quote: 'bis 2. April 2026', page: 2 },
    ])
    expect(issue_date).toMatchObject({ value: '2026-03-03', status: 'conflicting', checks: ['disagrees'] })
  })

  test('of rules is located where they say, and their doubts stay', () => {
    const start = PAGES[0]?.text.indexOf('4711') ?? 0
    const claims = [
      { path: 'invoice_number', value: '4711', quote: '4711', page: 1, start },
      { path: 'seller_name', value: 'Hammer', quote: 'Hammer', page: 1, doubt: 'unverified' as const },
      { path: 'currency', value: 'EUR', quote: '€', page: 2 },
    ]
    expect(judge(claims, { byRules: true })).toMatchObject({
      invoice_number: { status: 'verified', evidence: [{ page: 1, start, end: start + 4 }] },
      seller_name: { status: 'unverified', checks: ['doubted'] },
      currency: { status: 'verified' },
    })
  })
})

test('no claim is ever verified whose quote does not stand in a page, whatever it says of itself', () => {
  const texts = fc.oneof(fc.string(), fc.constantFrom('Rechnung 4711', 'Gesamtbetrag 1.234,50 €', '4711', 'vom 3. März 2026', '1234.50'))
  const claim = fc.record({
    path: fc.constantFrom('invoice_number', 'total_gross', 'issue_date', 'seller_name', 'lines.0.description'),
    value: texts,
    quote: fc.option(texts),
    page: fc.option(fc.integer({ min: -1, max: 3 })),
    start: fc.integer({ min: -5, max: 200 }),
  })
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 6 }), fc.boolean(), (claims, byRules) => {
      for (const field of Object.values(judge(claims, { byRules }))) {
        if (field.status === 'verified') expect(field.evidence.length).toBeGreaterThan(0)
        for (const { page, start, end, quote } of field.evidence) {
          expect(quote).not.toBe('')
          expect(PAGES[page - 1]?.text.slice(start, end)).toBe(quote)
        }
      }
    }),
  )
})

describe('totals', () => {
  const total = (path: string, value: string, quote: string) => ({ path, value, quote, page: 2 })
  const net = total('total_net', '1000.00', 'Netto 1.000,00 €')
  const tax = total('total_tax', '234.50', 'MwSt. 234,50 €')

  test('that add up are verified', () => {
    const fields = judge([net, tax, total('total_gross', '1234.50', '1.234,50 €')])
    expect(Object.values(fields).map(({ status }) => status)).toEqual(['verified', 'verified', 'verified'])
  })

  test('that do not are conflicting, all of them', () => {
    const fields = judge([net, tax, total('total_gross', '1000.00', 'Netto 1.000,00 €')])
    for (const field of Object.values(fields)) expect(field).toMatchObject({ status: 'conflicting', checks: ['sum_mismatch'] })
  })

  test('contradict nothing where one of them has no evidence', () => {
    const fields = judge([net, tax, total('total_gross', '99.00', 'nowhere')])
    expect(fields.total_net?.status).toBe('verified')
    expect(fields.total_gross?.status).toBe('unverified')
  })

  test('of a day that comes before the one it follows are conflicting', () => {
    const fields = judge([
      { path: 'issue_date', value: '2026-04-02', quote: '2. April 2026', page: 2 },
      { path: 'due_date', value: '2026-03-03', quote: '3. März 2026', page: 1 },
    ])
    expect(fields.due_date).toMatchObject({ status: 'conflicting', checks: ['order_mismatch'] })
  })
})

describe('the items of a list', () => {
  const line = (ordinal: number, description: string, amount: string, quote: string) => [
    { path: `lines.${ordinal}.description`, value: description, quote, page: 1 },
    { path: `lines.${ordinal}.total_net`, value: amount, quote, page: 1 },
  ]
  const hammer = 'Pos. 1 Hammer 200,00'
  const nails = 'Pos. 2 Nägel 50,00'
  const shown = (fields: ReturnType<typeof judge>) => Object.entries(fields).map(([path, { value }]) => `${path} ${value}`)
  const both = ['lines.0.description Hammer', 'lines.0.total_net 200.00', 'lines.1.description Nägel', 'lines.1.total_net 50.00']

  test('of several windows are one list, in the order of the document', () => {
    const claims = [...line(WINDOW_ORDINALS, 'Nägel', '50.00', nails), ...line(0, 'Hammer', '200.00', hammer)]
    expect(shown(judge(claims)).sort()).toEqual(both)
  })

  test('that two windows both saw are one item', () => {
    const claims = [
      ...line(0, 'Hammer', '200.00', hammer),
      ...line(1, 'Nägel', '50.00', nails),
      ...line(WINDOW_ORDINALS, 'Nägel', '50.00', nails),
    ]
    expect(shown(judge(claims)).sort()).toEqual(both)
  })

  test('without evidence come last and stay', () => {
    const claims = [{ path: 'lines.0.description', value: 'Säge' }, ...line(1, 'Hammer', '200.00', hammer)]
    expect(judge(claims)).toMatchObject({
      'lines.0.description': { value: 'Hammer', status: 'verified' },
      'lines.1.description': { value: 'Säge', status: 'unverified' },
    })
  })

  const TABLE = 'Pos Menge Preis Betrag\n1 2 Nagel 5,00 10,00\n2 2 Draht 5,00 10,00\n3 2 Draht 5,00 10,00\n4 1 Brett 9,00 9,00'
  const table: Page[] = [{ number: 1, method: 'plain', text: TABLE, reason: null }]
  const row = (ordinal: number, quantity: string, description: string, amount: string, printed: string) => [
    { path: `lines.${ordinal}.quantity`, value: quantity, quote: quantity, page: 1 },
    { path: `lines.${ordinal}.description`, value: description, quote: description, page: 1 },
    { path: `lines.${ordinal}.total_net`, value: amount, quote: printed, page: 1 },
  ]
  const ROWS = [
    ...row(0, '2', 'Nagel', '10.00', '10,00'),
    ...row(1, '2', 'Draht', '10.00', '10,00'),
    ...row(2, '2', 'Draht', '10.00', '10,00'),
    ...row(3, '1', 'Brett', '9.00', '9,00'),
  ]
  const judgeTable = (claims: ClaimedField[]) => judgeClaims(claims, { pages: table, schema: invoice, language: 'de', byRules: false })

  test('that say the same stay as many as are printed, each with the evidence of its own line', () => {
    const fields = judgeTable(ROWS)
    const linesOf = (leaf: string) =>
      [0, 1, 2, 3].map((ordinal) => TABLE.slice(0, fields[`lines.${ordinal}.${leaf}`]?.evidence[0]?.start).split('\n').length - 1)
    expect(Object.keys(fields)).toHaveLength(12)
    expect(linesOf('description')).toEqual([1, 2, 3, 4])
    expect(linesOf('quantity')).toEqual([1, 2, 3, 4])
    expect(linesOf('total_net')).toEqual([1, 2, 3, 4])
  })

  test('that say the same and were seen by two windows are not doubled', () => {
    const again = ROWS.slice(3, 9).map((claim) => ({
      ...claim,
      path: claim.path.replace(/\d/, (at) => String(WINDOW_ORDINALS + Number(at))),
    }))
    expect(judgeTable([...ROWS, ...again])).toEqual(judgeTable(ROWS))
  })

  test('of which a window saw only the beginning are taken from the one that saw all', () => {
    const cut = ROWS.slice(6, 8).map((claim) => ({
      ...claim,
      path: claim.path.replace(/\d/, (at) => String(WINDOW_ORDINALS + Number(at))),
    }))
    expect(judgeTable([...ROWS, ...cut])).toEqual(judgeTable(ROWS))
    expect(judgeTable([...cut, ...ROWS])).toEqual(judgeTable(ROWS))
  })
})
