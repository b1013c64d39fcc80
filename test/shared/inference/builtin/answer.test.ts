import { describe, expect, test } from 'vitest'
import { answerFromPassages } from '../../../../shared/inference/builtin/answer.ts'
import type { Passage } from '../../../../shared/inference/provider.ts'

const TEXTS = [
  'The agreement starts on 1 April 2026. Either party may end it with a notice period of 90 days, given in writing. The liability of a party is limited to EUR 250,000 in a contract year.',
  'Passwords have at least 14 characters. An account is locked for 20 minutes after eight failed attempts. Ask security@copperfern.example for help.',
  'Vollzeitbeschäftigte haben 30 Urlaubstage im Kalenderjahr. Der Antrag ist vier Wochen vorher bei Svantje Kolberg zu stellen.',
  'La prime est versée en janvier. En cas de retard, une indemnité forfaitaire de 40 € est due pour frais de recouvrement.',
  'El consejo acepta la oferta de Trébol Azul por 148.200 euros. La garantía es de dos años.',
  'La garanzia copre i difetti per 24 mesi. Il tecnico arriva entro due ore dalla chiamata.',
  'De garantie geldt vijf jaar. Het bedrag wordt binnen 14 dagen overgemaakt op uw rekening.',
]
const PASSAGES: readonly Passage[] = TEXTS.map((text, index) => ({ ref: index + 10, text }))

describe('answerFromPassages', () => {
  test.each([
    ['What notice period applies if a party wants to end the agreement?', 10, '90 days'],
    ['How many characters must passwords have?', 11, '14 characters'],
    ['Which e-mail address helps with security?', 11, 'security@copperfern.example'],
    ['Wie viele Urlaubstage haben Vollzeitbeschäftigte im Jahr?', 12, '30 Urlaubstage'],
    ['Quelle indemnité est due en cas de retard ?', 13, '40 €'],
    ['¿Qué oferta acepta el consejo?', 14, 'Trébol Azul'],
    ['Quando arriva il tecnico dopo la chiamata?', 15, 'entro due ore'],
    ['Binnen hoeveel dagen wordt het bedrag overgemaakt?', 16, '14 dagen'],
  ])('%s', (question, ref, expected) => {
    const { answer, citations } = answerFromPassages(question, PASSAGES)
    expect(answer).toContain(expected)
    expect(citations[0]?.ref).toBe(ref)
    expect(citations[0]?.quote).toContain(expected)
  })

  test.each([
    'What is the capital of Mongolia?',
    'Who won the football world cup in 2014?',
    'Wie backe ich ein Sauerteigbrot?',
    'Wer ist die Geschäftsführerin von Apfelkern?',
    'Quelle est la recette de la ratatouille ?',
    '¿Quién pintó el Guernica?',
    'Chi ha scritto la Divina Commedia?',
    'Wat is de hoofdstad van Australië?',
    'Which party did the mayor of Oslo leave in the year before the city hall burned down?',
    'How many days did the expedition of Amundsen need from the coast to the pole and back?',
    'Wie viele Wochen im Jahr liegt in den Tälern der Anden unterhalb der Vulkane Schnee?',
    'hello',
    '???',
  ])('abstains from %s', (question) => {
    expect(answerFromPassages(question, PASSAGES)).toEqual({ answer: null, citations: [] })
  })

  test('abstains without passages, and from empty ones', () => {
    expect(answerFromPassages('What notice period applies?', []).answer).toBeNull()
    expect(answerFromPassages('What notice period applies?', [{ ref: 1, text: '' }]).answer).toBeNull()
  })

  test('quotes one to three pieces, letter by letter, also over line ends', () => {
    const text =
      'Either party may end this agreement at the end of any renewal\nperiod, with a notice period of 90 days, given in writing to the\nother party. The rest stays as it is.'
    const { answer, citations } = answerFromPassages('What notice period ends the agreement?', [{ ref: 3, text }])
    expect(citations.length).toBeGreaterThanOrEqual(1)
    expect(citations.length).toBeLessThanOrEqual(3)
    for (const { quote } of citations) expect(text).toContain(quote)
    expect(citations[0]?.quote).toContain('renewal\nperiod')
    expect(answer).toContain('renewal period, with a notice period of 90 days')
  })

  test('prefers the sentence that shows the kind of thing asked for', () => {
    const text = 'The maintenance of the lift is part of the contract. The maintenance of the lift costs 164.00 EUR a month.'
    expect(answerFromPassages('How much does the maintenance of the lift cost?', [{ ref: 1, text }]).citations[0]?.quote).toContain(
      '164.00',
    )
  })

  test('the same question gives the same answer', () => {
    const question = 'What is the liability of a party limited to?'
    expect(answerFromPassages(question, PASSAGES)).toEqual(answerFromPassages(question, PASSAGES))
  })
})
