import { AppError } from '../../shared/contracts/errors.ts'
import { PolicyReplay, PolicyReplayRequest } from '../../shared/contracts/replay.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'
import { type PastCallsPage, readPastCalls } from '../../shared/database/past-calls.ts'
import type { Rules } from '../../shared/policy/explain.ts'
import type { Policy } from '../../shared/policy/policy.ts'
import { createReplay } from '../../shared/policy/replay.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'
import { PolicyFileError, parsePolicy } from '../../shared/runtime/policy-files.ts'

/** Calls that one request judges: some seconds of work. A longer record is replayed period by period. */
const CALLS_MAX = 100_000

export interface ReplayServices {
  database: Database
  rules: Rules
  registerHash: string
}

/** What another policy would have done to the calls on record. */
export function addReplayRoute(server: HttpServer, { database, rules, registerHash }: ReplayServices): void {
  server.post(
    '/v1/policy/replay',
    {
      onRequest: authorize(database, 'records:read'),
      schema: {
        tags: ['processors'],
        summary: 'Judge past model calls by another policy',
        description:
          'Nothing is called and nothing changes. Each provider that was asked counts as a call, those that were refused included. The register and the declarations are those of today; the day is today, or with `as_of_call` that of each call. What the record does not tell is counted as unknown, never as allowed.',
        body: PolicyReplayRequest,
        response: { 200: PolicyReplay },
      },
    },
    async ({ identity: { tenantId }, body: { policy: text, from = null, to = null, as_of_call } }) => {
      const { policy, policyHash } = parsed(text)
      const replay = createReplay({ ...rules, policy }, as_of_call ? null : new Date().toISOString().slice(0, 10))
      let after: string | null = null
      let until: string | null = null
      let read = 0
      do {
        const position: string | null = after
        const page: PastCallsPage = await withTenant(database, tenantId, (tx) => readPastCalls(tx, { tenantId, from, to, after: position }))
        for (const call of page.calls) replay.add(call)
        read += page.calls.length
        after = page.after
        until = page.until ?? until
      } while (after !== null && read < CALLS_MAX)
      return {
        policy: { name: policy.name, version: policy.version, hash: policyHash },
        register_hash: registerHash,
        from,
        to,
        as_of_call,
        ...replay.result(),
        complete: after === null,
        judged_until: after === null ? null : until,
      }
    },
  )
}

function parsed(text: string): { policy: Policy; policyHash: string } {
  try {
    return parsePolicy('policy', text)
  } catch (error) {
    if (error instanceof PolicyFileError)
      throw new AppError('INVALID_REQUEST', error.message, { cause: error, extra: { problems: error.message.split('\n') } })
    throw error
  }
}
