import type { Writable } from 'node:stream'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { Pool, PoolClient } from 'pg'

/** Statements that a connection keeps prepared, each some 30 kB in the server; later ones are sent as they are. */
const PREPARED_MAX = 200
/** A longer text is an insert of many rows: there are as many of those as there are numbers of rows. */
const PREPARED_CHARACTERS_MAX = 2_000
const NOTHING = { command: 'SELECT' as const, rowCount: 0, rows: [] }
/** feature_not_supported: what a prepared statement returns has changed, because a newer version migrated the database. */
const PLAN_OUTDATED = '0A000'

/**
 * A pool whose connections save what a short transaction costs besides its work: BEGIN and SET LOCAL travel with the statement after them, and a
 * statement with parameters is parsed and planned once in a connection. Wants a pool of clients in pipeline mode. Where the server refuses what came
 * before, the statement has been sent: it then runs without a tenant, for which there are no rows, and its result is dropped.
 */
export function thrifty(pool: Pool): PostgresPool {
  const names = new Map<string, string>()
  const sessions = new WeakMap<PoolClient, PostgresPoolClient>()
  return {
    connect: async () => {
      const client = await pool.connect()
      const session = sessions.get(client) ?? createSession(client, (text) => nameOf(names, text))
      sessions.set(client, session)
      return session
    },
    end: () => pool.end(),
    options: pool.options,
  }
}

function createSession(client: PoolClient, nameFor: (text: string) => string | undefined): PostgresPoolClient {
  let held = ''
  let outdated = false
  const query = async (text: string, values: readonly unknown[]) => {
    if (text === 'begin' || (held !== '' && text.startsWith('SET LOCAL '))) {
      held += `${text}; `
      return NOTHING
    }
    const before = held
    held = ''
    if (before !== '' && (text === 'commit' || text === 'rollback')) return NOTHING
    if (values.length === 0) return last(await client.query(before + text))
    const send = () => client.query({ name: nameFor(text), text, values: [...values] } as never)
    try {
      return await (before === ''
        ? send()
        : inOnePacket(client, () => Promise.all([client.query(before), send()]).then(([, result]) => result)))
    } catch (error) {
      outdated ||= error instanceof Error && 'code' in error && error.code === PLAN_OUTDATED
      throw error
    }
  }
  return { query: query as unknown as PostgresPoolClient['query'], release: (destroy = false) => client.release(destroy || outdated) }
}

/** The driver keeps its socket to itself, and writes to it for each query. */
function inOnePacket<Result>(client: PoolClient, send: () => Promise<Result>): Promise<Result> {
  const { stream } = (client as unknown as { connection: { stream: Writable } }).connection
  stream.cork()
  try {
    return send()
  } finally {
    stream.uncork()
  }
}

/** Of a text of several statements there is one result each. */
function last<Result>(results: Result | Result[]): Result | undefined {
  return Array.isArray(results) ? results.at(-1) : results
}

function nameOf(names: Map<string, string>, text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size >= PREPARED_MAX || text.length > PREPARED_CHARACTERS_MAX) return known
  const name = `greffier_${names.size}`
  names.set(text, name)
  return name
}
