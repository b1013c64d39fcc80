import { z } from 'zod'

const Dense = z.array(z.number())
const Sparse = z.strictObject({ indices: z.array(z.int().min(0).max(0xffffffff)), values: z.array(z.number()) })
export type Sparse = z.infer<typeof Sparse>
const Uuid = z.uuid()
const Distance = z.literal('Cosine')

const FieldCondition = z.union([
  z.strictObject({ key: z.string(), match: z.strictObject({ value: z.union([z.string(), z.int(), z.boolean()]) }) }),
  z.strictObject({ key: z.string(), match: z.strictObject({ any: z.array(z.string()) }) }),
  z.strictObject({ key: z.string(), range: z.strictObject({ lt: z.number() }) }),
])
const Condition = z.union([FieldCondition, z.strictObject({ has_id: z.array(Uuid) })])
export type Condition = z.infer<typeof Condition>
const Filter = z.strictObject({ must: z.array(Condition), must_not: z.array(Condition).optional() })
export type Filter = z.infer<typeof Filter>

const Point = z.strictObject({
  id: Uuid,
  vector: z.record(z.string(), z.union([Dense, Sparse])),
  payload: z.record(z.string(), z.union([z.string(), z.int(), z.boolean()])),
})
export type Point = z.infer<typeof Point>

const Prefetch = z.strictObject({
  query: z.union([Dense, Sparse]),
  using: z.string(),
  filter: Filter,
  limit: z.int().min(1),
  params: z.strictObject({ idf: z.strictObject({ corpus: Filter }) }).optional(),
})
export type Prefetch = z.infer<typeof Prefetch>

export const Bodies = {
  createCollection: z.strictObject({
    vectors: z.record(z.string(), z.strictObject({ size: z.int().min(1), distance: Distance })),
    sparse_vectors: z.record(z.string(), z.strictObject({ modifier: z.literal('idf') })),
    shard_number: z.int().min(1).optional(),
    replication_factor: z.int().min(1).optional(),
    write_consistency_factor: z.int().min(1).optional(),
  }),
  aliases: z.strictObject({
    actions: z
      .array(
        z.union([
          z.strictObject({ create_alias: z.strictObject({ alias_name: z.string(), collection_name: z.string() }) }),
          z.strictObject({ delete_alias: z.strictObject({ alias_name: z.string() }) }),
        ]),
      )
      .min(1),
  }),
  createIndex: z.strictObject({
    field_name: z.string(),
    field_schema: z.union([
      z.strictObject({ type: z.literal('keyword'), is_tenant: z.boolean().optional() }),
      z.strictObject({ type: z.enum(['integer', 'bool']) }),
    ]),
  }),
  createVector: z.strictObject({ dense: z.strictObject({ size: z.int().min(1).max(65_536), distance: Distance }) }),
  upsert: z.strictObject({ points: z.array(Point).min(1), update_filter: Filter.optional() }),
  retrieve: z.strictObject({ ids: z.array(Uuid), with_payload: z.union([z.literal(true), z.array(z.string())]), with_vector: z.boolean() }),
  scroll: z.strictObject({ limit: z.int().min(1), offset: Uuid.optional(), with_payload: z.array(z.string()), with_vector: z.boolean() }),
  delete: z.strictObject({ filter: Filter }),
  count: z.strictObject({ filter: Filter.optional(), exact: z.literal(true) }),
  query: z.strictObject({
    prefetch: z.array(Prefetch).min(1),
    query: z.strictObject({ rrf: z.strictObject({ k: z.int().min(1) }) }),
    filter: Filter,
    limit: z.int().min(1),
    with_payload: z.array(z.string()),
  }),
}
