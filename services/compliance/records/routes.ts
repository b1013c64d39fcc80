import { z } from 'zod'
import { AppError } from '../../../shared/contracts/errors.ts'
import { DocumentRecord, ProcessingEvent } from '../../../shared/contracts/record.ts'
import {
  ANNEXED_DOCUMENTS_MAX,
  AnnexQuestion,
  RecordAccess,
  RecordsExport,
  RecordsPage,
  RecordsQuestion,
} from '../../../shared/contracts/records.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { RECORD_EVENTS_MAX, readRecord } from '../../../shared/database/events.ts'
import { readNewestRecords } from '../../../shared/database/records.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { askedOf, beginAccess, readAccess, readNames, withinAnnexes } from './annex.ts'
import { type ExportServices, exportRecords } from './export.ts'
import { readJustification } from './justification.ts'
import { RECORDS_PDF_EVENTS_MAX } from './pdf.ts'

const tags = ['records']
const Id = z.object({ id: z.uuid() })
const ANNEX =
  'With `annex=true` names come with it: file name, metadata and uploader as long as the document is neither erased nor restricted, and as `ordered_by` of each event the API key that ordered it, or the request that it was done for. That needs a header `Justification`, and is an event that commits to it. Each annex comes with its `salt`: SHA-256 over the 32 bytes of the salt and the canonical JSON (RFC 8785) of everything else is the `annex_commit` of the event of its upload.'

/** The record of one document and of all of them. Who looks at names in it says why, and that is on record before they are shown. */
export function addRecordRoutes(server: HttpServer, services: ExportServices): void {
  const { database } = services
  const onRequest = authorize(database, 'records:read')
  server.get(
    '/v1/documents/:id/record',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The processing record of one document',
        description: `Every operation in order: upload, stages, model calls (intent, completion, refusal), reads, questions that used it, erasure. It outlives the document. The newest ${RECORD_EVENTS_MAX}: \`complete\` is false where older ones are left out, and \`GET /v1/records?document=…\` pages through all. ${ANNEX}`,
        params: Id,
        querystring: AnnexQuestion,
        response: { 200: DocumentRecord },
      },
    },
    async ({ identity, params: { id }, query, headers }) => {
      const { tenantId } = identity
      const justification = query.annex === 'true' ? readJustification(headers) : null
      const newest = await withTenant(database, tenantId, async (tx) => {
        const document = await tx.selectFrom('documents').select('id').where('id', '=', id).executeTakeFirst()
        if (!document) throw new AppError('DOCUMENT_NOT_FOUND')
        return readRecord(tx, id, RECORD_EVENTS_MAX + 1)
      })
      const record = { document_id: id, events: newest.slice(-RECORD_EVENTS_MAX), complete: newest.length <= RECORD_EVENTS_MAX }
      if (justification === null) return record
      const asked = { documentIds: [id], eventIds: record.events.map(({ event_id }) => event_id) }
      const { annexes, ordered_by } = await readNames(services, await beginAccess(services, identity, justification), asked)
      return { ...record, annex: annexes[id] ?? null, ordered_by }
    },
  )

  server.get(
    '/v1/records',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The processing record, newest first',
        description: `Filters hold together. \`next_cursor\` asks for older events: the walk meets every event that was there when it began, each once, whatever is appended meanwhile. ${ANNEX} A page then holds no more events than name ${ANNEXED_DOCUMENTS_MAX} documents.`,
        querystring: RecordsQuestion,
        response: { 200: RecordsPage },
      },
    },
    async ({ identity, query, headers }) => {
      const { tenantId } = identity
      const { limit, cursor, annex, ...filters } = query
      const justification = annex === 'true' ? readJustification(headers) : null
      const rows = await withTenant(database, tenantId, (tx) => readNewestRecords(tx, { filters, limit: limit + 1, after: cursor ?? null }))
      const page = justification === null ? rows.slice(0, limit) : withinAnnexes(rows.slice(0, limit))
      const next_cursor = rows.length > page.length ? (page.at(-1)?.id ?? null) : null
      const events = page.map(({ body }) => ProcessingEvent.parse(JSON.parse(body)))
      if (justification === null) return { events, next_cursor }
      const access = await beginAccess(services, identity, justification)
      return { events, next_cursor, ...(await readNames(services, access, askedOf(page))) }
    },
  )

  server.get(
    '/v1/records/export',
    {
      onRequest,
      schema: {
        tags,
        summary: 'The processing record as a file, oldest first',
        description: `The filters of \`GET /v1/records\`. \`jsonl\`: the canonical text of each event, as the log commits to it. \`csv\`: RFC 4180, nothing that a spreadsheet would compute. \`jsonld\`: terms of the Data Privacy Vocabulary. \`pdf\`: for people, of at most ${RECORDS_PDF_EVENTS_MAX} events. An export is itself on record, with the SHA-256 of its bytes; a connection that breaks off is no whole file. ${ANNEX} As \`jsonl\` alone; a line is then \`{"event", "annexes", "ordered_by"}\`.`,
        querystring: RecordsExport,
      },
    },
    async ({ identity, query, headers }, reply) => {
      const justification = query.annex === 'true' ? readJustification(headers) : null
      const { mediaType, fileName, body } = await exportRecords(services, identity, query, justification)
      reply.header('content-disposition', `attachment; filename="${fileName}"`)
      return reply.type(mediaType).send(body)
    },
  )

  server.get(
    '/v1/record-accesses/:id',
    {
      onRequest: authorize(database, 'rights:manage'),
      schema: {
        tags,
        summary: 'Who looked at names in the record, by the id of the API key, and why',
        description: '`request_ref` of the events of the access is its id.',
        params: Id,
        response: { 200: RecordAccess },
      },
    },
    ({ identity: { tenantId }, params }) => readAccess(services, tenantId, params.id),
  )
}
