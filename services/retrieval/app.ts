import type { FastifyReply } from 'fastify'
import { Answer, AnswerRequest, SearchRequest, SearchResponse } from '../../shared/contracts/retrieval.ts'
import { disclosureOf } from '../../shared/inference/ai-mark.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'
import { type AnswerServices, answerQuestion } from './answer.ts'
import { findPassages } from './search.ts'

const QUESTION_TIMEOUT_MS = 60_000

/** Search and cited answers: the routes of support automation. */
export function addRetrieval(server: HttpServer, services: AnswerServices): void {
  const onRequest = authorize(services.database, 'search')

  server.post(
    '/v1/search',
    {
      onRequest,
      schema: { tags: ['retrieval'], summary: 'Hybrid search over live documents', body: SearchRequest, response: { 200: SearchResponse } },
    },
    async ({ identity, body }, reply) => {
      const hits = await findPassages(services, { tenantId: identity.tenantId, ...body, step: 'search', signal: callerSignal(reply) })
      return {
        hits: hits.map(({ document_id, revision, page, start, end, text, score, corrections }) => ({
          document_id,
          revision,
          page,
          start,
          end,
          text,
          score,
          corrections,
        })),
      }
    },
  )

  server.post(
    '/v1/answers',
    {
      onRequest,
      schema: {
        tags: ['retrieval'],
        summary: 'An answer with checked citations, or none',
        description:
          'Each quote was found letter by letter in the cited page. `abstained` is true where the documents support no answer. `ai` carries the mark of AI Act Art. 50(2) where a language model wrote the answer, and what it is to a person in a sentence; quotes are copied and never generated. The response header `AI-Disclosure` (draft-abaris-aicdh) says `mode=machine-generated` with model and provider, or `mode=none`.',
        body: AnswerRequest,
        response: { 200: Answer },
      },
    },
    async ({ identity, body }, reply) => {
      const answer = await answerQuestion(services, identity.tenantId, body, callerSignal(reply))
      reply.header('ai-disclosure', disclosureOf(answer.ai.generated, answer.ai))
      return answer
    },
  )
}

/** Ends the work when the caller has gone, and after a total time in any case. */
function callerSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return AbortSignal.any([gone.signal, AbortSignal.timeout(QUESTION_TIMEOUT_MS)])
}
