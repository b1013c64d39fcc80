import { z } from 'zod'
import {
  DocumentList,
  DocumentStatus,
  DocumentText,
  DocumentView,
  RedriveAccepted,
  UploadAccepted,
} from '../../shared/contracts/document.ts'
import { AppError, errorCode } from '../../shared/contracts/errors.ts'
import { type Tx, withTenant } from '../../shared/database/connection.ts'
import { readPages } from '../../shared/database/content.ts'
import { addRevision, type DocumentRow, findDocument, listDocuments } from '../../shared/database/documents.ts'
import { eraseByHand } from '../../shared/database/erasures.ts'
import { appendEvent, describeDocument } from '../../shared/database/events.ts'
import { redriveDocument } from '../../shared/database/redrive.ts'
import { disclosureOf } from '../../shared/inference/ai-mark.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'
import { addProgressRoute } from './progress.ts'
import type { IngestServices } from './services.ts'
import { FORMATS } from './sniff.ts'
import { documentHead, generatorOf, readDocumentView } from './view.ts'

const tags = ['documents']
const Id = z.object({ id: z.uuid() })
const PAGE_SIZE_MAX = 100

export function addDocumentRoutes(server: HttpServer, services: IngestServices): void {
  const { database, vault, tenants, tombstones } = services
  const read = authorize(database, 'documents:read')
  const write = authorize(database, 'documents:write')

  /** Where the original goes while it is read, an erasure is what there is to say. */
  const reading = async <Result>(tenantId: string, id: string, work: (tx: Tx) => Promise<Result>): Promise<Result> => {
    try {
      return await withTenant(database, tenantId, work)
    } catch (error) {
      if (errorCode(error) === 'ORIGINAL_MISSING') await withTenant(database, tenantId, (tx) => findDocument(tx, id))
      throw error
    }
  }

  server.get(
    '/v1/documents',
    {
      onRequest: read,
      schema: {
        tags,
        summary: 'List documents, newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(20),
          cursor: z.uuid().optional(),
          status: DocumentStatus.exclude(['erased']).optional(),
        }),
        response: { 200: DocumentList },
      },
    },
    async ({ identity, query }) => {
      const rows = await withTenant(database, identity.tenantId, (tx) =>
        listDocuments(tx, query.limit + 1, query.cursor ?? null, query.status),
      )
      const page = rows.slice(0, query.limit)
      return { documents: page.map(documentHead), next_cursor: rows.length > query.limit ? (page.at(-1)?.id ?? null) : null }
    },
  )

  server.get(
    '/v1/documents/:id',
    {
      onRequest: read,
      schema: {
        tags,
        summary: 'Status, stages and fields',
        description:
          'Of a document that the policy refused, `refusal` says why, in sentences for whoever answers for the policy. Each field names what produced it, with the mark of AI Act Art. 50(2) where that is a language model; `ai` says the same of the document, once, for a person. The response header `AI-Disclosure` (draft-abaris-aicdh) says `mode=machine-generated` where anything in the response is, else `mode=none`.',
        params: Id,
        response: { 200: DocumentView },
      },
    },
    async ({ identity, params }, reply) => {
      const tenantKey = (await tenants.keys(identity.tenantId)).documents
      const view = await reading(identity.tenantId, params.id, async (tx) => {
        const row = await findDocument(tx, params.id)
        return readDocumentView(tx, row, await vault.keys({ tenantKey, tenantId: row.tenant_id, documentId: row.id }), {
          ...services.rules,
          policyHash: services.policyHash,
        })
      })
      reply.header('ai-disclosure', disclosureOf(view.ai.generated, generatorOf(view)))
      return view
    },
  )

  addProgressRoute(server, services)

  server.get(
    '/v1/documents/:id/content',
    { onRequest: read, schema: { tags, summary: 'The original bytes', params: Id } },
    async ({ identity, params }, reply) => {
      const tenantKey = (await tenants.keys(identity.tenantId)).documents
      const { row, plain } = await reading(identity.tenantId, params.id, async (tx) => {
        const found = await findDocument(tx, params.id)
        return { row: found, ...(await vault.read({ tenantKey, tenantId: found.tenant_id, documentId: found.id })) }
      })
      try {
        // Looked up again: an erasure may have come between, and what it announced as gone is not handed out.
        await withTenant(database, identity.tenantId, async (tx) =>
          recordRead(tx, await findDocument(tx, params.id), row.revision, 'content'),
        )
      } catch (error) {
        plain.destroy()
        throw error
      }
      reply.header('content-disposition', `attachment; filename="${row.id}.${FORMATS[row.media_type].extensions[0]}"`)
      return reply.type(row.media_type).send(plain)
    },
  )

  server.get(
    '/v1/documents/:id/text',
    { onRequest: read, schema: { tags, summary: 'The extracted text by page', params: Id, response: { 200: DocumentText } } },
    async ({ identity, params }) => {
      const tenantKey = (await tenants.keys(identity.tenantId)).documents
      return reading(identity.tenantId, params.id, async (tx) => {
        const row = await findDocument(tx, params.id)
        const keys = await vault.keys({ tenantKey, tenantId: row.tenant_id, documentId: row.id })
        const revision = row.live_revision ?? row.revision
        const pages = await readPages(tx, { tenant_id: row.tenant_id, document_id: row.id, revision }, keys)
        if (pages.length === 0) throw new AppError('DOCUMENT_NOT_READY', 'its text has not been extracted')
        await recordRead(tx, row, revision, 'text')
        return { document_id: row.id, revision, pages: pages.map(({ text, ...page }) => ({ ...page, characters: text.length, text })) }
      })
    },
  )

  server.post(
    '/v1/documents/:id/reprocess',
    {
      onRequest: write,
      schema: { tags, summary: 'Process the stored bytes again as a new revision', params: Id, response: { 202: UploadAccepted } },
    },
    async ({ identity, params }, reply) => {
      const revision = await withTenant(database, identity.tenantId, (tx) => addRevision(tx, identity.tenantId, params.id, 'reprocess'))
      return reply
        .status(202)
        .header('location', `/v1/documents/${params.id}`)
        .send({ document_id: params.id, revision, status: 'received', outcome: 'version' })
    },
  )

  server.post(
    '/v1/documents/:id/redrive',
    {
      onRequest: write,
      schema: {
        tags,
        summary: 'Go on with a document that was refused or failed',
        description:
          'At the stage that ended it, in the same revision. What the policy refused is gone on with by itself when the policy, the register of processors or ' +
          'the configured providers have changed.',
        params: Id,
        response: { 202: RedriveAccepted },
      },
    },
    async ({ identity, params }, reply) => {
      const { revision, stage } = await withTenant(database, identity.tenantId, (tx) => redriveDocument(tx, params.id))
      return reply
        .status(202)
        .header('location', `/v1/documents/${params.id}`)
        .send({ document_id: params.id, revision, status: 'processing', stage })
    },
  )

  server.delete(
    '/v1/documents/:id',
    {
      onRequest: authorize(database, 'documents:erase'),
      schema: {
        tags,
        summary: 'Erase a document from every store',
        description:
          'From this answer on no read finds the document; its record stays, and names when each store was found empty. `Location` is the request whose certificate says so. A hold stands against it: the document is then restricted instead (409).',
        params: Id,
        response: { 202: z.strictObject({ document_id: z.uuid(), status: z.literal('erased') }) },
      },
    },
    async ({ identity, params }, reply) => {
      const { requestId, held } = await withTenant(database, identity.tenantId, (tx) => eraseByHand(tx, identity, params.id))
      if (held)
        throw new AppError('DOCUMENT_HELD', 'it was restricted instead', {
          extra: { document_id: params.id, reason: held.reason, hold_until: held.until?.toISOString() ?? null, erasure_id: requestId },
        })
      // Also for one that was erased before: the process that was asked then may have died before it came to this.
      await tombstones.append([{ tenant_id: identity.tenantId, document_id: params.id }])
      if (requestId !== null) reply.header('location', `/v1/erasures/${requestId}`)
      return reply.status(202).send({ document_id: params.id, status: 'erased' })
    },
  )
}

function recordRead(tx: Tx, row: DocumentRow, revision: number, step: 'content' | 'text'): Promise<string> {
  return appendEvent(tx, row.tenant_id, {
    operation: 'Retrieve',
    step,
    phase: 'completed',
    result: 'ok',
    ...describeDocument(row, revision),
    provenance: step === 'content' ? 'provided' : 'derived',
  })
}
