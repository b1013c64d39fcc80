import { z } from 'zod'
import {
  type AskedScope,
  ERASURE_DOCUMENTS_MAX,
  ErasureList,
  type ErasureScope,
  ErasureView,
  NewErasure,
} from '../../../shared/contracts/erasure.ts'
import { CertificateAnswer } from '../../../shared/contracts/erasure-certificate.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { IdentifierKind } from '../../../shared/contracts/subjects.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import {
  extendErasure,
  findErasure,
  listBuried,
  listErasures,
  listForErasure,
  requestErasure,
  viewErasure,
} from '../../../shared/database/erasures.ts'
import { findSubjectIds, listDocumentsNaming } from '../../../shared/database/subjects.ts'
import type { Tombstones } from '../../../shared/database/tombstones.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { proveEvent } from '../ledger/proofs.ts'
import { type CertificateServices, issueCertificate } from './certificate.ts'
import { writeCertificatePdf } from './certificate-pdf.ts'
import { keysOfNote } from './certificate-signature.ts'
import { hashGiven } from './subjects.ts'
import { EXTENSION, sealExtension } from './written-reason.ts'

const Id = z.object({ id: z.uuid() })
const PAGE_SIZE_MAX = 100
const tags = ['rights']
const HOW_TO_CHECK =
  'Keep this answer as a file and run: greffier erasures check FILE --vkey KEY, with the key of the log that you pinned (GET /v1/ledger/key). It needs no server. When it was issued is said by the log, which holds the event `event_id` with the SHA-256 of the note; `logged` proves that, and is checked with it.'

export interface ErasureServices extends CertificateServices {
  database: Database
  tombstones: Tombstones
}

/** Requests for erasure (Art. 17), each with its term (Art. 12(3)) and what was refused. */
export function addErasureRoutes(server: HttpServer, services: ErasureServices): void {
  const { database, tenants, tombstones } = services
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
          'From this answer on no read finds them. What a hold keeps is refused by name and restricted instead. The request is due one calendar month after `received_at`. By person, each document that names the person goes whole, whoever else it names: look with /v1/subjects/find first, and name `document_ids` where fewer are meant.',
        body: NewErasure,
        response: { 202: ErasureView },
      },
    },
    async ({ identity: { tenantId, keyId }, body }, reply) => {
      const { subjects } = await tenants.keys(tenantId)
      const { view, buried } = await withTenant(database, tenantId, async (tx) => {
        const { scope, documentIds } = await resolveScope(tx, subjects, body.scope)
        const draft = { keyId, ground: body.ground, scope, receivedAt: body.received_at, documentIds }
        const id = await requestErasure(tx, tenantId, draft)
        return { view: await viewErasure(tx, await findErasure(tx, id)), buried: await listBuried(tx, id) }
      })
      await tombstones.append(buried)
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
      schema: { ...EXTENSION, response: { 200: ErasureView } },
    },
    async ({ identity: { tenantId, keyId }, params, body }) => {
      const reason = sealExtension(await tenants.keys(tenantId), 'erasure-requests', params.id, body.reason)
      return withTenant(database, tenantId, async (tx) => viewErasure(tx, await extendErasure(tx, params.id, reason, keyId)))
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
        querystring: z.strictObject({ format: z.enum(['json', 'pdf']).default('json') }),
        response: { 200: CertificateAnswer },
      },
    },
    async ({ identity: { tenantId }, params, query }, reply) => {
      const keys = await tenants.keys(tenantId)
      const answer = await withTenant(database, tenantId, async (tx) => {
        const issued = await issueCertificate(tx, services, params.id)
        const logged = await proveEvent(tx, { tenantId, keys, eventId: issued.event_id })
        return { ...issued, ...(await keysOfNote(tx, tenants, tenantId, issued.note)), logged, check: HOW_TO_CHECK }
      })
      if (query.format === 'json') return answer
      // A stream passes by the schema of the answer.
      return reply.type('application/pdf').send(writeCertificatePdf(answer) as never)
    },
  )
}

/** Throws INVALID_REQUEST where it means more documents than one request may have, or an identifier cannot be read. */
async function resolveScope(tx: Tx, subjectKey: Buffer, asked: AskedScope): Promise<{ scope: ErasureScope; documentIds: string[] }> {
  if ('document_ids' in asked) return { scope: asked, documentIds: asked.document_ids }
  if ('filter' in asked) return { scope: asked, documentIds: await listForErasure(tx, asked.filter) }
  if ('subject_id' in asked) return { scope: asked, documentIds: await documentsNaming(tx, [asked.subject_id]) }
  const { country: _country, ...given } = asked.identifiers
  const subject_ids = await findSubjectIds(tx, hashGiven(subjectKey, asked.identifiers))
  const identified_by = IdentifierKind.options.filter((kind) => given[kind] !== undefined)
  return { scope: { subject_ids, identified_by }, documentIds: await documentsNaming(tx, subject_ids) }
}

async function documentsNaming(tx: Tx, subjectIds: readonly string[]): Promise<string[]> {
  const found = await listDocumentsNaming(tx, subjectIds, ERASURE_DOCUMENTS_MAX + 1)
  if (found.length > ERASURE_DOCUMENTS_MAX)
    throw new AppError('INVALID_REQUEST', `more than ${ERASURE_DOCUMENTS_MAX} documents name this person; name them in several requests`)
  return found
}
