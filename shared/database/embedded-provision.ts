import { Client } from 'pg'
import { type Cluster, SERVICE } from './embedded-cluster.ts'

const CONNECT_MS = 10_000

/** Makes the database `greffier` and the plain role, where they are missing: a start that was killed in between is completed by the next. */
export async function provision(cluster: Cluster, port: number): Promise<void> {
  const client = new Client({ connectionString: cluster.ownerUrl(port, 'postgres'), connectionTimeoutMillis: CONNECT_MS })
  // A connection that breaks makes the awaited query reject; unheard, the event would end the process as well.
  client.on('error', () => undefined)
  await client.connect()
  try {
    const role = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [SERVICE])
    // Utility statements take no parameters; the password is hexadecimal (embedded-cluster.ts).
    if (role.rowCount === 0)
      await client.query(
        `CREATE ROLE ${SERVICE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${cluster.servicePassword}'`,
      )
    const database = await client.query('SELECT FROM pg_database WHERE datname = $1', ['greffier'])
    if (database.rowCount === 0) await client.query('CREATE DATABASE greffier')
    await client.query(`REVOKE ALL ON DATABASE postgres, template1, greffier FROM PUBLIC`)
    await client.query(`GRANT CONNECT ON DATABASE greffier TO ${SERVICE}`)
  } finally {
    await client.end()
  }
}
