import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  /** Superuser of the whole server; connects to this database. */
  readonly ownerUrl: string
  /** A plain role of this database alone: it may connect and nothing more. */
  readonly serviceUrl: string
  /** Drops the database and the role, whoever is still connected. */
  close(): Promise<void>
}

/** A new, empty database on the run's own server. The role is new as well, so that grants made by tests that run beside each other do not meet. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = inject('postgresOwnerUrl')
  const suffix = randomBytes(6).toString('hex')
  const database = `test_${suffix}`
  const role = `test_service_${suffix}`
  const password = randomBytes(16).toString('hex')
  await asOwner(server, [
    `CREATE DATABASE ${database}`,
    `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${password}'`,
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${database} TO ${role}`,
  ])
  const ownerUrl = new URL(server)
  ownerUrl.pathname = `/${database}`
  const serviceUrl = new URL(ownerUrl)
  serviceUrl.username = role
  serviceUrl.password = password
  return {
    ownerUrl: ownerUrl.href,
    serviceUrl: serviceUrl.href,
    close: () => asOwner(server, [`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`, `DROP ROLE IF EXISTS ${role}`]),
  }
}

async function asOwner(url: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
