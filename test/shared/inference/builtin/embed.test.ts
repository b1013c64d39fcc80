import { describe, expect, test } from 'vitest'
import { EMBEDDING_DIMENSIONS, embedText } from '../../../../shared/inference/builtin/embed.ts'

function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}

const TEXTS = [
  '',
  ' \n ',
  'a',
  'the of and',
  '!!!',
  '🦔🦔',
  'Notice period of three months',
  'Kündigungsfrist',
  'x'.repeat(1_000_000),
  'אבג דהו',
  '\u0000\u0001',
]

describe('embedText', () => {
  test.each(TEXTS)('gives a unit vector of 512 finite numbers (case %#)', (text) => {
    const vector = embedText(text)
    expect(vector).toHaveLength(EMBEDDING_DIMENSIONS)
    expect(vector.every(Number.isFinite)).toBe(true)
    expect(cosine(vector, vector)).toBeCloseTo(1, 5)
  })

  test('gives the same text the same vector', () => {
    expect(embedText('The supplier delivers on Monday.')).toEqual(embedText('The supplier delivers on Monday.'))
  })

  test('gives every text without words the same vector', () => {
    expect(embedText('')).toEqual(embedText('!!! …'))
  })

  test.each([
    ['How long is the notice period?', 'The notice period for terminating is three months.', 'The printer prints forty labels a minute.'],
    [
      'Wie lange ist die Kündigungsfrist?',
      'Die Kündigungsfristen betragen drei Monate.',
      'Der Drucker druckt vierzig Etiketten je Minute.',
    ],
    [
      'Quel est le délai de préavis ?',
      'Le préavis est de trois mois avant la résiliation.',
      'L’imprimante produit quarante étiquettes par minute.',
    ],
    ['Wartung', 'Wartungsvertrag für Aufzugsanlagen', 'Rechnung über Büromöbel'],
  ])('%s is nearer to what speaks of it', (question, related, unrelated) => {
    const asked = embedText(question)
    expect(cosine(asked, embedText(related))).toBeGreaterThan(cosine(asked, embedText(unrelated)) + 0.1)
  })
})
