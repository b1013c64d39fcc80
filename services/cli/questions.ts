import type { Answer } from '../../shared/contracts/retrieval.ts'

/** A question as `--json` prints it. */
export interface QuestionResult {
  question: string
  answer: string | null
  citations: Array<{ document_id: string; page: number; quote: string; verified: boolean }>
  /** Null where a question got no answer at all. */
  ai: Answer['ai'] | null
}

export function questionResult({ question, answer, citations, ai }: Answer): QuestionResult {
  return {
    question,
    answer,
    citations: citations.map(({ document_id, page, quote, verified }) => ({ document_id, page, quote, verified })),
    ai,
  }
}
