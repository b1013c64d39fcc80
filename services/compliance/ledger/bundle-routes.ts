import { z } from 'zod'
import { AppError } from '../../../shared/contracts/errors.ts'
import { EventProofs, EventProofsQuestion } from '../../../shared/contracts/event-proofs.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'
import { type BundleServices, makeBundle } from './audit-bundle.ts'
import { proveEvents } from './proofs.ts'
import { tarOf } from './tar.ts'

const BundleQuestion = z.strictObject({
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  known_size: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
})

/** What an auditor takes away: the log, or single events of it, with everything that is needed to check them elsewhere. */
export function addBundleRoutes(server: HttpServer, services: BundleServices): void {
  const { database, tenants } = services
  const onRequest = authorize(database, 'records:read')

  server.get(
    '/v1/audit-bundle',
    {
      onRequest,
      schema: {
        tags: ['records'],
        summary: 'The log with its proofs, to be checked without this server',
        description:
          'A tar archive for `greffier verify`: every event recorded from `from` on and before `to`, or all of them, with signed checkpoint, proofs, registers, policy, and every earlier version of the rules that its events name. Its last file is the signed manifest; without it the download was cut off. `known_size` asks for the proof that the log has only grown since the checkpoint of that size. The making is itself an event.',
        querystring: BundleQuestion,
        response: { 200: z.any() },
      },
    },
    async ({ identity, query: { from = null, to = null, known_size: knownSize = null } }, reply) => {
      if (from !== null && to !== null && Date.parse(to) < Date.parse(from)) throw new AppError('INVALID_REQUEST', '`to` is before `from`')
      return reply
        .type('application/x-tar')
        .header('content-disposition', 'attachment; filename="audit-bundle.tar"')
        .send(tarOf(makeBundle(services, identity, { from, to, knownSize })))
    },
  )

  server.get(
    '/v1/documents/:id/proofs',
    {
      onRequest,
      schema: {
        tags: ['records'],
        summary: 'Each event of one document with a proof of its own',
        description:
          'Files of c2sp.org/tlog-proof@v1: handed on singly, each is checked with the verifier key of the log and nothing else.',
        params: z.object({ id: z.uuid() }),
        querystring: EventProofsQuestion,
        response: { 200: EventProofs },
      },
    },
    async ({ identity: { tenantId }, params, query: { cursor, limit } }) => {
      const keys = await tenants.keys(tenantId)
      return withTenant(database, tenantId, (tx) => proveEvents(tx, { tenantId, keys, documentId: params.id, cursor, limit }))
    },
  )
}
