import type { Answer } from '../../../shared/contracts/retrieval.ts'
import type { Output } from '../output.ts'
import { clean, quoted } from './text.ts'

/** Question, answer, and under it one line per citation: document, page, quote. */
export function printAnswer(output: Output, answer: Answer, nameOf: (documentId: string) => string): void {
  const { paint } = output
  output.line(paint('bold', clean(answer.question)))
  output.line(`  ${answer.answer === null ? paint('yellow', 'The documents do not say.') : clean(answer.answer)}`)
  for (const citation of answer.citations) {
    const where = `${clean(nameOf(citation.document_id))}, page ${citation.page}`
    const check = citation.verified ? paint('green', 'verified') : paint('red', 'NOT FOUND THERE')
    output.line(`    ${paint('cyan', where)}  ${quoted(citation.quote)}  ${check}`)
  }
  for (const { document_id, field, value, corrected_at } of answer.corrections)
    output.line(
      `    ${paint('yellow', 'corrected')}  ${clean(nameOf(document_id))}, ${field}: ${clean(value)} (${corrected_at.slice(0, 10)})`,
    )
  output.line()
}

/** What wrote the answers, or read the documents (AI Act Art. 50): each notice once. */
export function printNotice(output: Output, marked: ReadonlyArray<{ ai: { notice: string } }>): void {
  for (const notice of new Set(marked.map(({ ai }) => ai.notice))) output.line(output.paint('dim', clean(notice)))
}
