import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Field } from '../../../../shared/contracts/extraction.ts'
import { judgeClaims } from '../../../../shared/inference/extraction/judge.ts'
import { schemaFor } from '../../../../shared/inference/extraction/shipped.ts'
import type { ClaimedField } from '../../../../shared/inference/provider.ts'

const SAMPLES = resolve(import.meta.dirname, '../../../../samples/documents')
/** Two hammers at 100.00 and five boxes of nails at 10.00. */
const LINES = ['1 Hammer 2 x 100,00 = 200,00', '2 Nägel 5 x 10,00 = 50,00']
const FIRST = { quantity: '2', unit_price: '100.00', total_net: '200.00' }
const SECOND = { quantity: '5', unit_price: '10.00', total_net: '50.00' }

describe('the lines of an invoice', () => {
  test('that add up to the net total are verified', () => {
    expect(statusesOf(read({ net: '250.00', gross: '297.50' }))).toEqual(['verified'])
  })

  test('that do not are conflicting, with the total, and nothing else is', () => {
    const fields = read({ net: '275.00', gross: '327.25' })
    for (const path of ['lines.0.total_net', 'lines.1.total_net', 'total_net'])
      expect(fields[path]).toMatchObject({ status: 'conflicting', checks: ['sum_mismatch'] })
    expect(fields['lines.0.unit_price']).toMatchObject({ status: 'verified', checks: [] })
    expect(fields.total_gross).toMatchObject({ status: 'verified', checks: [] })
  })

  test('may be off by a cent each, for they are rounded one by one', () => {
    expect(statusesOf(read({ net: '250.02', gross: '297.52' }))).toEqual(['verified'])
    expect(read({ net: '250.03', gross: '297.54' }).total_net?.status).toBe('conflicting')
  })

  test('of a credit note are read alike', () => {
    expect(read({ net: '275.00', gross: '327.25', type: 'credit_note' }).total_net?.status).toBe('conflicting')
  })

  test.each<[string, Parameters<typeof read>[0]]>([
    ['one has no amount', { second: { quantity: '5', unit_price: '10.00' } }],
    ['nobody found one of the amounts in the document', { second: { ...SECOND, total_net: '77.00' } }],
    ['there are none', { lines: [], first: {}, second: {} }],
    [
      'a line is less than its quantity times its price',
      { lines: ['1 Hammer 2 x 100,00 = 180,00', LINES[1] ?? ''], first: { ...FIRST, total_net: '180.00' } },
    ],
    ['they are printed with tax', { net: '210.08', gross: '250.00' }],
    ['there is a discount on the whole', { more: 'Mengenrabatt 10 %' }],
    ['there is a charge on the whole', { more: 'Versandkosten 25,00' }],
    ['there is a charge in another language', { more: 'Frais d’expédition 25,00' }],
    ['a sum is carried to the next page', { more: 'ÜBERTRAG 200,00' }],
    ['a sum is carried to the next page in another language', { more: 'Report 200,00' }],
  ])('say nothing about the total where %s', (_where, given) => {
    const fields = read({ net: '275.00', gross: '327.25', ...given })
    expect(Object.values(fields).flatMap(({ checks }) => checks)).not.toContain('sum_mismatch')
    expect(fields.total_net?.status).toBe('verified')
  })
})

describe('of the invoices that ship', () => {
  const amounts = (printed: readonly string[]) =>
    printed.map((quote, at) => claim(`lines.${at}.total_net`, quote.replace(/[£,]/g, ''), quote))

  test('the lines of the English one, a credit among them, add up, and do not without it', () => {
    const text = readFileSync(`${SAMPLES}/invoice-en-2026-4417.html`, 'utf8').replace(/<[^>]*>/g, ' ')
    const net = claim('total_net', '3940.00', '£3,940.00')
    const printed = ['£1,710.00', '£72.00', '£1,280.00', '£935.00', '-£57.00']
    expect(judged([...amounts(printed), net], text, 'en').total_net?.status).toBe('verified')
    expect(judged([...amounts(printed.slice(0, 4)), net], text, 'en').total_net?.status).toBe('conflicting')
  })

  test('the Dutch credit note has carriage in it, and stays as it is', () => {
    const text = readFileSync(`${SAMPLES}/creditnota-2026-0031.txt`, 'utf8')
    const lines = ['996,00', '714,00'].map((quote, at) => claim(`lines.${at}.total_net`, quote.replace(',', '.'), quote))
    const net = claim('total_net', '2119.25', 'EUR 2.119,25')
    expect(statusesOf(judged([...lines, net], text, 'nl', 'credit_note'))).toEqual(['verified'])
  })
})

interface Given {
  net?: string
  gross?: string
  lines?: string[]
  first?: Record<string, string>
  second?: Record<string, string>
  more?: string
  type?: 'invoice' | 'credit_note'
}

function read({ net = '250.00', gross = '297.50', lines = LINES, first = FIRST, second = SECOND, more = '', type = 'invoice' }: Given) {
  const printed = (decimal: string) => decimal.replace('.', ',')
  const text = ['Rechnung 4711', ...lines, more, `Netto ${printed(net)}`, `Gesamt ${printed(gross)}`].join('\n')
  const claims = [first, second].flatMap((line, at) =>
    Object.entries(line).map(([name, value]) => claim(`lines.${at}.${name}`, value, lines[at] ?? '')),
  )
  return judged(
    [...claims, claim('total_net', net, `Netto ${printed(net)}`), claim('total_gross', gross, `Gesamt ${printed(gross)}`)],
    text,
    'de',
    type,
  )
}

function judged(
  claims: ClaimedField[],
  text: string,
  language: string,
  type: 'invoice' | 'credit_note' = 'invoice',
): Record<string, Field> {
  const pages = [{ number: 1, method: 'plain' as const, text, reason: null }]
  return judgeClaims(claims, { pages, schema: schemaFor(type), language, byRules: false })
}

function claim(path: string, value: string, quote: string): ClaimedField {
  return { path, value, quote, page: 1 }
}

function statusesOf(fields: Record<string, Field>): string[] {
  return [...new Set(Object.values(fields).map(({ status }) => status))]
}
