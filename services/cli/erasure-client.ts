import {
  ErasureList,
  ErasureView,
  HoldList,
  type HoldReason,
  HoldView,
  type NewErasure,
  type RestrictionGround,
  RestrictionView,
} from '../../shared/contracts/erasure.ts'
import { CertificateAnswer } from '../../shared/contracts/erasure-certificate.ts'
import { ClockConfirmed, RetentionPlan } from '../../shared/contracts/retention.ts'
import type { Http } from './http.ts'

/** A plan looks at every document. */
const PLAN_TIMEOUT_MS = 2 * 60_000

interface Page {
  limit?: number | undefined
  cursor?: string | undefined
}

/** The part of the HTTP API that is about erasure, as functions. */
export function createRightsClient(http: Http) {
  return {
    erase: (asked: NewErasure): Promise<ErasureView> =>
      http.json({ method: 'POST', path: '/v1/erasures', body: asked, repeatable: false }, ErasureView),
    erasures: (page: Page): Promise<ErasureList> => http.json({ ...listed('/v1/erasures', page) }, ErasureList),
    erasure: (id: string): Promise<ErasureView> => http.json({ method: 'GET', path: `/v1/erasures/${id}`, repeatable: true }, ErasureView),
    extend: (id: string, reason: string): Promise<ErasureView> =>
      http.json({ method: 'POST', path: `/v1/erasures/${id}/extend`, body: { reason }, repeatable: false }, ErasureView),
    certificate: (id: string): Promise<CertificateAnswer> =>
      http.json({ method: 'GET', path: `/v1/erasures/${id}/certificate`, repeatable: true }, CertificateAnswer),
    certificatePdf: async (id: string): Promise<Uint8Array> => {
      const path = `/v1/erasures/${id}/certificate`
      const response = await http.send({
        method: 'GET',
        path,
        query: { format: 'pdf' },
        headers: { accept: 'application/pdf' },
        repeatable: true,
      })
      return new Uint8Array(await response.arrayBuffer())
    },
    holds: (page: Page): Promise<HoldList> => http.json({ ...listed('/v1/holds', page) }, HoldList),
    hold: (id: string, hold: { reason: HoldReason; text?: string | undefined; until: string | null }): Promise<HoldView> =>
      http.json({ method: 'PUT', path: `/v1/documents/${id}/hold`, body: hold, repeatable: true }, HoldView),
    unhold: (id: string): Promise<void> => removed(http, `/v1/documents/${id}/hold`),
    restrict: (id: string, ground: RestrictionGround): Promise<RestrictionView> =>
      http.json({ method: 'PUT', path: `/v1/documents/${id}/restriction`, body: { ground }, repeatable: true }, RestrictionView),
    unrestrict: (id: string): Promise<void> => removed(http, `/v1/documents/${id}/restriction`),
    plan: (question: { at?: string | undefined; limit?: string; cursor?: string | undefined }): Promise<RetentionPlan> =>
      http.json(
        { method: 'GET', path: '/v1/retention/plan', query: question, timeoutMs: PLAN_TIMEOUT_MS, repeatable: true },
        RetentionPlan,
      ),
    confirmClock: (now: string): Promise<ClockConfirmed> =>
      http.json({ method: 'POST', path: '/v1/retention/confirm-clock', body: { now }, repeatable: false }, ClockConfirmed),
  }
}

function listed(path: string, { limit, cursor }: Page) {
  return { method: 'GET' as const, path, query: { limit: limit?.toString(), cursor }, repeatable: true }
}

async function removed(http: Http, path: string): Promise<void> {
  const response = await http.send({ method: 'DELETE', path, repeatable: true })
  await response.body?.cancel()
}
