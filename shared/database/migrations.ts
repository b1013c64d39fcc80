import { Client } from 'pg'
import { FOUNDATION } from './migrations/0001-foundation.ts'
import { FIND_API_KEY } from './migrations/0002-find-api-key.ts'
import { LOCK_ARTIFACTS } from './migrations/0003-lock-artifacts.ts'
import { TENANT_DEFAULTS } from './migrations/0004-tenant-defaults.ts'
import { LIMITS_AND_BUDGETS } from './migrations/0005-limits-and-budgets.ts'
import { PAGES_READ } from './migrations/0006-pages-read.ts'
import { EXTRACTION_SCHEMAS } from './migrations/0007-extraction-schemas.ts'
import { LEDGER } from './migrations/0008-ledger.ts'
import { RIGHTS } from './migrations/0009-rights.ts'
import { SUBJECTS } from './migrations/0010-subjects.ts'
import { RECORDS } from './migrations/0011-records.ts'
import { REGISTER } from './migrations/0012-register.ts'
import { RETENTION } from './migrations/0013-retention.ts'
import { RECTIFICATION } from './migrations/0014-rectification.ts'
import { MARKS } from './migrations/0015-marks.ts'
import { STORE_REBUILDS } from './migrations/0016-store-rebuilds.ts'
import { APP_ROLE, SCHEMA, SYSTEM_ROLE } from './roles.ts'

/** Serialises migrations of processes that start together ("grf" in ASCII); arbitrary, but fixed for ever. */
const MIGRATION_LOCK = 0x677266

/**
 * Brings the database to the newest version, as its owner, under an advisory lock. Safe to run from every process at every start.
 *
 * Two plain roles use what it makes. `greffier_app` sees one tenant at a time: row-level security compares each row with the setting
 * `app.tenant_id`, and without the setting there are no rows. `greffier_system` serves the dispatcher, the sweeper and authentication, which
 * work across tenants: it reads and writes identifiers, times and states, and has no grant on any sealed column.
 */
export async function migrate(ownerUrl: string, serviceUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerUrl })
  // What goes wrong while it works fails the statement; while it is between two, this event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`)
    await client.query(`SET search_path = ${SCHEMA}`)
    await client.query('CREATE TABLE IF NOT EXISTS migrations (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())')
    const { rows } = await client.query<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM migrations')
    const current = rows[0]?.version ?? 0
    for (const [index, statements] of MIGRATIONS.entries()) {
      if (index + 1 > current) await apply(client, index + 1, statements)
    }
    await admit(client, serviceUrl)
  } finally {
    await client.end()
  }
}

async function apply(client: Client, version: number, statements: string): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(statements)
    await client.query('INSERT INTO migrations (version) VALUES ($1)', [version])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

/** The login of the services becomes a member of both roles; it may be the owner itself, who then still works as the plain role. */
async function admit(client: Client, serviceUrl: string): Promise<void> {
  const login = decodeURIComponent(new URL(serviceUrl).username)
  const member = login === '' ? 'current_user' : client.escapeIdentifier(login)
  await client.query(`GRANT ${APP_ROLE}, ${SYSTEM_ROLE} TO ${member}`)
}

/** In the order in which they are applied; the place is the version. */
const MIGRATIONS = [
  FOUNDATION,
  FIND_API_KEY,
  LOCK_ARTIFACTS,
  TENANT_DEFAULTS,
  LIMITS_AND_BUDGETS,
  PAGES_READ,
  EXTRACTION_SCHEMAS,
  LEDGER,
  RIGHTS,
  SUBJECTS,
  RECORDS,
  REGISTER,
  RETENTION,
  RECTIFICATION,
  MARKS,
  STORE_REBUILDS,
] as const
