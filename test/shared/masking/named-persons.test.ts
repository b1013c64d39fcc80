import { expect, test } from 'vitest'
import { findNamedPersons } from '../../../shared/masking/named-persons.ts'

const found = (text: string) => findNamedPersons(text).map(({ start, end }) => text.slice(start, end))

test.each([
  ['Name: Anna Krüger', 'Anna Krüger'],
  ['Mieterin: Dr. Hildegard von der Heide', 'Hildegard von der Heide'],
  ['Vor- und Nachname: Krüger, Anna', 'Krüger, Anna'],
  ['Patient: Frau Prof. Dr. Anna-Lena O’Neill', 'Anna-Lena O’Neill'],
  ['Wir danken Herrn Otto Weber herzlich.', 'Otto Weber'],
  ['Dear Mr. John F. Kennedy,', 'John F. Kennedy'],
  ['Titulaire : Mme Zoé Lefèvre', 'Zoé Lefèvre'],
])('%s', (text, name) => {
  expect(found(text)).toEqual([name])
})

test.each(['Sehr geehrte Frau Krüger,', 'Otto Weber kam gestern.', 'Name: unbekannt', 'Surname Weber', 'Name:\nOtto Weber'])(
  'no rule finds a whole name in: %s',
  (text) => {
    expect(found(text)).toEqual([])
  },
)

test('takes time in proportion to the text, whatever it repeats', () => {
  for (const piece of ['Name: ', 'Herr ', 'Name: Aa ', 'Frau Anna von ', 'Dr. A. ', 'Name: Aaaaaaaaaa']) {
    const timeOf = (length: number) => {
      const text = piece.repeat(length / piece.length)
      const before = performance.now()
      findNamedPersons(text)
      return performance.now() - before
    }
    timeOf(10_000)
    expect([piece, timeOf(200_000) < 2_000]).toEqual([piece, true])
  }
})
