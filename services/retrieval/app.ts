import type { FastifyReply } from 'fastify'
import { Answer, AnswerRequest, SearchRequest, SearchResponse } from '../../shared/contracts/retrieval.ts'
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
        description: 'Each quote was found letter by letter in the cited page. `abstained` is true where the documents support no answer.',
        body: AnswerRequest,
        response: { 200: Answer },
      },
    },
    ({ identity, body }, reply) => answerQuestion(services, identity.tenantId, body, callerSignal(reply)),
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
