import { AppError } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { IdentifierKind, SubjectIdentifiers, SubjectMatches } from '../../../shared/contracts/subjects.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import { appendOrdered } from '../../../shared/database/event-actors.ts'
import { findSubjects, type HashedIdentifier, hashIdentifiers } from '../../../shared/database/subjects.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { normalise } from '../../../shared/masking/subject-identifiers.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'

/** Of one answer and one package: their hits have to fit into one event. */
export const SUBJECT_DOCUMENTS_MAX = 400

/** Where a data subject is named (Art. 15): by what it is found stands in the body, never in an address, a log or an event. */
export function addSubjectRoutes(server: HttpServer, { database, tenants }: { database: Database; tenants: Tenants }): void {
  server.post(
    '/v1/subjects/find',
    {
      onRequest: authorize(database, 'rights:manage'),
      schema: {
        tags: ['rights'],
        summary: 'Find the documents that name a person',
        description:
          'By any identifier; several are a union, and each hit says which led to it. Found are the documents that an erasure by person takes: those of which any stored reading names the person. Names are found in fields that hold a person; the rest in every page.',
        body: SubjectIdentifiers,
        response: { 200: SubjectMatches },
      },
    },
    async ({ identity, body }) => {
      const { tenantId } = identity
      const identifiers = hashGiven((await tenants.keys(tenantId)).subjects, body)
      const request_ref = newId()
      return withTenant(database, tenantId, async (tx) => {
        const found = await findSubjects(tx, identifiers, SUBJECT_DOCUMENTS_MAX)
        await appendOrdered(tx, identity, {
          operation: 'Retrieve',
          step: 'subject_find',
          phase: 'completed',
          result: 'ok',
          purpose: 'data_subject_rights',
          request_ref,
          hits: found.documents.map(({ document_id, revision }) => ({ doc_ref: document_id, revision, page: 0 })),
        })
        return { request_ref, ...found }
      })
    },
  )
}

/** Throws INVALID_REQUEST, without the value, for what is no such identifier. */
export function hashGiven(key: Buffer, given: SubjectIdentifiers): HashedIdentifier[] {
  const countries = given.country === undefined ? [] : [given.country]
  const identifiers = IdentifierKind.options.flatMap((kind) => {
    const text = given[kind]
    if (text === undefined) return []
    const values = normalise(kind, text, countries)
    const hint = kind === 'phone' ? ': begin with + or give a country' : kind === 'name' ? ': give first and last name' : ''
    if (values.length === 0) throw new AppError('INVALID_REQUEST', `${kind} cannot be read${hint}`)
    return values.map((value) => ({ kind, value }))
  })
  return hashIdentifiers(key, identifiers)
}
