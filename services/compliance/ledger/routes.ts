import { z } from 'zod'
import { KeyExchange, LedgerKey } from '../../../shared/contracts/ledger.ts'
import { type Database, withTenant } from '../../../shared/database/connection.ts'
import { exchangeLogKey, readHead } from '../../../shared/database/ledger.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { authorize } from '../../../shared/runtime/auth.ts'
import type { HttpServer } from '../../../shared/runtime/http.ts'

interface LedgerServices {
  database: Database
  tenants: Tenants
}

/** The organisation's log: what it has signed, and by which keys. */
export function addLedgerRoutes(server: HttpServer, { database, tenants }: LedgerServices): void {
  server.get(
    '/v1/ledger/checkpoint',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags: ['records'],
        summary: 'The newest signed checkpoint of the log of events',
        description: 'A signed note (C2SP tlog-checkpoint) as text. Kept elsewhere, it shows later whether the log was rewritten.',
        response: { 200: z.string() },
      },
    },
    async ({ identity: { tenantId } }, reply) => {
      const keys = await tenants.keys(tenantId)
      const { checkpoint } = await withTenant(database, tenantId, (tx) => readHead(tx, tenantId, keys))
      return reply.type('text/plain; charset=utf-8').send(checkpoint)
    },
  )

  server.get(
    '/v1/ledger/key',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags: ['records'],
        summary: 'The key to check the log with',
        description: 'The verifier key to pin, and the statements by which each key followed from the one before, oldest first.',
        response: { 200: LedgerKey },
      },
    },
    async ({ identity: { tenantId } }) => {
      const keys = await tenants.keys(tenantId)
      const { origin, vkey, rotations } = await withTenant(database, tenantId, (tx) => readHead(tx, tenantId, keys))
      return { origin, vkey, rotations }
    },
  )

  server.post(
    '/v1/ledger/rotate-key',
    {
      onRequest: authorize(database, 'keys:manage'),
      schema: {
        tags: ['records'],
        summary: 'Exchange the key of the log',
        description: 'Both keys sign the statement; the old one is destroyed. Who pinned the old key can go on to the new one.',
        response: { 200: KeyExchange },
      },
    },
    async ({ identity }) => {
      const keys = await tenants.keys(identity.tenantId)
      return withTenant(database, identity.tenantId, (tx) => exchangeLogKey(tx, identity, keys))
    },
  )
}
