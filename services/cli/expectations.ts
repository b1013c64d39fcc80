import type { SampleDocument, SampleQuestion } from '../../samples/read.ts'
import type { Answer } from '../../shared/contracts/retrieval.ts'
import type { Submission } from './submit.ts'

/** What is wrong with a document, in words; null when it is as expected. */
export function documentFault(sample: SampleDocument, { result, failure }: Submission): string | null {
  if (failure) return `${sample.file}: ${failure.code}`
  if (result.type !== sample.expectType) return `${sample.file}: type ${result.type ?? 'none'} instead of ${sample.expectType}`
  return null
}

/** What is wrong with an answer, in words; null when it is as expected. `fileOf` names a document. */
export function answerFault(sample: SampleQuestion, answer: Answer, fileOf: (documentId: string) => string): string | null {
  const { expect } = sample
  if (expect === null) return answer.answer === null ? null : `“${sample.question}”: an answer where the documents hold none`
  if (answer.answer === null) return `“${sample.question}”: no answer`
  if (answer.citations.some(({ verified }) => !verified)) return `“${sample.question}”: a citation that does not stand in its page`
  const found = answer.citations.some(
    ({ document_id, quote }) =>
      (sample.document === null || fileOf(document_id) === sample.document) && oneSpace(quote).includes(oneSpace(expect)),
  )
  return found ? null : `“${sample.question}”: “${expect}” is not cited${sample.document ? ` from ${sample.document}` : ''}`
}

function oneSpace(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
