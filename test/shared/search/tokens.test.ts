import { describe, expect, test } from 'vitest'
import { tokenHasher, tokenize } from '../../../shared/search/tokens.ts'

/** A question finds a text when they share a token. */
function meets(question: string, questionLanguage: string | null, text: string, language: string | null): boolean {
  const held = new Set(tokenize(text, language))
  return tokenize(question, questionLanguage).some((token) => held.has(token))
}

describe('words', () => {
  test.each([
    ['en', 'invoices', 'invoice'],
    ['de', 'Verträge', 'Vertrag'],
    ['de', 'Rechnungen', 'Rechnung'],
    ['fr', 'facturation', 'facturer'],
    ['es', 'contratos', 'contrato'],
    ['it', 'contratti', 'contratto'],
    ['nl', 'facturen', 'factuur'],
    ['pt', 'contratos', 'contrato'],
    ['sv', 'fakturorna', 'faktura'],
    ['da', 'kontrakterne', 'kontrakten'],
    ['fi', 'laskut', 'lasku'],
    ['no', 'kontraktene', 'kontrakten'],
    ['ro', 'contractele', 'contractul'],
    ['hu', 'számlák', 'számla'],
  ])('in %s, %s meets %s', (language, question, text) => {
    expect(meets(question, language, text, language)).toBe(true)
    expect(meets(question, null, text, null)).toBe(false)
  })

  test('a word meets itself whatever language either side was taken for', () => {
    const languages = ['en', 'de', 'fr', 'fi', 'xx', null]
    for (const word of ['Rechnungen', 'running', 'société', 'Straße']) {
      for (const asked of languages)
        for (const held of languages) expect(meets(word, asked, word, held), `${word} ${asked} ${held}`).toBe(true)
    }
  })

  test('accents, case, ligatures and ways of writing a letter make no difference', () => {
    expect(tokenize('Café CAFÉ cafe Cafe\u0301', null)).toEqual(['cafe', 'cafe', 'cafe', 'cafe'])
    expect(tokenize('Straße STRASSE Smørrebrød œuvre ﬁnanz Łódź', null)).toEqual([
      'strasse',
      'strasse',
      'smorrebrod',
      'oeuvre',
      'finanz',
      'lodz',
    ])
  })

  test('stop words of the language are left out; without a language nothing is', () => {
    expect(tokenize('die Kündigung und der Vertrag', 'de')).not.toContain('und')
    expect(tokenize('the end', 'en')).not.toContain('the')
    expect(tokenize('the end', null)).toEqual(['the', 'end'])
    expect(tokenize("l'année", 'fr')).not.toContain('l')
  })

  test('a word broken at the end of a line, or by a soft hyphen, is found whole', () => {
    expect(tokenize('Rech-\nnung', 'de')).toContain('rechnung')
    expect(tokenize('Rech\u00adnung', 'de')).toEqual(['rechnung'])
  })

  test('a run of letters without end gives a token of bounded length', () => {
    expect(tokenize('x'.repeat(100_000), 'en').every((token) => token.length <= 64)).toBe(true)
  })

  test('no text, no tokens', () => {
    expect(tokenize('', 'en')).toEqual([])
    expect(tokenize(' … – ½ !', null)).toEqual([])
  })
})

describe('identifiers and amounts', () => {
  test.each([
    ['2026-0042', 'Rechnung Nr. 2026-0042 vom'],
    ['2026/0042', 'RE 2026-0042'],
    ['0042', '2026-0042'],
    ['DE123456789', 'USt-IdNr.: DE123456789'],
    ['123456789', 'DE123456789'],
    ['1234.50', 'Gesamt 1.234,50 EUR'],
    ['1,234.50', 'Gesamt 1.234,50 EUR'],
    ['1234', 'Gesamt 1.234,00 EUR'],
    ['12.50', 'EUR 12,5'],
    ['DE89370400440532013000', 'IBAN DE89 3704 0044 0532 0130 00'],
    ['anna@example.org', 'E-Mail: Anna@Example.org'],
    ['31.12.2026', 'am 31.12.2026'],
  ])('%s is found in "%s"', (question, text) => {
    const whole = tokenize(question, 'de')[0] ?? ''
    expect(tokenize(text, 'de')).toContain(whole)
  })
})

describe('hashes', () => {
  const key = Buffer.alloc(32, 7)

  test('each token is its first four bytes of HMAC-SHA-256, counted', () => {
    // RFC 4231, test case 2: HMAC-SHA-256("Jefe", "what do ya want for nothing?") begins with 5bdcc146.
    const token = 'what do ya want for nothing?'
    expect([...tokenHasher(Buffer.from('Jefe'))([token, token])]).toEqual([[0x5bdcc146, 2]])
  })

  test('another key gives other hashes', () => {
    expect([...tokenHasher(key)(['vertrag']).keys()]).not.toEqual([...tokenHasher(Buffer.alloc(32, 8))(['vertrag']).keys()])
  })
})
