import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { Bodies } from './qdrant-double-bodies.ts'
import {
  type Collection,
  createCollection,
  createVector,
  describeCollection,
  Refusal,
  retrieve,
  scroll,
  select,
  upsert,
} from './qdrant-double-collection.ts'
import { query } from './qdrant-double-query.ts'

/**
 * A double of Qdrant's REST protocol, for machines without a Qdrant server.
 *
 * It IS a strict reader of requests: every path, query parameter and body that our adapter sends must fit the schemas of qdrant-double-bodies.ts, which were written from
 * Qdrant's OpenAPI document (1.19); an unknown key, a missing vector name, a wrong dimension or a filter on a field without an index is answered 400
 * with the reason. And it gives the documented meaning to what the adapter uses: named dense and sparse vectors, cosine, IDF over a corpus filter,
 * prefetch, reciprocal rank fusion, filters, exact counts, aliases, scrolling.
 * It IS NOT Qdrant: exact search in memory instead of HNSW, no persistence, no consistency levels, no speed, and only the part of the API that is used.
 * What only a server can show is shown by `npm run test:qdrant`.
 */
export interface QdrantDouble {
  url: string
  /** `METHOD path` of every request so far. */
  requests: readonly string[]
  /** Called with `METHOD path` of each request before it is resolved and answered: a test acts at this moment. What it throws is answered 500. */
  before: (line: string) => Promise<void>
  close(): Promise<void>
}

const BODY_BYTES_MAX = 32 * 1024 * 1024

export async function startQdrantDouble(): Promise<QdrantDouble> {
  const stored: Stored = { collections: new Map(), aliases: new Map() }
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    const { status, body } = await respond(stored, request, (line) => double.before(line), requests)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const double: QdrantDouble = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    before: async () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return double
}

interface Stored {
  collections: Map<string, Collection>
  aliases: Map<string, string>
}

async function respond(
  stored: Stored,
  request: IncomingMessage,
  before: QdrantDouble['before'],
  requests: string[],
): Promise<{ status: number; body: unknown }> {
  try {
    const url = new URL(request.url ?? '/', 'http://double')
    requests.push(`${request.method} ${url.pathname}`)
    const body = await readBody(request)
    await before(`${request.method} ${url.pathname}`)
    if (request.method === 'GET' && url.pathname === '/')
      return { status: 200, body: { title: 'qdrant protocol double', version: '1.19.0' } }
    const result = route(stored, request.method ?? '', url, body)
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

function route(stored: Stored, method: string, url: URL, body: unknown): unknown {
  const { collections, aliases } = stored
  switch (`${method} ${url.pathname}`) {
    case 'GET /collections':
      return { collections: [...collections.keys()].map((name) => ({ name })) }
    case 'GET /aliases':
      return { aliases: [...aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name })) }
    case 'POST /collections/aliases':
      changeAliases(stored, parse(Bodies.aliases, body))
      return true
    case 'GET /snapshots':
      return []
  }
  const [root, name, ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent)
  if (root !== 'collections' || !name) throw new Refusal(404, `no such path: ${method} ${url.pathname}`)
  const action = `${method} ${rest.join('/')}`
  if (action === 'PUT ') {
    if (collections.has(name) || aliases.has(name)) throw new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`)
    collections.set(name, createCollection(parse(Bodies.createCollection, body)))
    return true
  }
  if (action === 'DELETE ') {
    for (const [alias, target] of aliases) if (target === name) aliases.delete(alias)
    return collections.delete(name)
  }
  const found = collections.get(aliases.get(name) ?? name)
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
      upsert(found, parse(Bodies.upsert, body))
      return COMPLETED
    case 'POST points/delete':
      waits(url)
      for (const { id } of select(found, parse(Bodies.delete, body).filter)) found.points.delete(id)
      return COMPLETED
    case 'POST points':
      return retrieve(found, parse(Bodies.retrieve, body))
    case 'POST points/scroll':
      return scroll(found, parse(Bodies.scroll, body))
    case 'GET snapshots':
      return found.snapshots.map((snapshot) => ({ name: snapshot, creation_time: null, size: 0, checksum: null }))
    case 'POST snapshots':
      found.snapshots.push(`${name}-${found.snapshots.length}.snapshot`)
      return { name: found.snapshots.at(-1), creation_time: null, size: 0, checksum: null }
    case 'POST points/count':
      return { count: select(found, parse(Bodies.count, body).filter ?? { must: [] }).length }
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

/** One after another, under one lock: no request is resolved in between. */
function changeAliases({ collections, aliases }: Stored, { actions }: z.infer<typeof Bodies.aliases>): void {
  for (const action of actions) {
    if ('delete_alias' in action) aliases.delete(action.delete_alias.alias_name)
    else {
      const { alias_name, collection_name } = action.create_alias
      if (!collections.has(collection_name)) throw new Refusal(404, `Not found: Collection \`${collection_name}\` doesn't exist!`)
      if (collections.has(alias_name)) throw new Refusal(409, `Wrong input: Collection \`${alias_name}\` already exists!`)
      aliases.set(alias_name, collection_name)
    }
  }
}
