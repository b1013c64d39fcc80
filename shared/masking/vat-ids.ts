import { findVatIds as findPrintedVatIds } from '../inference/builtin/vat-ids.ts'
import { matchAt } from './characters.ts'
import type { Candidate } from './finding.ts'
import type { Source } from './source.ts'

/** Shorter numbers beside `VAT` are rates and years. */
const DIGITS_MIN = 6

/** VAT ids with the letters of their country, whether or not their check digits fit, and any number that the words before it call one. */
export function* findVatIds(source: Source): Generator<Candidate> {
  for (const { valid, span } of findPrintedVatIds({ number: 1, text: source.text, lines: [], words: [] }))
    yield { kind: 'vat_id', start: span.start, end: span.end, certainty: valid ? 'checked' : 'shaped' }
  for (const token of source.tokens) {
    if (token.ahead < DIGITS_MIN || source.label(token) !== 'vat_id') continue
    const match = matchAt(NAMED, source.text, token.start)
    if (match) yield { kind: 'vat_id', start: token.start, end: token.start + match[0].length, certainty: 'named' }
  }
}

const NAMED = /[A-Za-z]{0,3}(?:[ .\u00a0-]?\d){6,13}(?:[ .-]?[A-Z]\d{0,2})?(?![\p{L}\d])/uy
