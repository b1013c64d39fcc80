import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Vault } from '../../../shared/blobs/vault.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { IdentifierKind, NewSubjectRequest, SubjectRequestView } from '../../../shared/contracts/subjects.ts'
import { type Database, type Tx, withTenant } from '../../../shared/database/connection.ts'
import { findDocument } from '../../../shared/database/documents.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { findSubjects } from '../../../shared/database/subjects.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import type { ProcessorRegister } from '../../../shared/policy/register.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { describeForSubject } from './access-package.ts'
import { hashGiven, SUBJECT_DOCUMENTS_MAX } from './subjects.ts'

const tags = ['rights']
const Id = z.object({ id: z.uuid() })
/** What is kept of the identifiers of a request: enough to find the documents again, too little to read. */
const Kept = z.array(z.strictObject({ kind: IdentifierKind, hash: z.string() }))
const RIGHTS = [
  'rectification (Art. 16)',
  'erasure (Art. 17)',
  'restriction (Art. 18)',
  'objection (Art. 21)',
  'complaint to a supervisory authority (Art. 77)',
]
const NOTICE =
  'What rules recognise of other people (addresses of mail, numbers, accounts, names in fields) is masked (Art. 15(4)). Names that stand in running text alone are not recognised: read the package before it is handed over.'
const DECISIONS = 'Greffier classifies documents and reads fields from them; it takes no decision about persons (Art. 22).'

export interface SubjectRequestServices {
  database: Database
  tenants: Tenants
  vault: Vault
  register: ProcessorRegister
}

/** Requests of data subjects: received, due within a month, answered with a package that the record commits to. */
export function addSubjectRequestRoutes(server: HttpServer, services: SubjectRequestServices): void {
  const { database, tenants } = services
  const onRequest = authorize(database, 'rights:manage')
  server.post(
    '/v1/subject-requests',
    {
      onRequest,
      schema: { tags, summary: 'Register a request of a data subject', body: NewSubjectRequest, response: { 201: SubjectRequestView } },
    },
    async ({ identity: { tenantId }, body }, reply) => {
      const identifiers = hashGiven((await tenants.keys(tenantId)).subjects, body.identifiers)
      const kept = identifiers.map(({ kind, hash }) => ({ kind, hash: hash.toString('hex') }))
      const created_at = new Date()
      const row = {
        id: newId(),
        tenant_id: tenantId,
        kind: body.kind,
        created_at,
        due_at: aMonthAfter(created_at),
        identifiers: JSON.stringify(kept),
      }
      await withTenant(database, tenantId, (tx) => tx.insertInto('subject_requests').values(row).execute())
      return reply.status(201).send(viewOf(row))
    },
  )
  server.get(
    '/v1/subject-requests/:id',
    { onRequest, schema: { tags, summary: 'A request of a data subject', params: Id, response: { 200: SubjectRequestView } } },
    async ({ identity, params }) => viewOf(await withTenant(database, identity.tenantId, (tx) => readRequest(tx, params.id))),
  )
  server.get(
    '/v1/subject-requests/:id/package',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The package for the data subject, as JSON',
        description: 'The event of it names the SHA-256 of exactly these bytes. Other people are masked as far as rules recognise them.',
        params: Id,
      },
    },
    async ({ identity: { tenantId }, params }, reply) => {
      const bytes = await makePackage(services, tenantId, params.id)
      reply.header('content-disposition', `attachment; filename="${params.id}.json"`)
      return reply.type('application/json').send(bytes)
    },
  )
}

async function makePackage({ database, tenants, vault, register }: SubjectRequestServices, tenantId: string, id: string): Promise<Buffer> {
  const keys = await tenants.keys(tenantId)
  return withTenant(database, tenantId, async (tx) => {
    const request = await readRequest(tx, id)
    const kept = Kept.parse(JSON.parse(request.identifiers))
    const identifiers = kept.map(({ kind, hash }) => ({ kind, hash: Buffer.from(hash, 'hex') }))
    const found = await findSubjects(tx, identifiers, SUBJECT_DOCUMENTS_MAX)
    const asked = { subjectKey: keys.subjects, hashes: new Set(kept.map(({ hash }) => hash)), register }
    const documents = []
    for (const match of found.documents) {
      const row = await findDocument(tx, match.document_id)
      const documentKeys = await vault.keys({ tenantKey: keys.documents, tenantId, documentId: row.id })
      documents.push(await describeForSubject(tx, { row, keys: documentKeys, found: match }, asked))
    }
    const bytes = Buffer.from(
      JSON.stringify({
        schema: 'greffier.access/1',
        request_ref: id,
        controller_ref: tenantId,
        made_at: new Date().toISOString(),
        complete: found.complete,
        notice: NOTICE,
        documents,
        automated_decisions: DECISIONS,
        rights: RIGHTS,
      }),
    )
    await appendEvent(tx, tenantId, {
      operation: 'Transmit',
      step: 'subject_access',
      phase: 'completed',
      result: 'ok',
      purpose: 'data_subject_rights',
      request_ref: id,
      output_hash: createHash('sha256').update(bytes).digest('hex'),
      hits: found.documents.map(({ document_id, revision }) => ({ doc_ref: document_id, revision, page: 0 })),
    })
    return bytes
  })
}

async function readRequest(tx: Tx, id: string) {
  const row = await tx.selectFrom('subject_requests').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw new AppError('SUBJECT_REQUEST_NOT_FOUND')
  return row
}

function viewOf(row: { id: string; kind: 'access'; identifiers: string; created_at: Date; due_at: Date }): SubjectRequestView {
  return {
    request_id: row.id,
    kind: row.kind,
    identified_by: [...new Set(Kept.parse(JSON.parse(row.identifiers)).map(({ kind }) => kind))],
    created_at: row.created_at.toISOString(),
    due_at: row.due_at.toISOString(),
  }
}

/** Art. 12(3); the last day of a month that is too short (Regulation 1182/71, Art. 3(2)(c)). */
function aMonthAfter(from: Date): Date {
  const due = new Date(from)
  due.setUTCMonth(due.getUTCMonth() + 1)
  if (due.getUTCDate() !== from.getUTCDate()) due.setUTCDate(0)
  return due
}
