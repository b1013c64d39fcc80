import { expect, test } from 'vitest'
import { citeCorrected, concerning, correctAnswer, draftFrom } from '../../../services/retrieval/corrections.ts'
import type { Correction } from '../../../shared/contracts/rectification.ts'

const document_id = '01a21a34-b8ff-7078-8b33-9ab30c8fbcfe'
const text = 'The contract ends on 31 March 2027. The rent is 900 EUR.'
const quote = 'ends on 31 March 2027'
const start = text.indexOf(quote)
const CORRECTED: Correction = {
  document_id,
  field: 'end_date',
  value: '2027-04-15',
  corrected_at: '2026-11-26T10:00:00.000Z',
  evidence: [{ page: 1, start, end: start + quote.length, quote }],
}
const COMPLETED: Correction = { ...CORRECTED, field: 'governing_law', value: 'Austrian law', evidence: [] }
const passage = (corrections: Correction[]) => ({ document_id, page: 1, start: 0, end: text.length, text, corrections })
const cited = (part: string) => {
  const at = text.indexOf(part)
  return { document_id, page: 1, start: at, end: at + part.length, quote: part, verified: true }
}

test('an answer that quotes what was corrected says the correction, whatever was drafted', () => {
  const stale = correctAnswer('It ends on 31 March 2027.', [cited('The contract ends on 31 March 2027.')], [passage([CORRECTED])])
  expect(stale.answer).toBe('It ends on 31 March 2027. Corrected by a person on 2026-11-26: end date is 2027-04-15.')
  expect(stale.corrections).toEqual([CORRECTED])
  const right = correctAnswer('It ends on 2027-04-15.', [cited('The contract ends on 31 March 2027.')], [passage([CORRECTED])])
  expect([right.answer, right.corrections]).toEqual(['It ends on 2027-04-15.', [CORRECTED]])
})

test('an answer that quotes something else of the document says nothing of it', () => {
  const other = correctAnswer('The rent is 900 EUR.', [cited('The rent is 900 EUR.')], [passage([CORRECTED])])
  expect(other).toEqual({ answer: 'The rent is 900 EUR.', corrections: [] })
})

test('corrections are drafted from before the passages, each once, and name the passage that they are about', () => {
  const drafted = draftFrom([passage([CORRECTED]), passage([CORRECTED])])
  expect(drafted.map(({ ref }) => ref)).toEqual([2, 0, 1])
  expect(drafted[0]?.text).toMatch(/^Concerns passage 0\.\n\nCorrected by a person on 2026-11-26: end date is 2027-04-15\.$/)
})

test('a quote of a correction cites the place that it corrects, and what a person added without one is cited by nothing', () => {
  const quoteOf = (ref: number, words: string) => citeCorrected({ ref, quote: words }, [passage([CORRECTED, COMPLETED])])
  expect(quoteOf(1, 'end date is 2027-04-15')).toEqual([{ document_id, ...CORRECTED.evidence[0], verified: true }])
  expect([quoteOf(1, 'end date is 2028-01-01'), quoteOf(2, 'governing law is Austrian law'), quoteOf(9, 'end date')]).toEqual([[], [], []])
})

test('a piece of a page is shown with what it states otherwise, and with what the document states nothing of', () => {
  const before = { page: 1, start: 0, end: start }
  expect(concerning([CORRECTED, COMPLETED], before)).toEqual([COMPLETED])
  expect(concerning([CORRECTED, COMPLETED], { page: 1, start: 0, end: text.length })).toEqual([CORRECTED, COMPLETED])
})
