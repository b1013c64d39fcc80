import { QdrantClient, type Schemas } from '@qdrant/js-client-rest'
import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { byScoreThenId, candidates, RRF_K } from './fuse.ts'
import type { Point, RevisionScope, SearchQuery, SearchStore, SearchStoreHit, TokenCounts } from './port.ts'

/** About 3 MB of JSON at 1,024 dimensions; a server refuses bodies over 32 MB (service.max_request_size_mb). */
const POINTS_PER_REQUEST_MAX = 256
const REQUEST_TIMEOUT_MS = 30_000
/** IDF over one tenant's points (`params.idf.corpus`) came with this version. */
const SERVER_VERSION_MIN = { major: 1, minor: 19 }

const SPARSE = 'tokens'
const denseName = (dimension: number): string => `dense_${dimension}`

/**
 * The search store on a Qdrant server. One collection: every point has the sparse vector `tokens` and, where an embedder may see the document, one
 * dense vector `dense_<dimension>`, added to the collection when the dimension first comes up. So one query ranks all that a tenant has, whether it
 * has vectors or not. `url` may carry a path; without a port it is 6333.
 * Errors: UNAVAILABLE (no answer in 30 s, refused key, server error, older than 1.19), INDEX_INCOMPLETE, INTERNAL (the server rejects the request).
 */
export function createQdrantSearch(options: { url: string; apiKey?: string | undefined; collection?: string | undefined }): SearchStore {
  const collection = options.collection ?? 'greffier'
  const client = connect(options.url, options.apiKey)
  const schema = createSchema(client, collection)

  /** The only way to stored points: no call below can leave the tenant out, because it never builds a filter itself. */
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
      upsert: (points: readonly Point[], revision: number) =>
        answering(() => client.upsert(collection, { wait: true, points: points.map((point) => stored(point, tenantId, revision)) })),
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
    await schema.ensureCollection()
    for (const dimension of new Set(points.flatMap(({ vector }) => vector?.length ?? []))) await schema.ensureDense(dimension)
    const own = tenant(tenant_id)
    for (let start = 0; start < points.length; start += POINTS_PER_REQUEST_MAX) {
      expectTime()
      await own.upsert(points.slice(start, start + POINTS_PER_REQUEST_MAX), revision)
    }
    const scope = ofRevision(document_id, revision)
    await own.delete(
      scope,
      points.map(({ id }) => id),
    )
    if ((await own.count(scope)) !== points.length) throw new AppError('INDEX_INCOMPLETE', 'the count after writing differs')
  }

  async function query({ tenant_id, vector, tokens, limit, document_ids }: SearchQuery): Promise<SearchStoreHit[]> {
    await schema.ensureCollection()
    const legs: Leg[] = []
    if (vector && (await schema.hasDense(vector.length))) legs.push({ using: denseName(vector.length), query: [...vector] })
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
      await schema.ensureCollection()
      return tenant(tenant_id).count(ofRevision(document_id, revision))
    },
    async countDocument({ tenant_id, document_id }) {
      await schema.ensureCollection()
      return tenant(tenant_id).count([ofDocument(document_id)])
    },
    async remove({ tenant_id, document_id, beforeRevision }) {
      await schema.ensureCollection()
      const older = beforeRevision === undefined ? [] : [{ key: 'revision', range: { lt: beforeRevision } }]
      await tenant(tenant_id).delete([ofDocument(document_id), ...older])
    },
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

/** Creates what is missing, once per process. Every step may be run twice or by two processes at once. */
function createSchema(client: QdrantClient, collection: string) {
  const dense = new Set<string>()
  let ready: Promise<void> | null = null

  async function create(): Promise<void> {
    if (!(await exists())) {
      await unlessMadeMeanwhile(exists, () =>
        client.createCollection(collection, { vectors: {}, sparse_vectors: { [SPARSE]: { modifier: 'idf' } } }),
      )
    }
    await index('tenant_id', { type: 'keyword', is_tenant: true })
    await index('document_id', { type: 'keyword' })
    await index('revision', { type: 'integer' })
  }

  const exists = () => answering(async () => (await client.collectionExists(collection)).exists)

  const index = (field_name: string, field_schema: Schemas['PayloadSchemaParams']) =>
    answering(() => client.createPayloadIndex(collection, { wait: true, field_name, field_schema }))

  async function hasDense(dimension: number): Promise<boolean> {
    const name = denseName(dimension)
    if (dense.has(name)) return true
    const { config } = await answering(() => client.getCollection(collection))
    for (const known of Object.keys(config.params.vectors ?? {})) dense.add(known)
    return dense.has(name)
  }

  return {
    hasDense,
    async ensureCollection(): Promise<void> {
      ready ??= create()
      try {
        await ready
      } catch (error) {
        ready = null
        throw error
      }
    },
    async ensureDense(dimension: number): Promise<void> {
      if (await hasDense(dimension)) return
      const config = { dense: { size: dimension, distance: 'Cosine' as const } }
      await unlessMadeMeanwhile(
        () => hasDense(dimension),
        () => client.createVectorName(collection, denseName(dimension), config, { wait: true }),
      )
    },
  }
}

/** Another process may create the same thing between our look and our request: the refusal is then no error. */
async function unlessMadeMeanwhile(isThere: () => Promise<boolean>, make: () => Promise<unknown>): Promise<void> {
  try {
    await answering(make)
  } catch (error) {
    if (!(await isThere())) throw error
  }
}

function connect(url: string, apiKey: string | undefined): QdrantClient {
  const { origin, pathname } = new URL(url)
  const prefix = pathname.replace(/\/+$/, '')
  return new QdrantClient({
    url: origin,
    ...(prefix !== '' && { prefix }),
    ...(apiKey !== undefined && { apiKey }),
    timeout: REQUEST_TIMEOUT_MS,
    checkCompatibility: false,
  })
}

function ofDocument(documentId: string): Schemas['Condition'] {
  return { key: 'document_id', match: { value: documentId } }
}

function ofRevision(documentId: string, revision: number): Schemas['Condition'][] {
  return [ofDocument(documentId), { key: 'revision', match: { value: revision } }]
}

function stored(point: Point, tenant_id: string, revision: number): Schemas['PointStruct'] {
  const { vector, tokens } = point
  return {
    id: point.id,
    vector: {
      ...(vector && { [denseName(vector.length)]: [...vector] }),
      ...(tokens.size > 0 && { [SPARSE]: termWeights(tokens) }),
    },
    payload: { tenant_id, document_id: point.document_id, revision },
  }
}

/**
 * The part of BM25 that belongs to the point; the server multiplies by the IDF at query time (`modifier: idf`). k1 and b as in Robertson, Zaragoza:
 * The Probabilistic Relevance Framework, 2009, section 3.3; the mean length is fixed, because a stored weight can't follow a collection that grows:
 * 256 is the default of Qdrant's own BM25 (fastembed, `avg_len`).
 */
function termWeights(tokens: TokenCounts): Schemas['SparseVector'] {
  let length = 0
  for (const count of tokens.values()) length += count
  const norm = BM25_K1 * (1 - BM25_B + (BM25_B * length) / LENGTH_MEAN_TOKENS)
  return { indices: [...tokens.keys()], values: Array.from(tokens.values(), (count) => (count * (BM25_K1 + 1)) / (count + norm)) }
}

const BM25_K1 = 1.2
const BM25_B = 0.75
const LENGTH_MEAN_TOKENS = 256

const HitPayload = z.object({ document_id: z.string(), revision: z.int() })

function toHit(point: Schemas['ScoredPoint']): SearchStoreHit {
  const { document_id, revision } = HitPayload.parse(point.payload)
  return { id: String(point.id), document_id, revision, score: point.score }
}

/** A 4xx for our request is our fault and stays; everything else may pass: connection, time-out, key, overload, a collection that is not there yet. */
async function answering<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (cause) {
    const status = cause instanceof Error && 'status' in cause ? Number(cause.status) : null
    const detail = status === null ? 'the search server does not answer' : `the search server answered with status ${status}`
    const retryAfterSeconds = cause instanceof Error && 'retry_after' in cause ? Number(cause.retry_after) : undefined
    const ours = status !== null && REQUEST_FAULTS.has(status)
    throw new AppError(ours ? 'INTERNAL' : 'UNAVAILABLE', detail, { cause, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) })
  }
}

const REQUEST_FAULTS: ReadonlySet<number> = new Set([400, 405, 409, 413, 422])
