import type { Producer } from '../../shared/contracts/ai-mark.ts'
import { AppError, type ErrorCode } from '../../shared/contracts/errors.ts'
import type { Answer, AnswerRequest, Citation } from '../../shared/contracts/retrieval.ts'
import { markAnswer, producerOf } from '../../shared/inference/ai-mark.ts'
import { detectLanguage } from '../../shared/inference/builtin/language.ts'
import { locateInText } from '../../shared/inference/evidence.ts'
import type { CallSubject, ModelGateway } from '../../shared/inference/gateway.ts'
import type { ClaimedCitation } from '../../shared/inference/provider.ts'
import { estimateTokens } from '../../shared/inference/token-estimate.ts'
import { citeCorrected, correctAnswer, draftFrom } from './corrections.ts'
import { type Candidate, findPassages, keysUnlessErased, questionSubject, type SearchServices } from './search.ts'

/** Passages that a provider sees for one question. */
const PASSAGES_MAX = 8
const GONE: readonly ErrorCode[] = ['DOCUMENT_ERASED', 'DOCUMENT_RESTRICTED']

export interface AnswerServices extends SearchServices {
  gateway: ModelGateway
}

/**
 * Answers from the documents or not at all. Every quote that the provider claims is looked up in the cited page; what does not stand there is
 * dropped, and an answer that keeps no citation is withheld.
 */
export async function answerQuestion(
  services: AnswerServices,
  tenantId: string,
  request: AnswerRequest,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    return await answerOnce(services, tenantId, request, signal)
  } catch (error) {
    // A document was erased or restricted between the search and the call: nothing was sent, and a second search no longer finds it.
    if (error instanceof AppError && GONE.includes(error.code)) return answerOnce(services, tenantId, request, signal)
    throw error
  }
}

async function answerOnce(services: AnswerServices, tenantId: string, request: AnswerRequest, signal: AbortSignal): Promise<Answer> {
  const { question, document_ids } = request
  const passages = await findPassages(services, { tenantId, query: question, limit: PASSAGES_MAX, document_ids, step: 'answer', signal })
  if (passages.length === 0) return abstain(question, null)
  const { value: draft, ...call } = await services.gateway.call(
    {
      tenant_id: tenantId,
      task: 'answer',
      step: 'answer',
      subjects: [questionSubject(question), ...passages.map(subjectOf)],
      prompt_keys: await promptKeys(services, tenantId, passages),
      tokens: estimateTokens([question, ...draftFrom(passages).map((passage) => passage.text)]),
      language: detectLanguage(question),
      signal,
    },
    (chosen, callSignal) => chosen.answer(question, draftFrom(passages), callSignal),
  )
  const citations = draft.citations.flatMap((claim) => verify(claim, passages))
  const producer = producerOf(call, 'answer')
  if (draft.answer === null || citations.length === 0) return abstain(question, producer)
  const ai = markAnswer(question, draft.answer, producer)
  return { question, ...correctAnswer(draft.answer, citations, passages), abstained: false, citations, ai }
}

/** The passage is a piece of the page: where the quote stands in it tells where it stands on the page. */
function verify(claim: ClaimedCitation, passages: readonly Candidate[]): Citation[] {
  const passage = passages[claim.ref]
  const found = passage && locateInText(passage.text, claim.quote)
  if (!found) return citeCorrected(claim, passages)
  return [
    {
      document_id: passage.document_id,
      page: passage.page,
      start: passage.start + found.start,
      end: passage.start + found.end,
      quote: found.quote,
      verified: true,
    },
  ]
}

function abstain(question: string, producer: Producer | null): Answer {
  return { question, answer: null, abstained: true, citations: [], corrections: [], ai: markAnswer(question, null, producer) }
}

/** What is shown of an erased document is refused before it is sent. */
async function promptKeys({ tenants, vault }: AnswerServices, tenantId: string, passages: readonly Candidate[]): Promise<Buffer[]> {
  const { documents, requests } = await tenants.keys(tenantId)
  const ids = [...new Set(passages.map(({ document_id }) => document_id))].sort()
  const keys = await Promise.all(ids.map((id) => keysUnlessErased(vault, documents, tenantId, id)))
  return [requests, ...keys.flatMap((known) => known?.commitment ?? [])]
}

function subjectOf({ document_id, revision, page, sensitivity, data_classes, purpose }: Candidate): CallSubject {
  return { document_id, revision, page, sensitivity, data_classes, purpose }
}
