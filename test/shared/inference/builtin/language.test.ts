import { describe, expect, test } from 'vitest'
import { detectLanguage } from '../../../../shared/inference/builtin/language.ts'

const SENTENCES = {
  en: 'The supplier delivers the goods within two weeks after the order has been confirmed in writing.',
  de: 'Der Lieferant liefert die Ware innerhalb von zwei Wochen, nachdem die Bestellung schriftlich bestätigt wurde.',
  fr: 'Le fournisseur livre la marchandise dans les deux semaines qui suivent la confirmation écrite de la commande.',
  es: 'El proveedor entrega la mercancía en las dos semanas siguientes a la confirmación escrita del pedido.',
  it: 'Il fornitore consegna la merce entro due settimane dalla conferma scritta dell’ordine da parte del cliente.',
  nl: 'De leverancier levert de goederen binnen twee weken nadat de bestelling schriftelijk is bevestigd.',
}

describe('detectLanguage', () => {
  test.each(Object.entries(SENTENCES))('tells %s by one sentence', (language, sentence) => {
    expect(detectLanguage(sentence)).toBe(language)
  })

  test.each(['', '   ', '4711', '12.03.2026 1.234,50', 'Hello', 'https://example.org/a?b=c anna@example.org'])('leaves %j open', (text) => {
    expect(detectLanguage(text)).toBeNull()
  })

  test('is not led astray by a page head that repeats in step with what it looks at', () => {
    const page = `${'Windroos Fietsonderdelen Rotterdam\n'}${`${SENTENCES.en} `.repeat(30)}\n`
    expect(detectLanguage(page.repeat(50))).toBe('en')
  })

  test('reads a bounded part of a huge text', () => {
    const text = `${SENTENCES.de} `.repeat(50_000)
    const started = performance.now()
    expect(detectLanguage(text)).toBe('de')
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})
