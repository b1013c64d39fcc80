import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/**
 * A double of Qdrant's REST protocol, for machines without a Qdrant server.
 *
 * It IS a strict reader of requests: every path, query parameter and body that our adapter sends must fit the schemas below, which were written from
 * Qdrant's OpenAPI document (1.19); an unknown key, a missing vector name, a wrong dimension or a filter on a field without an index is answered 400
 * with the reason. And it gives the documented meaning to what the adapter uses: named dense and sparse vectors, cosine, IDF over a corpus filter,
 * prefetch, reciprocal rank fusion, filters, exact counts.
 * It IS NOT Qdrant: exact search in memory instead of HNSW, no persistence, no consistency levels, no speed, and only the part of the API that is used.
 * What only a server can show is shown by `npm run test:qdrant`.
 */
export interface QdrantDouble {
  url: string
  /** `METHOD path` of every request so far. */
  requests: readonly string[]
  close(): Promise<void>
}

const BODY_BYTES_MAX = 32 * 1024 * 1024

export async function startQdrantDouble(): Promise<QdrantDouble> {
  const collections = new Map<string, Collection>()
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    const { status, body } = await respond(collections, request, requests)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const Dense = z.array(z.number())
const Sparse = z.strictObject({ indices: z.array(z.int().min(0).max(0xffffffff)), values: z.array(z.number()) })
type Sparse = z.infer<typeof Sparse>
const Uuid = z.uuid()
const Distance = z.literal('Cosine')

const FieldCondition = z.union([
  z.strictObject({ key: z.string(), match: z.strictObject({ value: z.union([z.string(), z.int()]) }) }),
  z.strictObject({ key: z.string(), match: z.strictObject({ any: z.array(z.string()) }) }),
  z.strictObject({ key: z.string(), range: z.strictObject({ lt: z.number() }) }),
])
const Condition = z.union([FieldCondition, z.strictObject({ has_id: z.array(Uuid) })])
type Condition = z.infer<typeof Condition>
const Filter = z.strictObject({ must: z.array(Condition), must_not: z.array(Condition).optional() })
type Filter = z.infer<typeof Filter>

const Point = z.strictObject({
  id: Uuid,
  vector: z.record(z.string(), z.union([Dense, Sparse])),
  payload: z.record(z.string(), z.union([z.string(), z.int()])),
})
type Point = z.infer<typeof Point>

const Prefetch = z.strictObject({
  query: z.union([Dense, Sparse]),
  using: z.string(),
  filter: Filter,
  limit: z.int().min(1),
  params: z.strictObject({ idf: z.strictObject({ corpus: Filter }) }).optional(),
})
type Prefetch = z.infer<typeof Prefetch>

const Bodies = {
  createCollection: z.strictObject({
    vectors: z.record(z.string(), z.strictObject({ size: z.int().min(1), distance: Distance })),
    sparse_vectors: z.record(z.string(), z.strictObject({ modifier: z.literal('idf') })),
  }),
  createIndex: z.strictObject({
    field_name: z.string(),
    field_schema: z.union([
      z.strictObject({ type: z.literal('keyword'), is_tenant: z.boolean().optional() }),
      z.strictObject({ type: z.literal('integer') }),
    ]),
  }),
  createVector: z.strictObject({ dense: z.strictObject({ size: z.int().min(1).max(65_536), distance: Distance }) }),
  upsert: z.strictObject({ points: z.array(Point).min(1) }),
  delete: z.strictObject({ filter: Filter }),
  count: z.strictObject({ filter: Filter, exact: z.literal(true) }),
  query: z.strictObject({
    prefetch: z.array(Prefetch).min(1),
    query: z.strictObject({ rrf: z.strictObject({ k: z.int().min(1) }) }),
    filter: Filter,
    limit: z.int().min(1),
    with_payload: z.array(z.string()),
  }),
}

interface Collection {
  dense: Map<string, number>
  sparse: Set<string>
  indexes: Set<string>
  points: Map<string, Point>
}

class Refusal extends Error {
  readonly status: number
  constructor(status: number, reason: string) {
    super(reason)
    this.status = status
  }
}

async function respond(
  collections: Map<string, Collection>,
  request: IncomingMessage,
  requests: string[],
): Promise<{ status: number; body: unknown }> {
  try {
    const url = new URL(request.url ?? '/', 'http://double')
    requests.push(`${request.method} ${url.pathname}`)
    const body = await readBody(request)
    if (request.method === 'GET' && url.pathname === '/')
      return { status: 200, body: { title: 'qdrant protocol double', version: '1.19.0' } }
    const result = route(collections, request.method ?? '', url, body)
    return { status: 200, body: { result, status: 'ok', time: 0 } }
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500
    return { status, body: { status: { error: error instanceof Error ? error.message : String(error) }, time: 0 } }
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX) throw new Refusal(413, 'Payload too large')
    parts.push(part)
  }
  return bytes === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString('utf8'))
}

function route(collections: Map<string, Collection>, method: string, url: URL, body: unknown): unknown {
  const [root, name, ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent)
  if (root !== 'collections' || !name) throw new Refusal(404, `no such path: ${method} ${url.pathname}`)
  const action = `${method} ${rest.join('/')}`
  const found = collections.get(name)
  if (action === 'GET exists') return { exists: found !== undefined }
  if (action === 'PUT ') {
    if (found) throw new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`)
    collections.set(name, createCollection(parse(Bodies.createCollection, body)))
    return true
  }
  if (!found) throw new Refusal(404, `Not found: Collection \`${name}\` doesn't exist!`)
  switch (action) {
    case 'GET ':
      return describeCollection(found)
    case 'PUT index':
      waits(url)
      found.indexes.add(parse(Bodies.createIndex, body).field_name)
      return COMPLETED
    case 'PUT points':
      waits(url)
      upsert(found, parse(Bodies.upsert, body).points)
      return COMPLETED
    case 'POST points/delete':
      waits(url)
      for (const { id } of select(found, parse(Bodies.delete, body).filter)) found.points.delete(id)
      return COMPLETED
    case 'POST points/count':
      return { count: select(found, parse(Bodies.count, body).filter).length }
    case 'POST points/query':
      return { points: query(found, parse(Bodies.query, body)) }
    default:
      if (method === 'PUT' && rest[0] === 'vectors' && rest[1] && rest.length === 2) {
        waits(url)
        createVector(found, rest[1], parse(Bodies.createVector, body).dense.size)
        return COMPLETED
      }
      throw new Refusal(404, `no such path: ${method} ${url.pathname}`)
  }
}

const COMPLETED = { operation_id: 0, status: 'completed' }

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw new Refusal(400, `Format error in JSON body: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** Without `wait=true` Qdrant answers before the change can be read. */
function waits(url: URL): void {
  if (url.searchParams.get('wait') !== 'true') throw new Refusal(400, 'the adapter must write with wait=true')
}

function createCollection({ vectors, sparse_vectors }: z.infer<typeof Bodies.createCollection>): Collection {
  const dense = new Map(Object.entries(vectors).map(([name, { size }]) => [name, size]))
  return { dense, sparse: new Set(Object.keys(sparse_vectors)), indexes: new Set(), points: new Map() }
}

function createVector(collection: Collection, name: string, size: number): void {
  if (collection.dense.has(name)) throw new Refusal(400, `Wrong input: Vector \`${name}\` already exists`)
  collection.dense.set(name, size)
}

function describeCollection({ dense, sparse, indexes, points }: Collection): unknown {
  const vectors = Object.fromEntries([...dense].map(([name, size]) => [name, { size, distance: 'Cosine' }]))
  const sparse_vectors = Object.fromEntries([...sparse].map((name) => [name, { modifier: 'idf' }]))
  return {
    status: 'green',
    optimizer_status: 'ok',
    segments_count: 1,
    points_count: points.size,
    config: { params: { vectors, sparse_vectors }, hnsw_config: {}, optimizer_config: {} },
    payload_schema: Object.fromEntries([...indexes].map((field) => [field, {}])),
  }
}

function upsert(collection: Collection, points: readonly Point[]): void {
  for (const { vector } of points) {
    for (const [name, value] of Object.entries(vector)) checkVector(collection, name, value)
  }
  for (const point of points) collection.points.set(point.id, point)
}

function checkVector({ dense, sparse }: Collection, name: string, value: number[] | Sparse): void {
  if (Array.isArray(value)) {
    const size = dense.get(name)
    if (size === undefined) throw new Refusal(400, `Wrong input: Not existing vector name error: ${name}`)
    if (size !== value.length) throw new Refusal(400, `Wrong input: Vector dimension error: expected dim: ${size}, got ${value.length}`)
    return
  }
  if (!sparse.has(name)) throw new Refusal(400, `Wrong input: Not existing vector name error: ${name}`)
  if (value.indices.length !== value.values.length) throw new Refusal(400, 'Validation error: must be the same length as indices')
  if (new Set(value.indices).size !== value.indices.length) throw new Refusal(400, 'Validation error: indices must be unique')
}

function select(collection: Collection, filter: Filter): Point[] {
  for (const condition of [...filter.must, ...(filter.must_not ?? [])]) {
    if ('key' in condition && !collection.indexes.has(condition.key))
      throw new Refusal(400, `Index required but not found for "${condition.key}"`)
  }
  const holds = (point: Point) =>
    filter.must.every((condition) => satisfies(point, condition)) &&
    !(filter.must_not ?? []).some((condition) => satisfies(point, condition))
  return [...collection.points.values()].filter(holds)
}

function satisfies({ id, payload }: Point, condition: Condition): boolean {
  if ('has_id' in condition) return condition.has_id.includes(id)
  const value = payload[condition.key]
  if (value === undefined) return false
  if ('range' in condition) return Number(value) < condition.range.lt
  return 'any' in condition.match ? condition.match.any.some((wanted) => wanted === value) : condition.match.value === value
}

function query(collection: Collection, { prefetch, query, filter, limit, with_payload }: z.infer<typeof Bodies.query>): unknown[] {
  const allowed = new Set(select(collection, filter).map(({ id }) => id))
  const scores = new Map<string, number>()
  for (const leg of prefetch) {
    for (const [position, { id }] of rank(collection, leg).entries()) {
      // Qdrant counts positions from 0: lib/segment/src/common/reciprocal_rank_fusion.rs
      if (allowed.has(id)) scores.set(id, (scores.get(id) ?? 0) + 1 / (query.rrf.k + position))
    }
  }
  const best = [...scores].sort((a, b) => b[1] - a[1]).slice(0, limit)
  return best.map(([id, score]) => {
    const payload = Object.entries(collection.points.get(id)?.payload ?? {}).filter(([key]) => with_payload.includes(key))
    return { id, score, version: 0, payload: Object.fromEntries(payload) }
  })
}

function rank(collection: Collection, leg: Prefetch): Point[] {
  checkVector(collection, leg.using, leg.query)
  const score = Array.isArray(leg.query) ? cosineScorer(leg.query, leg.using) : sparseScorer(collection, leg.query, leg)
  const scored: { point: Point; score: number }[] = []
  for (const point of select(collection, leg.filter)) {
    const value = score(point)
    if (value !== null) scored.push({ point, score: value })
  }
  scored.sort((a, b) => b.score - a.score)
  return scored.slice(0, leg.limit).map(({ point }) => point)
}

type Scorer = (point: Point) => number | null

function cosineScorer(wanted: readonly number[], using: string): Scorer {
  return ({ vector }) => {
    const own = vector[using]
    if (!Array.isArray(own)) return null
    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
    return dot(wanted, own) / Math.sqrt(dot(wanted, wanted) * dot(own, own))
  }
}

/** The dot product over shared indices times the IDF of each, ln((N − n + ½) / (n + ½) + 1) over the corpus; a point that shares none is no result. */
function sparseScorer(collection: Collection, wanted: Sparse, { using, params }: Prefetch): Scorer {
  const corpus = params ? select(collection, params.idf.corpus) : [...collection.points.values()]
  const sparse = ({ vector }: Point): ReadonlyMap<number, number> => {
    const own = vector[using]
    if (own === undefined || Array.isArray(own)) return new Map()
    return new Map(own.indices.map((index, position) => [index, own.values[position] ?? 0]))
  }
  const withTokens = corpus.map(sparse).filter((own) => own.size > 0)
  const weights = wanted.indices.map((index, position) => {
    const holding = withTokens.filter((own) => own.has(index)).length
    return [index, (wanted.values[position] ?? 0) * Math.log((withTokens.length - holding + 0.5) / (holding + 0.5) + 1)] as const
  })
  return (point) => {
    const own = sparse(point)
    const shared = weights.filter(([index]) => own.has(index))
    return shared.length === 0 ? null : shared.reduce((sum, [index, weight]) => sum + weight * (own.get(index) ?? 0), 0)
  }
}
