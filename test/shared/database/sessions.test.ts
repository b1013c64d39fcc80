import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase, withTenant } from '../../../shared/database/connection.ts'
import { thrifty } from '../../../shared/database/sessions.ts'
import { openPool, unheard } from '../../support/pools.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a migration beside a running process costs it one try, typed as unavailable, and no connection for good', async () => {
  await bench.query(
    'CREATE TABLE greffier.changing (one int); INSERT INTO greffier.changing VALUES (1); GRANT SELECT ON greffier.changing TO greffier_app',
  )
  const database = openDatabase(bench.serviceUrl, unheard)
  try {
    const read = () => withTenant(database, bench.tenantId, (tx) => sql`SELECT * FROM changing WHERE one = ${1}`.execute(tx))
    expect((await read()).rows).toEqual([{ one: 1 }])
    await bench.query('ALTER TABLE greffier.changing ADD COLUMN two int DEFAULT 2')
    await expect(read()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect((await read()).rows).toEqual([{ one: 1, two: 2 }])
  } finally {
    await database.destroy()
  }
})

describe('BEGIN and SET LOCAL travel with the statement after them', () => {
  test('and what fails in the transaction is rolled back', async () => {
    const before = await bench.query('SELECT FROM greffier.tenants')
    const failing = bench.tenant(async (tx) => {
      await sql`UPDATE tenants SET embedder = ${'lost'}`.execute(tx)
      await sql`SELECT 1 / ${0}::int`.execute(tx)
    })
    await expect(failing).rejects.toMatchObject({ code: '22012' })
    expect(await bench.query("SELECT FROM greffier.tenants WHERE embedder = 'lost'")).toEqual([])
    expect(await bench.query('SELECT FROM greffier.tenants')).toHaveLength(before.length)
  })

  test('and when one of them is refused, so is that statement, with their reason', async () => {
    const pool = openPool({ connectionString: bench.ownerUrl, max: 1, pipeline: true })
    try {
      const session = await thrifty(pool).connect()
      await session.query('begin', [])
      await session.query('SET LOCAL ROLE nobody_of_this_name', [])
      await expect(session.query('CREATE TABLE greffier.kept AS SELECT $1::int AS one', [1])).rejects.toThrow(/nobody_of_this_name/)
      await session.query('rollback', [])
      expect((await session.query("SELECT to_regclass('greffier.kept') AS kept, $1::int AS one", [1])).rows).toEqual([
        { kept: null, one: 1 },
      ])
      session.release()
    } finally {
      await pool.end()
    }
  })

  test('whether that has parameters, or has none, or there is none at all', async () => {
    const pool = openPool({ connectionString: bench.ownerUrl, max: 1, pipeline: true })
    try {
      const session = await thrifty(pool).connect()
      const inTransaction = async () =>
        (await session.query<{ open: boolean }>('SELECT now() <> statement_timestamp() AS open', [])).rows[0]?.open
      await session.query('begin', [])
      await session.query('SELECT $1::int', [1])
      expect(await inTransaction()).toBe(true)
      await session.query('commit', [])
      await session.query('begin', [])
      expect((await session.query('SELECT 1 AS one', [])).rows).toEqual([{ one: 1 }])
      expect(await inTransaction()).toBe(true)
      await session.query('rollback', [])
      await session.query('begin', [])
      await session.query("SET LOCAL app.tenant_id = 'some'", [])
      const tenant = "SELECT current_setting('app.tenant_id', true) AS tenant, $1::int AS one"
      expect((await session.query(tenant, [1])).rows).toEqual([{ tenant: 'some', one: 1 }])
      await session.query('commit', [])
      expect((await session.query(tenant, [1])).rows).toEqual([{ tenant: '', one: 1 }])
      await session.query('begin', [])
      await session.query('commit', [])
      expect(await inTransaction()).toBe(false)
      session.release()
    } finally {
      await pool.end()
    }
  })
})

test('a statement is parsed once in a connection', async () => {
  const pool = openPool({ connectionString: bench.ownerUrl, max: 1, pipeline: true })
  try {
    const session = await thrifty(pool).connect()
    for (const value of [1, 2, 3]) await session.query('SELECT $1::int AS value', [value])
    const { rows } = await session.query<{ statement: string; uses: string }>(
      'SELECT statement, generic_plans + custom_plans AS uses FROM pg_prepared_statements',
      [],
    )
    expect(rows).toEqual([{ statement: 'SELECT $1::int AS value', uses: '3' }])
    session.release()
  } finally {
    await pool.end()
  }
})
