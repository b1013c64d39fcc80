import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import { Pool } from 'pg'
import { AppError } from '../contracts/errors.ts'
import { type Declare, NOTHING_DECLARED } from '../policy/activities.ts'
import { APP_ROLE, SCHEMA, SYSTEM_ROLE } from './roles.ts'
import type { Tables } from './schema.ts'
import { thrifty } from './sessions.ts'

/** `declare`: what the register of activities says of an event (shared/policy/activities.ts); it comes with each transaction that events are appended in. */
export type Database = Kysely<Tables> & { readonly declare: Declare }
export type Tx = Transaction<Tables> & { readonly declare: Declare }

const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 15_000
/** A server that says nothing for so long is taken for gone, and its connection is closed: it answers with the timeout of a statement before that. */
const ANSWER_TIMEOUT_MS = 20_000
/** A process that stands still in a transaction loses it, and with it the locks that others wait for. */
const IDLE_IN_TRANSACTION_MS = 20_000
const CONNECTIONS_MAX = 16
/** The server's view of a client that is gone without a word: its host lost power, or the network parted them. */
export const SESSION_LIMITS = `-c idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_MS} -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3`
const UUID = /^[0-9a-f-]{36}$/

/** A pool whose every session works as the plain role: without a tenant it sees no rows. Rows are read through withTenant or withSystem only. */
export function openDatabase(serviceUrl: string, onError: (error: unknown) => void, declare: Declare = NOTHING_DECLARED): Database {
  const pool = new Pool({
    connectionString: serviceUrl,
    options: `-c role=${APP_ROLE} -c search_path=${SCHEMA} -c statement_timeout=${STATEMENT_TIMEOUT_MS} ${SESSION_LIMITS}`,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    max: CONNECTIONS_MAX,
    pipeline: true,
  })
  hearErrors(pool, onError)
  return Object.assign(new Kysely<Tables>({ dialect: new PostgresDialect({ pool: thrifty(pool) }) }), { declare })
}

/**
 * A connection may drop while it idles in the pool, and while a transaction holds it between two queries. Either way the next query on it fails and the
 * pool opens another; but unheard, the event would end the process.
 */
export function hearErrors(pool: Pool, onError: (error: unknown) => void): void {
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
}

/** One transaction that sees one tenant, an id of which nothing but the form is trusted. Throws AppError UNAVAILABLE when PostgreSQL cannot be reached. */
export async function withTenant<Result>(database: Database, tenantId: string, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  return reachable(() =>
    database.transaction().execute(async (tx) => {
      if (!UUID.test(tenantId)) throw new AppError('INTERNAL', 'a tenant id is a UUID')
      await sql`SET LOCAL app.tenant_id = ${sql.lit(tenantId)}`.execute(tx)
      return work(Object.assign(tx, { declare: database.declare }))
    }),
  )
}

/** One transaction across tenants, over identifiers and states alone (see migrate). */
export async function withSystem<Result>(database: Database, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  return reachable(() =>
    database.transaction().execute(async (tx) => {
      await sql`SET LOCAL ROLE ${sql.raw(SYSTEM_ROLE)}`.execute(tx)
      return work(Object.assign(tx, { declare: database.declare }))
    }),
  )
}

/** For a statement outside a transaction; both of the above use it. Throws AppError UNAVAILABLE when PostgreSQL cannot be reached. */
export async function reachable<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (isConnectionError(error))
      throw new AppError('UNAVAILABLE', 'the database did not answer in time', { cause: error, retryAfterSeconds: 5 })
    throw error
  }
}

/**
 * SQLSTATE classes 08 (connection), 57P (operator intervention), 53 (resources), 57014 and 25P03 (a statement or a transaction took too long, mostly
 * behind a lock) and 0A000 (migrated under a prepared statement; the connection is replaced), and what Node and pg say before there is a SQLSTATE.
 */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    /^(08|53|57P|57014|25P03|0A000)/.test(code) ||
    /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/.test(code) ||
    /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      error.message,
    )
  )
}
