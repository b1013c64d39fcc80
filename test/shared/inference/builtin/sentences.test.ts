import { describe, expect, test } from 'vitest'
import { splitSentences } from '../../../../shared/inference/builtin/sentences.ts'

function sentences(text: string): string[] {
  return splitSentences(text).map(({ start, end }) => text.slice(start, end))
}

describe('splitSentences', () => {
  test.each([
    ['One. Two! Three? Four', ['One.', 'Two!', 'Three?', 'Four']],
    ['Dr. Linde met Mr. Berg at 3 p.m. today. They left.', ['Dr. Linde met Mr. Berg at 3 p.m. today.', 'They left.']],
    ['Am 3. März 2026 begann es. Am 4. endete es.', ['Am 3. März 2026 begann es.', 'Am 4. endete es.']],
    ['Das kostet z. B. 1.234,50 EUR inkl. MwSt. und Versand. Gut.', ['Das kostet z. B. 1.234,50 EUR inkl. MwSt. und Versand.', 'Gut.']],
    ['It began in 2015. The year was wet.', ['It began in 2015.', 'The year was wet.']],
    ['J. R. Holm wrote it. Yes.', ['J. R. Holm wrote it.', 'Yes.']],
    ['¿Cuándo? El 3 de mayo. «Bien.» Fin.', ['¿Cuándo?', 'El 3 de mayo.', '«Bien.»', 'Fin.']],
    ['# Title\nText here.\n- first\n- second\n1. third', ['# Title', 'Text here.', '- first', '- second', '1. third']],
    ['| a | b |\n| --- | --- |\n| 1 | 2 |', ['| a | b |', '| --- | --- |', '| 1 | 2 |']],
    ['Invoice date: 1 May 2026\nDue date: 31 May 2026', ['Invoice date: 1 May 2026', 'Due date: 31 May 2026']],
    ['', []],
    [' \n\n ', []],
  ])('%j', (text, expected) => {
    expect(sentences(text)).toEqual(expected)
  })

  test('joins lines that were wrapped', () => {
    const text =
      'The supplier shall deliver the goods to the place that the customer\nnames in the order, not later than two weeks after it. Then he is paid\nat once.'
    expect(sentences(text)).toEqual([text.slice(0, text.indexOf(' Then')), text.slice(text.indexOf('Then'))])
  })

  test('cuts what has no end, and loses nothing but white space', () => {
    const text = 'word '.repeat(2_000).trim()
    const pieces = sentences(text)
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(600)
    expect(pieces.join(' ')).toBe(text)
  })
})
