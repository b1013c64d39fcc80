import type { FastifyRequest } from 'fastify'
import type { Scope } from '../contracts/access.ts'
import { AppError } from '../contracts/errors.ts'
import { authenticate } from '../database/api-keys.ts'
import type { Database } from '../database/connection.ts'

const BEARER = /^Bearer ([\w-]{1,200})$/i

/** A hook for a route: the bearer key (RFC 6750) must exist and carry `scope`; the tenant comes from the key alone. Throws UNAUTHENTICATED, SCOPE_MISSING. */
export function authorize(database: Database, scope: Scope): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const key = BEARER.exec(request.headers.authorization ?? '')?.[1]
    const identity = key === undefined ? null : await authenticate(database, key)
    if (!identity) throw new AppError('UNAUTHENTICATED')
    if (!identity.scopes.includes(scope)) throw new AppError('SCOPE_MISSING', `the scope ${scope} is needed`)
    request.identity = identity
  }
}
