import { randomUUID } from 'node:crypto'
import type { Schemas } from '@qdrant/js-client-rest'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { byScoreThenId, candidates, RRF_K } from './fuse.ts'
import type { Point, RevisionScope, SearchQuery, SearchStore, SearchStoreHit } from './port.ts'
import { answering, connect, REQUEST_TIMEOUT_MS } from './qdrant-connection.ts'
import { createGenerations } from './qdrant-generations.ts'
import { denseName, ofDocument, ofRevision, POINTS_PER_REQUEST_MAX, SPARSE, stored } from './qdrant-points.ts'
import { createRebuild } from './qdrant-rebuild.ts'

/** IDF over one tenant's points (`params.idf.corpus`) came with this version. */
const SERVER_VERSION_MIN = { major: 1, minor: 19 }
/** Longer than a request may be under way. */
const SETTLE_MS = REQUEST_TIMEOUT_MS + 5_000

/**
 * The search store on a Qdrant server. One collection: every point has the sparse vector `tokens` and, where an embedder may see the document, one
 * dense vector `dense_<dimension>`, added to the collection when the dimension first comes up. So one query ranks all that a tenant has, whether it
 * has vectors or not. `collection` is an alias, behind which a rebuild exchanges the collection; `settleMs` is how long it waits for requests that were
 * under way then.
 * Errors: UNAVAILABLE (no answer in 30 s, refused key, server error, older than 1.19), INDEX_INCOMPLETE, INTERNAL (the server rejects the request).
 */
export function createQdrantSearch(options: {
  url: string
  apiKey?: string | undefined
  collection?: string | undefined
  settleMs?: number | undefined
}): SearchStore {
  const collection = options.collection ?? 'greffier'
  const client = connect(options.url, options.apiKey)
  const generations = createGenerations(client, collection)

  /** The only way to stored points but for a rebuild, which is of all tenants: no call below can leave the tenant out, because it never builds a filter itself. */
  function tenant(tenantId: string) {
    const filter = (conditions: Schemas['Condition'][], mustNot: Schemas['Condition'][] = []): Schemas['Filter'] => ({
      must: [{ key: 'tenant_id', match: { value: tenantId } }, ...conditions],
      ...(mustNot.length > 0 && { must_not: mustNot }),
    })
    return {
      count: (conditions: Schemas['Condition'][]) =>
        answering(async () => (await client.count(collection, { filter: filter(conditions), exact: true })).count),
      delete: (conditions: Schemas['Condition'][], except: string[] = []) =>
        answering(() =>
          client.delete(collection, { wait: true, filter: filter(conditions, except.length > 0 ? [{ has_id: except }] : []) }),
        ),
      upsert: (points: readonly Point[], revision: number, write: string) => {
        const written = points.map((point) => stored(point, { tenant_id: tenantId, revision, write }))
        return answering(() => client.upsert(collection, { wait: true, points: written }))
      },
      query: (legs: Leg[], conditions: Schemas['Condition'][], limit: number) =>
        answering(() =>
          client.query(collection, {
            prefetch: legs.map((leg) => ({
              query: leg.query,
              using: leg.using,
              filter: filter(conditions),
              limit: candidates(limit),
              ...(leg.using === SPARSE && { params: { idf: { corpus: filter([]) } } }),
            })),
            query: { rrf: { k: RRF_K } },
            filter: filter(conditions),
            limit,
            with_payload: ['document_id', 'revision'],
          }),
        ),
    }
  }

  async function replace(
    { tenant_id, document_id, revision }: RevisionScope,
    points: readonly Point[],
    expectTime: () => void = () => undefined,
  ): Promise<void> {
    await generations.ensure()
    for (const dimension of new Set(points.flatMap(({ vector }) => vector?.length ?? []))) await generations.ensureDense(dimension)
    const own = tenant(tenant_id)
    const write = randomUUID()
    for (let start = 0; start < points.length; start += POINTS_PER_REQUEST_MAX) {
      expectTime()
      await own.upsert(points.slice(start, start + POINTS_PER_REQUEST_MAX), revision, write)
    }
    const scope = ofRevision(document_id, revision)
    await own.delete(
      scope,
      points.map(({ id }) => id),
    )
    if ((await own.count(scope)) !== points.length) throw new AppError('INDEX_INCOMPLETE', 'the count after writing differs')
  }

  async function query({ tenant_id, vector, tokens, limit, document_ids }: SearchQuery): Promise<SearchStoreHit[]> {
    await generations.ensure()
    const legs: Leg[] = []
    if (vector && (await generations.hasDense(vector.length))) legs.push({ using: denseName(vector.length), query: [...vector] })
    if (tokens.size > 0) legs.push({ using: SPARSE, query: { indices: [...tokens.keys()], values: Array.from(tokens, () => 1) } })
    if (legs.length === 0) return []
    const conditions = document_ids ? [{ key: 'document_id', match: { any: [...document_ids] } }] : []
    const { points } = await tenant(tenant_id).query(legs, conditions, limit)
    return points.map(toHit).sort(byScoreThenId)
  }

  return {
    name: 'qdrant',
    replace,
    query,
    async count({ tenant_id, document_id, revision }) {
      await generations.ensure()
      return tenant(tenant_id).count(ofRevision(document_id, revision))
    },
    async countDocument({ tenant_id, document_id }) {
      await generations.ensure()
      return tenant(tenant_id).count([ofDocument(document_id)])
    },
    async remove({ tenant_id, document_id, beforeRevision }) {
      await generations.ensure()
      const older = beforeRevision === undefined ? [] : [{ key: 'revision', range: { lt: beforeRevision } }]
      await tenant(tenant_id).delete([ofDocument(document_id), ...older])
    },
    rebuild: createRebuild({ client, generations, settleMs: options.settleMs ?? SETTLE_MS }),
    async ping() {
      const { version } = await answering(() => client.versionInfo())
      const [major = 0, minor = 0] = version.split('.').map(Number)
      const newEnough = major > SERVER_VERSION_MIN.major || (major === SERVER_VERSION_MIN.major && minor >= SERVER_VERSION_MIN.minor)
      if (!newEnough) throw new AppError('UNAVAILABLE', `Qdrant 1.19 or later is needed, the server is ${version}`)
    },
    async close() {
      // The client holds no connection that outlives its keep-alive (10 s) and keeps no process running.
    },
  }
}

interface Leg {
  using: string
  query: number[] | Schemas['SparseVector']
}

const HitPayload = z.object({ document_id: z.string(), revision: z.int() })

function toHit(point: Schemas['ScoredPoint']): SearchStoreHit {
  const { document_id, revision } = HitPayload.parse(point.payload)
  return { id: String(point.id), document_id, revision, score: point.score }
}
