import { z } from 'zod'
import {
  NewSubjectRequest,
  PackageFormat,
  SubjectRequestList,
  SubjectRequestState,
  SubjectRequestView,
} from '../../../shared/contracts/subjects.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import {
  answerSubjectRequest,
  createSubjectRequest,
  extendSubjectRequest,
  findSubjectRequest,
  listSubjectRequests,
  viewSubjectRequest,
} from '../../../shared/database/subject-requests.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { makePackage, type PackageServices } from './packages.ts'
import { hashGiven } from './subjects.ts'
import { EXTENSION, sealExtension } from './written-reason.ts'

const tags = ['rights']
const PAGE_SIZE_MAX = 100
const Id = z.object({ id: z.uuid() })
const CONTENT_TYPES = { json: 'application/json', csv: 'text/csv; charset=utf-8' } as const satisfies Record<PackageFormat, string>

export type SubjectRequestServices = PackageServices

/** Requests of data subjects: received, due within a month, answered with a package that the record commits to. */
export function addSubjectRequestRoutes(server: HttpServer, services: SubjectRequestServices): void {
  const { database, tenants } = services
  const onRequest = authorize(database, 'rights:manage')

  server.post(
    '/v1/subject-requests',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Register a request of a data subject',
        description:
          'Due one calendar month after `received_at` (Art. 12(3)). The identifiers are kept as keyed hashes alone. Rectification, restriction and objection are registered for their term; they are done with the routes of the documents.',
        body: NewSubjectRequest,
        response: { 201: SubjectRequestView },
      },
    },
    async ({ identity: { tenantId, keyId }, body }, reply) => {
      const identifiers = hashGiven((await tenants.keys(tenantId)).subjects, body.identifiers)
      const draft = { keyId, kind: body.kind, identifiers, receivedAt: body.received_at }
      const row = await withTenant(database, tenantId, (tx) => createSubjectRequest(tx, tenantId, draft))
      return reply.status(201).header('location', `/v1/subject-requests/${row.id}`).send(viewSubjectRequest(row))
    },
  )

  server.get(
    '/v1/subject-requests',
    {
      onRequest,
      schema: {
        tags,
        summary: 'List requests of data subjects, newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(20),
          cursor: z.uuid().optional(),
          state: SubjectRequestState.optional(),
        }),
        response: { 200: SubjectRequestList },
      },
    },
    async ({ identity, query: { limit, cursor, state } }) => {
      const rows = await withTenant(database, identity.tenantId, (tx) => listSubjectRequests(tx, limit + 1, cursor ?? null, state))
      const page = rows.slice(0, limit)
      return { requests: page.map(viewSubjectRequest), next_cursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
    },
  )

  server.get(
    '/v1/subject-requests/:id',
    { onRequest, schema: { tags, summary: 'A request of a data subject', params: Id, response: { 200: SubjectRequestView } } },
    async ({ identity, params }) =>
      viewSubjectRequest(await withTenant(database, identity.tenantId, (tx) => findSubjectRequest(tx, params.id))),
  )

  server.post(
    '/v1/subject-requests/:id/extend',
    {
      onRequest,
      schema: { ...EXTENSION, response: { 200: SubjectRequestView } },
    },
    async ({ identity: { tenantId, keyId }, params, body }) => {
      const reason = sealExtension(await tenants.keys(tenantId), 'subject-requests', params.id, body.reason)
      return viewSubjectRequest(await withTenant(database, tenantId, (tx) => extendSubjectRequest(tx, params.id, reason, keyId)))
    },
  )

  server.post(
    '/v1/subject-requests/:id/answer',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Put on record that the person has the answer',
        description: 'A package that is fetched has not reached anybody yet: whoever sends it says so here. Twice is once.',
        params: Id,
        response: { 200: SubjectRequestView },
      },
    },
    async ({ identity, params }) =>
      viewSubjectRequest(await withTenant(database, identity.tenantId, (tx) => answerSubjectRequest(tx, params.id, identity.keyId))),
  )

  server.get(
    '/v1/subject-requests/:id/package',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The package for the data subject, as JSON or CSV',
        description:
          'Access (Art. 15): everything that documents hold of the person, with purposes, recipients, countries, retention and logic. Portability (Art. 20): what the person provided, of documents that rest on consent or contract; without one it is refused (409). The event of it names the SHA-256 of exactly these bytes. Other people are masked as far as rules recognise them.',
        params: Id,
        querystring: z.strictObject({ format: PackageFormat.default('json') }),
      },
    },
    async ({ identity, params, query: { format } }, reply) => {
      const bytes = await makePackage(services, identity, params.id, format)
      reply.header('content-disposition', `attachment; filename="${params.id}.${format}"`)
      return reply.type(CONTENT_TYPES[format]).send(bytes)
    },
  )
}
