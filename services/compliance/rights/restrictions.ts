import { z } from 'zod'
import type { DocumentKeys, Vault } from '../../../shared/blobs/vault.ts'
import { HoldList, HoldView, NewHold, NewRestriction, RestrictionView } from '../../../shared/contracts/erasure.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import { type DocumentRow, findStored } from '../../../shared/database/documents.ts'
import {
  activeHold,
  type Hold,
  liftHold,
  liftRestriction,
  listHolds,
  placeHold,
  restrictDocument,
} from '../../../shared/database/restrictions.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { openReason, sealReason } from './written-reason.ts'

const Id = z.object({ id: z.uuid() })
const tags = ['rights']
const PAGE_SIZE_MAX = 100

export interface RestrictionServices {
  database: Database
  tenants: Tenants
  vault: Vault
}

/** What stands against an erasure (Art. 17(3)), and what may only be stored (Art. 18). */
export function addRestrictionRoutes(server: HttpServer, services: RestrictionServices): void {
  addHoldRoutes(server, services)
  addHoldList(server, services.database)
  const { database } = services
  const manage = authorize(database, 'rights:manage')
  const path = '/v1/documents/:id/restriction'
  server.get(
    path,
    {
      onRequest: authorize(database, 'records:read'),
      schema: { tags, summary: 'Whether a document is restricted', params: Id, response: { 200: RestrictionView } },
    },
    async ({ identity, params }) => {
      const row = await withTenant(database, identity.tenantId, (tx) => findStored(tx, params.id))
      return viewRestriction(row)
    },
  )
  server.put(
    path,
    {
      onRequest: manage,
      schema: {
        tags,
        summary: 'Restrict the processing of a document',
        description:
          'Art. 18: from this answer on it is stored and nothing else. No search, answer, list or read finds it (423), no model is shown it, its stages wait. Its record stays readable.',
        params: Id,
        body: NewRestriction,
        response: { 200: RestrictionView },
      },
    },
    ({ identity, params, body }) =>
      withTenant(database, identity.tenantId, async (tx) => {
        const row = await findStored(tx, params.id, 'update')
        return viewRestriction(await restrictDocument(tx, row, { ground: body.ground, keyId: identity.keyId }))
      }),
  )
  server.delete(
    path,
    {
      onRequest: manage,
      schema: {
        tags,
        summary: 'Lift a restriction',
        description: 'Tell the person before (Art. 18(3)). Stages that waited go on by themselves.',
        params: Id,
        response: { 204: z.null() },
      },
    },
    async ({ identity, params }, reply) => {
      await withTenant(database, identity.tenantId, async (tx) =>
        liftRestriction(tx, await findStored(tx, params.id, 'update'), identity.keyId),
      )
      return reply.status(204).send(null)
    },
  )
}

function addHoldRoutes(server: HttpServer, { database, tenants, vault }: RestrictionServices): void {
  const path = '/v1/documents/:id/hold'
  const manage = authorize(database, 'rights:manage')
  const keysOf = async (row: DocumentRow) =>
    vault.keys({ tenantKey: (await tenants.keys(row.tenant_id)).documents, tenantId: row.tenant_id, documentId: row.id })
  server.get(
    path,
    { onRequest: manage, schema: { tags, summary: 'The hold on a document, with its reason', params: Id, response: { 200: HoldView } } },
    ({ identity, params }) =>
      withTenant(database, identity.tenantId, async (tx) => {
        const row = await findStored(tx, params.id)
        const hold = await activeHold(tx, row.id)
        if (!hold) throw new AppError('NOT_FOUND', 'no hold stands')
        return viewHold(hold, await keysOf(row))
      }),
  )
  server.put(
    path,
    {
      onRequest: manage,
      schema: {
        tags,
        summary: 'Keep a document from being erased',
        description:
          'By one of the reasons of Art. 17(3). Whoever asks for its erasure is refused with that reason, and the document is restricted. `text` is sealed under the document’s own key.',
        params: Id,
        body: NewHold,
        response: { 200: HoldView },
      },
    },
    ({ identity, params, body }) =>
      withTenant(database, identity.tenantId, async (tx) => {
        const row = await findStored(tx, params.id, 'update')
        const keys = await keysOf(row)
        const text = body.text === undefined ? null : sealReason(keys.column, body.text, contextOf(row.id))
        const terms = { keyId: identity.keyId, reason: body.reason, until: body.until }
        return viewHold(await placeHold(tx, row, { ...terms, sealedText: text?.sealed ?? null, textCommit: text?.commit ?? null }), keys)
      }),
  )
  server.delete(
    path,
    { onRequest: manage, schema: { tags, summary: 'Lift a hold', params: Id, response: { 204: z.null() } } },
    async ({ identity, params }, reply) => {
      await withTenant(database, identity.tenantId, async (tx) => liftHold(tx, await findStored(tx, params.id, 'update'), identity.keyId))
      return reply.status(204).send(null)
    },
  )
}

function addHoldList(server: HttpServer, database: Database): void {
  server.get(
    '/v1/holds',
    {
      onRequest: authorize(database, 'rights:manage'),
      schema: {
        tags,
        summary: 'List the holds that stand',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(20),
          cursor: z.uuid().optional(),
        }),
        response: { 200: HoldList },
      },
    },
    async ({ identity, query }) => {
      const rows = await withTenant(database, identity.tenantId, (tx) => listHolds(tx, query.limit + 1, query.cursor ?? null))
      const page = rows.slice(0, query.limit)
      return {
        holds: page.map(({ document_id, key_id, reason, until, created_at }) => ({
          document_id,
          key_id,
          reason,
          until: until?.toISOString() ?? null,
          since: created_at.toISOString(),
        })),
        next_cursor: rows.length > query.limit ? (page.at(-1)?.document_id ?? null) : null,
      }
    },
  )
}

/** Throws NOT_FOUND. */
function viewRestriction({ id, restricted_at, restriction_ground, restricted_by }: DocumentRow): RestrictionView {
  if (!restricted_at || !restriction_ground) throw new AppError('NOT_FOUND', 'the document is not restricted')
  return { document_id: id, key_id: restricted_by, ground: restriction_ground, since: restricted_at.toISOString() }
}

function viewHold(hold: Hold, keys: DocumentKeys): HoldView {
  return {
    document_id: hold.document_id,
    key_id: hold.key_id,
    reason: hold.reason,
    text: hold.sealed_text === null ? null : openReason(keys.column, hold.sealed_text, contextOf(hold.document_id)),
    until: hold.until?.toISOString() ?? null,
    since: hold.created_at.toISOString(),
  }
}

const contextOf = (documentId: string) => `${documentId}/hold`
