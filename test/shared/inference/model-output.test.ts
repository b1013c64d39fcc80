import { expect, test } from 'vitest'
import { readAnswer, readClassification } from '../../../shared/inference/model-output.ts'

test('an unknown document type becomes other, what is no language null, and words that no list knows are left out', () => {
  expect(
    readClassification({
      type: 'love_letter',
      language: 'German',
      data_classes: ['special', 'secret', 'special', 7],
      data_categories: ['health', 'hobbies'],
      subject_categories: 'everybody',
      more: 1,
    }),
  ).toEqual({ type: 'other', language: null, data_classes: ['special'], data_categories: ['health'], subject_categories: [] })
})

test.each([null, [], 'text'])('a classification of another shape (%j) is invalid', (wrong) => {
  expect(() => readClassification(wrong)).toThrow('MODEL_OUTPUT_INVALID')
})

test('an empty answer is an abstention, and a citation without a number is invalid', () => {
  expect(readAnswer({ answer: ' ', citations: [] })).toEqual({ answer: null, citations: [] })
  expect(() => readAnswer({ answer: 'a', citations: [{ passage: 'first', quote: 'a' }] })).toThrow('MODEL_OUTPUT_INVALID')
})
