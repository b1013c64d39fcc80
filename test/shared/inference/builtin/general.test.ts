import { describe, expect, test } from 'vitest'
import { GENERAL_FIELDS } from '../../../../shared/contracts/extraction.ts'
import { enrichByRules } from '../../../../shared/inference/builtin/enrich.ts'
import { pagesOf } from './pages.ts'

function values(text: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(enrichByRules(pagesOf(text)).fields).map(([name, { value, status }]) => [name, `${value} ${status}`]),
  )
}

const CONTRACT = `# Service Agreement

Contract number: SA-2026-4
Date: 2 March 2026

This Agreement is made between Foxglove Tools Ltd, 9 Mill Lane, Leeds, and Zonnebloem Fietsen B.V., Utrecht.

1. The monthly fee: EUR 1,200.00.
2. The supplier removes a feature only on six months' notice.
3. Either party may terminate this agreement with a notice
period of 90 days, given in writing.

Questions: legal@foxglove.example, phone +44 117 496 0318
`

describe('fields of other documents', () => {
  test('of an English contract', () => {
    expect(values(CONTRACT)).toEqual({
      title: 'Service Agreement verified',
      document_date: '2026-03-02 verified',
      party_1: 'Foxglove Tools Ltd verified',
      party_2: 'Zonnebloem Fietsen B.V. verified',
      reference: 'SA-2026-4 verified',
      email: 'legal@foxglove.example verified',
      phone: '+441174960318 verified',
      amount: '1200.00 verified',
      deadline: 'P90D verified',
    })
  })

  test.each([
    [
      'de',
      'Mietvertrag\nzwischen\nAhorn Immobilien GmbH\nund\nKlara Sommer\nDas Mietverhältnis kann mit einer Frist von drei Monaten gekündigt werden.',
      'P3M',
    ],
    ['fr', 'Contrat de bail\nentre Ahorn Immobilier SARL et Claire Dumont\nLe préavis est de trois mois avant la résiliation.', 'P3M'],
    ['es', 'Contrato de alquiler\nentre Olmo Casas, S.L. y Clara Robles\nCada parte puede rescindir con un preaviso de 30 días.', 'P30D'],
    ['it', 'Contratto di locazione\ntra Olmo Case S.r.l. e Chiara Bosco\nIl recesso richiede un preavviso di sei mesi.', 'P6M'],
    ['nl', 'Huurovereenkomst\ntussen Iep Woningen B.V. en Clara Bos\nDe opzegtermijn bedraagt één maand (1 maand).', 'P1M'],
  ])('finds parties and notice period in %s', (_language, text, period) => {
    const found = values(text)
    expect(found.deadline).toBe(`${period} verified`)
    expect(found.party_1).toMatch(/^(?:Ahorn|Olmo|Iep) .* verified$/)
    expect(found.party_2).toMatch(/^(?:Klara|Claire|Clara|Chiara) \w+ verified$/)
  })

  test('takes parties by their roles', () => {
    const found = values('Arbeitsvertrag\nArbeitgeber: Ahorn Pflege gGmbH, Köln\nArbeitnehmerin: Rosa Linde\nJahresgehalt: 41.000,00 EUR\n')
    expect(found).toMatchObject({ party_1: 'Ahorn Pflege gGmbH verified', party_2: 'Rosa Linde verified', amount: '41000.00 verified' })
  })

  test('takes subject, date after a place, reference and deadline of a letter', () => {
    const found = values(
      'Aubépine SARL\nLyon, le 4 mars 2026\nNos réf. : RH-17\nObjet : votre demande\nMadame,\nMerci de répondre au plus tard le 20 mars 2026.\nCordialement\nTél. : 04 65 71 20 94\n',
    )
    expect(found).toMatchObject({
      title: 'votre demande verified',
      document_date: '2026-03-04 verified',
      reference: 'RH-17 verified',
      deadline: '2026-03-20 verified',
      phone: '0465712094 verified',
      party_1: 'Aubépine SARL unverified',
    })
  })

  test('the first date is unverified where nothing says what it is', () => {
    expect(values('Notes\nWe met on 3 May 2026 and again on 4 May 2026.').document_date).toBe('2026-05-03 unverified')
  })

  test('evidence is quoted exactly, on the page where it stands', () => {
    const pages = pagesOf('User Manual\nSafety instructions\nTroubleshooting', 'Help: support@foxglove.example')
    const { fields } = enrichByRules(pages)
    expect(fields.email?.evidence).toEqual([{ page: 2, start: 6, end: 30, quote: 'support@foxglove.example' }])
    for (const [name, field] of Object.entries(fields)) {
      expect(GENERAL_FIELDS).toContain(name)
      for (const { page, start, end, quote } of field.evidence) expect(pages[page - 1]?.text.slice(start, end)).toBe(quote)
    }
  })
})
