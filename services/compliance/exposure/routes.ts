import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { z } from 'zod'
import { AppError } from '../../../shared/contracts/errors.ts'
import { ExposureQuestion, ExposureReport } from '../../../shared/contracts/exposure.ts'
import type { Caller } from '../../../shared/database/api-keys.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { appendOrdered } from '../../../shared/database/event-actors.ts'
import { readLinkedSubjects, wasCalled } from '../../../shared/database/exposure.ts'
import { type Asked, askedByKey, askedFor } from '../../../shared/policy/exposure.ts'
import { type DraftSettings, draftNotification } from '../../../shared/policy/exposure-draft.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { type ReportServices, reportExposure } from './report.ts'

export type ExposureServices = Omit<ReportServices, 'readSubjects'> & { notification: DraftSettings }

/** What a processor held, when something leaks there (GDPR Art. 33). Each report is itself an event: who asked what is accounted for. */
export function addExposureRoutes(server: HttpServer, services: ExposureServices): void {
  const { database, rules, notification } = services
  const onRequest = authorize(database, 'records:read')

  async function report(tenantId: string, question: ExposureQuestion): Promise<ExposureReport> {
    const asked = askedFor(rules.register, question.processor) ?? (await formerlyCalled(tenantId, question.processor))
    // Nobody must read "nothing was held" of a name that was misspelt.
    if (!asked) throw new AppError('PROCESSOR_NOT_FOUND')
    return reportExposure({ ...services, readSubjects: readLinkedSubjects }, tenantId, question, asked)
  }

  /** A breach is as likely where one has left. */
  async function formerlyCalled(tenantId: string, processor: string): Promise<Asked | null> {
    const asked = askedByKey(processor)
    const [key = ''] = asked.keys
    return (await withTenant(database, tenantId, (tx) => wasCalled(tx, key))) ? asked : null
  }

  function keep(caller: Caller, request_ref: string, output: string): Promise<string> {
    const output_hash = createHash('sha256').update(output).digest('hex')
    return withTenant(database, caller.tenantId, (tx) =>
      appendOrdered(tx, caller, { operation: 'Retrieve', step: 'exposure', phase: 'completed', result: 'ok', request_ref, output_hash }),
    )
  }

  server.get(
    '/v1/exposure',
    {
      onRequest,
      schema: {
        tags: ['records'],
        summary: 'What a processor, or a company behind one, held in an interval',
        description:
          'GDPR Art. 33. A call counts from its sending until the retention is over, as both were known then; what today’s register says otherwise stands beside it. An unknown retention has no end. Erased documents count. `next_cursor` asks for more documents, without the sums.',
        querystring: ExposureQuestion,
        response: { 200: ExposureReport },
      },
    },
    async ({ identity, query }) => {
      const found = await report(identity.tenantId, query)
      await keep(identity, found.report_id, canonicalize(found) as string)
      return found
    },
  )

  server.get(
    '/v1/exposure/draft',
    {
      onRequest,
      schema: {
        tags: ['records'],
        summary: 'A notification of that to the authority, as a draft in Markdown',
        description: 'The fields of GDPR Art. 33(3). What the record does not tell is to be filled in, and says so.',
        querystring: z.strictObject({
          processor: z.string().trim().min(1).max(200),
          from: z.iso.datetime(),
          to: z.iso.datetime(),
          aware_at: z.iso.datetime().optional(),
        }),
        response: { 200: z.string() },
      },
    },
    async ({ identity, query: { aware_at = null, ...question } }, reply) => {
      const parsed = ExposureQuestion.safeParse(question)
      if (!parsed.success) throw new AppError('INVALID_REQUEST', '`to` is before `from`')
      if (aware_at !== null && Date.parse(aware_at) > Date.now()) throw new AppError('INVALID_REQUEST', '`aware_at` is in the future')
      const found = await report(identity.tenantId, parsed.data)
      if (!found.totals) throw new AppError('INTERNAL', 'a report without sums')
      const text = draftNotification({ ...found, totals: found.totals }, aware_at, notification)
      await keep(identity, found.report_id, text)
      return reply.type('text/markdown; charset=utf-8').send(text)
    },
  )
}
