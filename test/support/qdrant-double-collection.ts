import type { z } from 'zod'
import type { Bodies, Condition, Filter, Point, Sparse } from './qdrant-double-bodies.ts'

export interface Collection {
  dense: Map<string, number>
  sparse: Set<string>
  indexes: Set<string>
  points: Map<string, Point>
  snapshots: string[]
}

export class Refusal extends Error {
  readonly status: number
  constructor(status: number, reason: string) {
    super(reason)
    this.status = status
  }
}

export function createCollection({ vectors, sparse_vectors }: z.infer<typeof Bodies.createCollection>): Collection {
  const dense = new Map(Object.entries(vectors).map(([name, { size }]) => [name, size]))
  return { dense, sparse: new Set(Object.keys(sparse_vectors)), indexes: new Set(), points: new Map(), snapshots: [] }
}

export function createVector(collection: Collection, name: string, size: number): void {
  if (collection.dense.has(name)) throw new Refusal(400, `Wrong input: Vector \`${name}\` already exists`)
  collection.dense.set(name, size)
}

export function describeCollection({ dense, sparse, indexes, points }: Collection): unknown {
  const vectors = Object.fromEntries([...dense].map(([name, size]) => [name, { size, distance: 'Cosine' }]))
  const sparse_vectors = Object.fromEntries([...sparse].map((name) => [name, { modifier: 'idf' }]))
  return {
    status: 'green',
    optimizer_status: 'ok',
    segments_count: 1,
    points_count: points.size,
    config: {
      params: { vectors, sparse_vectors, shard_number: 1, replication_factor: 1, write_consistency_factor: 1 },
      hnsw_config: {},
      optimizer_config: {},
    },
    payload_schema: Object.fromEntries([...indexes].map((field) => [field, {}])),
  }
}

/** With `update_filter`, a point that is there is replaced only if it fits; one that is not there is written in any case. */
export function upsert(collection: Collection, { points, update_filter }: z.infer<typeof Bodies.upsert>): void {
  for (const { vector } of points) {
    for (const [name, value] of Object.entries(vector)) checkVector(collection, name, value)
  }
  const replaceable = update_filter ? new Set(select(collection, update_filter).map(({ id }) => id)) : null
  for (const point of points)
    if (!replaceable || replaceable.has(point.id) || !collection.points.has(point.id)) collection.points.set(point.id, point)
}

export function retrieve(collection: Collection, { ids, ...selected }: z.infer<typeof Bodies.retrieve>): unknown[] {
  return ids.flatMap((id) => {
    const point = collection.points.get(id)
    return point ? [recordOf(point, selected)] : []
  })
}

/** In the order of ids, from `offset` on. */
export function scroll(collection: Collection, { limit, offset = '', ...selected }: z.infer<typeof Bodies.scroll>): unknown {
  const ids = [...collection.points.keys()].filter((id) => id >= offset).sort()
  const points = retrieve(collection, { ids: ids.slice(0, limit), ...selected })
  return { points, next_page_offset: ids[limit] ?? null }
}

function recordOf(
  { id, vector, payload }: Point,
  { with_payload, with_vector }: Pick<z.infer<typeof Bodies.retrieve>, 'with_payload' | 'with_vector'>,
) {
  const shown = Object.entries(payload).filter(([key]) => with_payload === true || with_payload.includes(key))
  return { id, payload: Object.fromEntries(shown), ...(with_vector && { vector }) }
}

export function checkVector({ dense, sparse }: Collection, name: string, value: number[] | Sparse): void {
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

export function select(collection: Collection, filter: Filter): Point[] {
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
