import { z } from 'zod'
import { CostEstimate, CostEstimateRequest, CostGrouping, CostReport } from '../../shared/contracts/cost.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'
import { readCosts } from '../../shared/database/costs.ts'
import { readExperience } from '../../shared/database/experience.ts'
import type { Tenants } from '../../shared/database/tenants.ts'
import { estimate } from '../../shared/policy/estimate.ts'
import type { Rules } from '../../shared/policy/explain.ts'
import type { PriceList } from '../../shared/policy/prices.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'

export interface CostServices {
  database: Database
  tenants: Tenants
  rules: Rules
  prices: PriceList
}

/** What model calls cost, and what they will. */
export function addCostRoutes(server: HttpServer, { database, tenants, rules, prices }: CostServices): void {
  server.get(
    '/v1/costs',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags: ['records'],
        summary: 'What model calls cost, by processor, model, task and purpose',
        description:
          'Millionths of a euro, by the price list at the time of each call. `unpriced_calls` went to models without a price. `by` cuts the same sum another way.',
        querystring: z.strictObject({
          from: z.iso.datetime().optional(),
          to: z.iso.datetime().optional(),
          document_id: z.uuid().optional(),
          by: CostGrouping.optional(),
        }),
        response: { 200: CostReport },
      },
    },
    ({ identity, query: { from = null, to = null, document_id = null, by = null } }) => {
      const { tenantId } = identity
      return withTenant(database, tenantId, (tx) => readCosts(tx, { tenantId, from, to, documentId: document_id, by }))
    },
  )

  server.post(
    '/v1/costs/estimate',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags: ['records'],
        summary: 'What a batch of documents would probably cost, before it is uploaded',
        description:
          'Nothing is called. What your own record says of such documents goes before defaults, and `assumptions` names both. Classes and sensitivity that are left out are those that an upload would get.',
        body: CostEstimateRequest,
        response: { 200: CostEstimate },
      },
    },
    async ({ identity: { tenantId }, body: { documents, purpose, ...said } }) => {
      const defaults = await tenants.defaults(tenantId)
      const experience = await withTenant(database, tenantId, readExperience)
      const request = {
        data_classes: said.data_classes ?? defaults.data_classes,
        sensitivity: said.sensitivity ?? defaults.sensitivity,
        purpose,
        tenant_id: tenantId,
        day: new Date().toISOString().slice(0, 10),
      }
      return estimate(rules, prices, documents, request, experience)
    },
  )
}
