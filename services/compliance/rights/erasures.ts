import { z } from 'zod'
import { deriveKey } from '../../../shared/blobs/keys.ts'
import { ErasureList, type ErasureScope, ErasureView, NewErasure, NewExtension } from '../../../shared/contracts/erasure.ts'
import { IssuedCertificate } from '../../../shared/contracts/erasure-certificate.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import { extendErasure, findErasure, listErasures, listForErasure, requestErasure, viewErasure } from '../../../shared/database/erasures.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { type CertificateServices, issueCertificate, type Sign } from './certificate.ts'
import { certificateVerifierKey, derivedSigner } from './certificate-key.ts'
import { sealReason } from './written-reason.ts'

const Id = z.object({ id: z.uuid() })
const PAGE_SIZE_MAX = 100
const tags = ['rights']
/** `vkey`: what checks the note, to be pinned by another way than this answer. */
const CertificateAnswer = z.strictObject({ ...IssuedCertificate.shape, vkey: z.string().nullable() })

export interface ErasureServices extends CertificateServices {
  database: Database
  tenants: Tenants
  /** With the key of the tenant's log; left out, with one that is derived from the tenant's root key. */
  sign?: Sign
  /** The documents that concern a person, by the random id that the person has here; left out, nobody knows. */
  documentsOfSubject?: (tx: Tx, subjectId: string) => Promise<string[]>
}

/** Requests for erasure (Art. 17), each with its term (Art. 12(3)) and what was refused. */
export function addErasureRoutes(server: HttpServer, services: ErasureServices): void {
  const { database, tenants } = services
  const erase = authorize(database, 'documents:erase')
  const read = authorize(database, 'records:read')

  server.post(
    '/v1/erasures',
    {
      onRequest: erase,
      schema: {
        tags,
        summary: 'Erase documents by id, by person or by filter',
        description:
          'From this answer on no read finds them. What a hold keeps is refused by name and restricted instead. The request is due one calendar month after `received_at`.',
        body: NewErasure,
        response: { 202: ErasureView },
      },
    },
    async ({ identity: { tenantId }, body }, reply) => {
      const view = await withTenant(database, tenantId, async (tx) => {
        const documentIds = await documentsOf(tx, services, body.scope)
        const id = await requestErasure(tx, tenantId, {
          ground: body.ground,
          scope: body.scope,
          receivedAt: body.received_at,
          documentIds,
        })
        return viewErasure(tx, await findErasure(tx, id))
      })
      return reply.status(202).header('location', `/v1/erasures/${view.erasure_id}`).send(view)
    },
  )

  server.get(
    '/v1/erasures',
    {
      onRequest: read,
      schema: {
        tags,
        summary: 'List requests for erasure, newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(20),
          cursor: z.uuid().optional(),
        }),
        response: { 200: ErasureList },
      },
    },
    ({ identity, query }) =>
      withTenant(database, identity.tenantId, async (tx) => {
        const rows = await listErasures(tx, query.limit + 1, query.cursor ?? null)
        const page = rows.slice(0, query.limit)
        const erasures = []
        for (const row of page) erasures.push(await viewErasure(tx, row))
        return { erasures, next_cursor: rows.length > query.limit ? (page.at(-1)?.id ?? null) : null }
      }),
  )

  server.get(
    '/v1/erasures/:id',
    { onRequest: read, schema: { tags, summary: 'One request for erasure', params: Id, response: { 200: ErasureView } } },
    ({ identity, params }) => withTenant(database, identity.tenantId, async (tx) => viewErasure(tx, await findErasure(tx, params.id))),
  )

  server.post(
    '/v1/erasures/:id/extend',
    {
      onRequest: erase,
      schema: {
        tags,
        summary: 'Extend the term by two months, once',
        description:
          'Art. 12(3): where complexity or number makes it necessary. Tell the person, with the reason, before the first month is over.',
        params: Id,
        body: NewExtension,
        response: { 200: ErasureView },
      },
    },
    async ({ identity: { tenantId }, params, body }) => {
      const key = deriveKey((await tenants.keys(tenantId)).documents, 'greffier/v1/tenant/erasure-requests')
      const reason = sealReason(key, body.reason, `${params.id}/extension`)
      return withTenant(database, tenantId, async (tx) => viewErasure(tx, await extendErasure(tx, params.id, reason)))
    },
  )

  server.get(
    '/v1/erasures/:id/certificate',
    {
      onRequest: read,
      schema: {
        tags,
        summary: 'The signed certificate of an erasure that is done',
        description:
          'What was emptied in each store, whose keys were destroyed, who is to be told (Art. 19), and what remains and until when. Never `complete` while something remains. Its hash is an event of the record.',
        params: Id,
        response: { 200: CertificateAnswer },
      },
    },
    async ({ identity: { tenantId }, params }) => {
      const sign = services.sign ?? derivedSigner(tenants)
      const issued = await withTenant(database, tenantId, (tx) => issueCertificate(tx, services, sign, params.id))
      return { ...issued, vkey: services.sign ? null : await certificateVerifierKey(tenants, tenantId) }
    },
  )
}

async function documentsOf(tx: Tx, { documentsOfSubject }: ErasureServices, scope: ErasureScope): Promise<string[]> {
  if ('document_ids' in scope) return scope.document_ids
  if ('filter' in scope) return listForErasure(tx, scope.filter)
  if (!documentsOfSubject) throw new AppError('INVALID_REQUEST', 'this installation does not know which documents concern whom')
  return documentsOfSubject(tx, scope.subject_id)
}
