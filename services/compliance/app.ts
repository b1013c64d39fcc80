import { z } from 'zod'
import { ApiKeyCreated, ApiKeyView, NewApiKey } from '../../shared/contracts/access.ts'
import { UploadDefaults } from '../../shared/contracts/document.ts'
import { AppError } from '../../shared/contracts/errors.ts'
import { createApiKey, listApiKeys, revokeApiKey } from '../../shared/database/api-keys.ts'
import { withTenant } from '../../shared/database/connection.ts'
import { ProcessorRegister } from '../../shared/policy/register.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'
import { addCostRoutes, type CostServices } from './costs.ts'
import { addExposureRoutes, type ExposureServices } from './exposure/routes.ts'
import { addBundleRoutes } from './ledger/bundle-routes.ts'
import { enclosuresOf, type RuleFiles } from './ledger/enclosures.ts'
import { addLedgerRoutes } from './ledger/routes.ts'
import type { ExportServices } from './records/export.ts'
import { addRecordRoutes } from './records/routes.ts'
import type { RegisterServices } from './register/report.ts'
import { addRegisterRoute } from './register/routes.ts'
import { addReplayRoute, type ReplayServices } from './replay.ts'
import { addRetentionRoutes, type RetentionRouteServices } from './retention/routes.ts'
import { addErasureRoutes, type ErasureServices } from './rights/erasures.ts'
import { addRectificationRoutes, type RectificationServices } from './rights/rectification.ts'
import { addRestrictionRoutes, type RestrictionServices } from './rights/restrictions.ts'
import { addSubjectRequestRoutes, type SubjectRequestServices } from './rights/subject-requests.ts'
import { addSubjectRoutes } from './rights/subjects.ts'

const Id = z.object({ id: z.uuid() })

interface ComplianceServices
  extends CostServices,
    ReplayServices,
    ErasureServices,
    RetentionRouteServices,
    RectificationServices,
    RestrictionServices,
    ExposureServices,
    SubjectRequestServices,
    ExportServices,
    RegisterServices,
    RuleFiles {}

/** The record of each document, the register of processors, and who may use the system: the routes of the compliance team. */
export function addCompliance(server: HttpServer, services: ComplianceServices): void {
  const { database, tenants, register, registerHash } = services
  server.get(
    '/v1/processors',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags: ['processors'],
        summary: 'The register of processors',
        description:
          'Who may be handed data, each fact with its source, the day it was read and a confidence. `register_hash` is what events name.',
        response: { 200: z.strictObject({ ...ProcessorRegister.shape, register_hash: z.string() }) },
      },
    },
    async () => ({ ...register, register_hash: registerHash }),
  )

  addRecordRoutes(server, services)
  addCostRoutes(server, services)
  addReplayRoute(server, services)
  addRegisterRoute(server, services)
  addErasureRoutes(server, services)
  addRectificationRoutes(server, services)
  addRestrictionRoutes(server, services)
  addRetentionRoutes(server, services)
  addExposureRoutes(server, services)
  addSubjectRoutes(server, services)
  addSubjectRequestRoutes(server, services)
  addLedgerRoutes(server, services)
  addBundleRoutes(server, { database, tenants, enclosures: enclosuresOf(services) })

  const manage = authorize(database, 'keys:manage')
  server.get(
    '/v1/defaults',
    {
      onRequest: authorize(database, 'documents:read'),
      schema: {
        tags: ['documents'],
        summary: 'What is assumed of a document whose upload does not say',
        response: { 200: UploadDefaults },
      },
    },
    ({ identity }) => tenants.defaults(identity.tenantId),
  )
  server.put(
    '/v1/defaults',
    {
      onRequest: manage,
      schema: {
        tags: ['documents'],
        summary: 'Choose what is assumed of a document whose upload does not say',
        description: 'Every process knows it within five seconds. Documents that are here already keep what was assumed of them.',
        body: UploadDefaults,
        response: { 200: UploadDefaults },
      },
    },
    async ({ identity, body }) => {
      await tenants.setDefaults(identity.tenantId, body)
      return body
    },
  )
  server.post(
    '/v1/keys',
    {
      onRequest: manage,
      schema: { tags: ['keys'], summary: 'Create an API key; it is shown this once', body: NewApiKey, response: { 201: ApiKeyCreated } },
    },
    async ({ identity, body }, reply) => {
      const beyond = body.scopes.find((scope) => !identity.scopes.includes(scope))
      if (beyond) throw new AppError('SCOPE_MISSING', `a key cannot give ${beyond}, which it does not have`)
      const created = await withTenant(database, identity.tenantId, (tx) => createApiKey(tx, identity.tenantId, body.name, body.scopes))
      return reply.status(201).send(created)
    },
  )
  server.get(
    '/v1/keys',
    {
      onRequest: manage,
      schema: { tags: ['keys'], summary: 'List API keys', response: { 200: z.strictObject({ keys: z.array(ApiKeyView) }) } },
    },
    async ({ identity }) => ({ keys: await withTenant(database, identity.tenantId, listApiKeys) }),
  )
  server.delete(
    '/v1/keys/:id',
    { onRequest: manage, schema: { tags: ['keys'], summary: 'Revoke an API key', params: Id, response: { 204: z.null() } } },
    async ({ identity, params }, reply) => {
      await withTenant(database, identity.tenantId, (tx) => revokeApiKey(tx, params.id))
      return reply.status(204).send(null)
    },
  )
}
