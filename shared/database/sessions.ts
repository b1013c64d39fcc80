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
 * A pool whose connections save what a short transaction costs besides its work: BEGIN travels with the statement after it when that one has no
 * parameters, and a statement with parameters is parsed and planned once in a connection.
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
  let begun: 'no' | 'asked for' = 'no'
  let outdated = false
  const query = async (text: string, values: readonly unknown[]) => {
    if (text === 'begin') {
      begun = 'asked for'
      return NOTHING
    }
    const begin = begun === 'asked for'
    begun = 'no'
    if (values.length === 0) {
      if (!begin) return await client.query(text)
      return text === 'commit' || text === 'rollback' ? NOTHING : await client.query(`begin; ${text}`)
    }
    if (begin) await client.query('begin')
    try {
      return await client.query({ name: nameFor(text), text, values: [...values] } as never)
    } catch (error) {
      outdated ||= error instanceof Error && 'code' in error && error.code === PLAN_OUTDATED
      throw error
    }
  }
  return { query: query as unknown as PostgresPoolClient['query'], release: (destroy = false) => client.release(destroy || outdated) }
}

function nameOf(names: Map<string, string>, text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size >= PREPARED_MAX || text.length > PREPARED_CHARACTERS_MAX) return known
  const name = `greffier_${names.size}`
  names.set(text, name)
  return name
}
