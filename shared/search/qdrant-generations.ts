import type { QdrantClient, Schemas } from '@qdrant/js-client-rest'
import { AppError } from '../contracts/errors.ts'
import { answering } from './qdrant-connection.ts'
import { denseName, dimensionOf, SPARSE } from './qdrant-points.ts'

/** What a filter may name. `copied`: a rebuild brought the point here, and nobody has written it since. */
const INDEXES = {
  tenant_id: { type: 'keyword', is_tenant: true },
  document_id: { type: 'keyword' },
  revision: { type: 'integer' },
  copied: { type: 'bool' },
} as const satisfies Record<string, Schemas['PayloadSchemaParams']>

export type Generations = ReturnType<typeof createGenerations>

/**
 * The collection is a generation behind an alias: `greffier` leads to `greffier-1`, after a rebuild to `greffier-2`. The server resolves an alias at
 * each request and switches it at once, so nobody but a rebuild needs to know which one it is. Every step may be run twice or by two processes at once.
 */
export function createGenerations(client: QdrantClient, alias: string) {
  const dense = new Set<string>()
  let ready: Promise<void> | null = null

  const nameOf = (number: number): string => `${alias}-${number}`
  const numberOf = (name: string): number => {
    const digits = name.startsWith(`${alias}-`) ? name.slice(alias.length + 1) : ''
    return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : 0
  }

  /** The numbers of all that exist, ascending. */
  async function list(): Promise<number[]> {
    const { collections } = await answering(() => client.getCollections())
    return collections
      .map(({ name }) => numberOf(name))
      .filter((number) => number > 0)
      .sort((a, b) => a - b)
  }

  /** The number of the one that the alias leads to; null where there is no alias yet. */
  async function current(): Promise<number | null> {
    const { aliases } = await answering(() => client.getAliases())
    const found = aliases.find(({ alias_name }) => alias_name === alias)
    if (!found) return null
    const number = numberOf(found.collection_name)
    if (number === 0) throw new AppError('UNAVAILABLE', 'the alias of the search store leads to a collection of somebody else')
    return number
  }

  async function createFirst(): Promise<number> {
    const [oldest = 1] = await list()
    await unlessMadeMeanwhile(
      async () => (await list()).includes(oldest),
      () => client.createCollection(nameOf(oldest), { vectors: {}, sparse_vectors: { [SPARSE]: { modifier: 'idf' } } }),
    )
    // Whoever comes late finds the alias, which may have gone on to a later generation, and leaves it alone.
    const meanwhile = await current()
    if (meanwhile !== null) return meanwhile
    await answering(() => client.updateCollectionAliases({ actions: [pointTo(oldest)] }))
    return oldest
  }

  const pointTo = (number: number) => ({ create_alias: { alias_name: alias, collection_name: nameOf(number) } })

  async function index(number: number): Promise<void> {
    for (const [field_name, field_schema] of Object.entries(INDEXES))
      await answering(() => client.createPayloadIndex(nameOf(number), { wait: true, field_name, field_schema }))
  }

  async function denseOf(name: string): Promise<NonNullable<Schemas['VectorsConfig']>> {
    const { config } = await answering(() => client.getCollection(name))
    return config.params.vectors ?? {}
  }

  async function hasDense(dimension: number): Promise<boolean> {
    const name = denseName(dimension)
    if (!dense.has(name)) for (const known of Object.keys(await denseOf(alias))) dense.add(known)
    return dense.has(name)
  }

  async function addDense(collection: string, dimension: number, isThere: () => Promise<boolean>): Promise<void> {
    const config = { dense: { size: dimension, distance: 'Cosine' as const } }
    await unlessMadeMeanwhile(isThere, () => client.createVectorName(collection, denseName(dimension), config, { wait: true }))
  }

  return {
    nameOf,
    list,
    current,
    hasDense,
    async ensure(): Promise<void> {
      ready ??= current().then(async (number) => index(number ?? (await createFirst())))
      try {
        await ready
      } catch (error) {
        ready = null
        throw error
      }
    },
    async ensureDense(dimension: number): Promise<void> {
      if (!(await hasDense(dimension))) await addDense(alias, dimension, () => hasDense(dimension))
    },
    /** An empty generation that is laid out as another one. What an operator set for its optimizer or HNSW graph by hand is set by hand again. */
    async createLike(number: number, model: number): Promise<void> {
      const { config } = await answering(() => client.getCollection(nameOf(model)))
      const { vectors = {}, sparse_vectors, shard_number, replication_factor, write_consistency_factor } = config.params
      const layout = { vectors, sparse_vectors, shard_number, replication_factor, write_consistency_factor }
      const given = Object.fromEntries(Object.entries(layout).filter(([, value]) => value !== undefined && value !== null))
      await answering(() => client.createCollection(nameOf(number), given))
      await index(number)
    },
    /** Gives a generation the vectors that another one was given meanwhile. */
    async matchDense(number: number, model: number): Promise<void> {
      const missing = async () => {
        const there = Object.keys(await denseOf(nameOf(number)))
        return Object.keys(await denseOf(nameOf(model))).filter((name) => !there.includes(name))
      }
      for (const name of await missing()) await addDense(nameOf(number), dimensionOf(name), async () => !(await missing()).includes(name))
    },
    async switchTo(number: number): Promise<void> {
      await answering(() => client.updateCollectionAliases({ actions: [{ delete_alias: { alias_name: alias } }, pointTo(number)] }))
    },
    /** The alias leads elsewhere: a generation that is in use is not dropped. */
    async drop(number: number): Promise<void> {
      if ((await current()) === number) throw new AppError('INTERNAL', 'the collection is in use')
      await answering(() => client.deleteCollection(nameOf(number)))
    },
    /** Snapshots of all generations, and those of the whole server. */
    async countSnapshots(): Promise<number> {
      let count = (await answering(() => client.listFullSnapshots())).length
      for (const number of await list()) count += (await answering(() => client.listSnapshots(nameOf(number)))).length
      return count
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
