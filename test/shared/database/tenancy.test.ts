import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { openDatabase, withSystem, withTenant } from '../../../shared/database/connection.ts'
import { startEmbeddedPostgres } from '../../../shared/database/embedded.ts'
import { migrate } from '../../../shared/database/migrations.ts'
import { keepRuleFiles } from '../../../shared/database/rule-files.ts'
import { createTenants } from '../../../shared/database/tenants.ts'
import { openPostgresQueues } from '../../../shared/queue/backend.ts'
import { openPublisher } from '../../../shared/queue/publish.ts'
import { unheard } from '../../support/pools.ts'
import { testDatabase } from '../../support/postgres.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
let other: string
/** Of each table with rows of tenants: one row of the workbench's tenant and one of the other. */
const TABLES = [
  'api_keys',
  'documents',
  'revisions',
  'stages',
  'pages',
  'fields',
  'chunks',
  'events',
  'open_intents',
  'artifacts',
  'outbox',
  'idempotency',
  'extraction_schemas',
  'budget_days',
  'budget_reservations',
  'ledger_queue',
  'ledger_leaves',
  'ledger_logs',
  'ledger_tiles',
  'ledger_checkpoints',
  'ledger_keys',
  'ledger_pushes',
  'subject_identifiers',
  'document_subjects',
  'subject_requests',
  'holds',
  'erasure_requests',
  'erasure_items',
  'record_accesses',
  'event_actors',
  'register_observations',
  'register_documents',
  'register_cursors',
  'retention_confirmations',
  'field_reviews',
] as const

beforeAll(async () => {
  bench = await openWorkbench()
  other = await bench.tenants.create('other')
  for (const tenantId of [bench.tenantId, other]) await seed(tenantId)
})
afterAll(() => bench.close())

test('every table that names a tenant is in the list that these tests go through, and guarded by row-level security', async () => {
  const rows = await bench.query<{ name: string; guarded: boolean }>(`
    SELECT c.relname AS name, c.relrowsecurity AS guarded FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'greffier'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')`)
  expect(rows.map((row) => row.name).sort()).toEqual([...TABLES].sort())
  expect(rows.filter((row) => !row.guarded)).toEqual([])
})

describe.each(TABLES)('the table %s', (table) => {
  test('shows no row without a tenant, and with one only that tenant’s', async () => {
    const count = sql<{ tenant_id: string }>`SELECT DISTINCT tenant_id FROM ${sql.table(table)}`
    expect((await count.execute(bench.database)).rows).toEqual([])
    for (const tenantId of [bench.tenantId, other]) {
      const { rows } = await withTenant(bench.database, tenantId, (tx) => count.execute(tx))
      expect(rows).toEqual([{ tenant_id: tenantId }])
    }
    // The setting ends with its transaction: the same connection sees nothing afterwards.
    expect((await count.execute(bench.database)).rows).toEqual([])
    expect(await bench.query(`SELECT DISTINCT tenant_id FROM greffier.${table}`)).toHaveLength(2)
  })

  test('takes no row of another tenant, and lets none be handed over', async () => {
    const [row] = await bench.query<{ json: string }>(`SELECT to_jsonb(t)::text AS json FROM greffier.${table} t WHERE tenant_id = $1`, [
      other,
    ])
    const insert = sql`INSERT INTO ${sql.table(table)} OVERRIDING SYSTEM VALUE
      SELECT * FROM jsonb_populate_record(NULL::${sql.table(table)}, ${row?.json}::jsonb)`
    const handOver = sql`UPDATE ${sql.table(table)} SET tenant_id = ${other}`
    const remove = sql`DELETE FROM ${sql.table(table)} WHERE tenant_id = ${other}`
    await expect(bench.tenant((tx) => insert.execute(tx))).rejects.toMatchObject({ code: '42501' })
    await expect(insert.execute(bench.database)).rejects.toMatchObject({ code: '42501' })
    await expect(bench.tenant((tx) => handOver.execute(tx))).rejects.toMatchObject({ code: '42501' })
    // Either not allowed at all, or no row is found.
    await bench.tenant((tx) => remove.execute(tx)).catch((error) => expect(error).toMatchObject({ code: '42501' }))
    expect(await bench.query(`SELECT FROM greffier.${table} WHERE tenant_id = $1`, [other])).toHaveLength(1)
  })
})

test('the table of tenants shows a tenant its own row alone, and nothing of it can be changed but the embedder', async () => {
  const ids = sql<{ id: string }>`SELECT id FROM tenants`
  expect((await ids.execute(bench.database)).rows).toEqual([])
  expect((await bench.tenant((tx) => ids.execute(tx))).rows).toEqual([{ id: bench.tenantId }])
  for (const change of [sql`UPDATE tenants SET wrapped_key = ''`, sql`DELETE FROM tenants`, sql`INSERT INTO tenants SELECT * FROM tenants`])
    await expect(bench.tenant((tx) => change.execute(tx))).rejects.toMatchObject({ code: '42501' })
  await bench.tenant((tx) => sql`UPDATE tenants SET embedder = 'x'`.execute(tx))
  expect(await bench.query(`SELECT FROM greffier.tenants WHERE embedder = 'x'`)).toHaveLength(1)
})

test('a tenant id that is no UUID fails instead of showing anything', async () => {
  const read = withTenant(bench.database, `' OR true --`, (tx) => tx.selectFrom('documents').selectAll().execute())
  await expect(read).rejects.toMatchObject({ code: 'INTERNAL' })
})

test('services work as a role that is no superuser, owns nothing and bypasses no row-level security', async () => {
  const { rows } = await sql<{ current: string; login: string }>`SELECT current_user AS current, session_user AS login`.execute(
    bench.database,
  )
  expect(rows[0]?.current).toBe('greffier_app')
  const names = [rows[0]?.login, 'greffier_app', 'greffier_system']
  expect(
    await bench.query(
      `SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)`,
      [names],
    ),
  ).toEqual([])
  expect(await bench.query(`SELECT FROM pg_roles WHERE rolname = ANY($1)`, [names])).toHaveLength(3)
  const owned = `SELECT relname FROM pg_class WHERE relnamespace = 'greffier'::regnamespace AND pg_get_userbyid(relowner) = ANY($1)`
  expect(await bench.query(owned, [names])).toEqual([])
})

describe('the role that works across tenants', () => {
  test('reads no sealed column, no key of a tenant’s content, and nothing of an event', async () => {
    const sealed = await bench.query<{ table: string; column: string }>(
      `SELECT table_name AS table, column_name AS column FROM information_schema.columns WHERE table_schema = 'greffier' AND column_name LIKE 'sealed%'`,
    )
    expect(sealed.map((found) => `${found.table}.${found.column}`).sort()).toEqual([
      'documents.sealed_annex',
      'erasure_requests.sealed_extension',
      'field_reviews.sealed_content',
      'fields.sealed_content',
      'holds.sealed_text',
      'ledger_keys.sealed_seed',
      'pages.sealed_text',
      'record_accesses.sealed_justification',
      'subject_requests.sealed_extension',
    ])
    const forbidden = [
      ...sealed,
      { table: 'events', column: 'body' },
      { table: 'events', column: 'id' },
      { table: 'idempotency', column: 'answer' },
    ]
    for (const { table, column } of forbidden) {
      const read = withSystem(bench.database, (tx) => sql`SELECT ${sql.ref(column)} FROM ${sql.table(table)}`.execute(tx))
      await expect(read, `${table}.${column}`).rejects.toMatchObject({ code: '42501' })
    }
  })

  test('sees the stages of every tenant, and returns to the plain role with its transaction', async () => {
    const tenants = await withSystem(bench.database, (tx) => tx.selectFrom('stages').select('tenant_id').distinct().execute())
    expect(tenants.map((row) => row.tenant_id).sort()).toEqual([bench.tenantId, other].sort())
    expect((await sql<{ role: string }>`SELECT current_user AS role`.execute(bench.database)).rows).toEqual([{ role: 'greffier_app' }])
  })
})

test.each([
  ['an update', sql`UPDATE events SET body = 'another'`],
  ['a deletion', sql`DELETE FROM events`],
  ['a truncation', sql`TRUNCATE events`],
] as const)('no role of a service may change an event: %s', async (_name, change) => {
  for (const as of [withSystem, (_: unknown, work: Parameters<typeof withSystem>[1]) => bench.tenant(work)])
    await expect(as(bench.database, (tx) => change.execute(tx))).rejects.toMatchObject({ code: '42501' })
  expect(await bench.query(`SELECT FROM greffier.events WHERE body <> 'another'`)).toHaveLength(2)
})

test.each([
  ['an update', sql`UPDATE rule_files SET bytes = 'another'`],
  ['an update of the time', sql`UPDATE rule_files SET kept_at = now()`],
  ['a deletion', sql`DELETE FROM rule_files`],
  ['a truncation', sql`TRUNCATE rule_files`],
  ['a row as of another time', sql`INSERT INTO rule_files (kind, bytes, kept_at) VALUES ('policy', 'another', '2020-01-01')`],
] as const)('no role of a service may change a rule file that events name: %s', async (_name, change) => {
  await keepRuleFiles(bench.database, { policy: Buffer.from('a'), processors: Buffer.from('b'), activities: Buffer.from('c') })
  for (const as of [withSystem, (_: unknown, work: Parameters<typeof withSystem>[1]) => bench.tenant(work)])
    await expect(as(bench.database, (tx) => change.execute(tx))).rejects.toMatchObject({ code: '42501' })
  await expect(change.execute(bench.database)).rejects.toMatchObject({ code: '42501' })
  expect(await bench.query(`SELECT FROM greffier.rule_files`)).toHaveLength(3)
})

describe('migrating', () => {
  test('twice, and from five processes at once, changes nothing and fails nowhere', async () => {
    const database = await testDatabase()
    onTestFinished(() => database.close())
    const { ownerUrl, serviceUrl } = database
    await Promise.all(Array.from({ length: 5 }, () => migrate(ownerUrl, serviceUrl)))
    const applied = 'SELECT version, applied_at FROM greffier.migrations ORDER BY version'
    const before = await rows(ownerUrl, applied)
    await migrate(ownerUrl, serviceUrl)
    expect(await rows(ownerUrl, applied)).toEqual(before)
    expect(before).toMatchObject([{ version: 1 }, ...before.slice(1)])
  })

  test('five processes open their queues at once', async () => {
    const database = await testDatabase()
    onTestFinished(() => database.close())
    const { ownerUrl, serviceUrl } = database
    await Promise.all(Array.from({ length: 5 }, () => migrate(ownerUrl, serviceUrl)))
    const backends = await Promise.all(Array.from({ length: 5 }, () => openPostgresQueues(ownerUrl, serviceUrl, () => undefined)))
    onTestFinished(async () => void (await Promise.all(backends.map((backend) => backend.close()))))
    for (const backend of backends) await backend.ping()
  })

  test('with one login for everything, an owner that is no superuser, the services work and tenants stay apart', async () => {
    const url = await ownerOfOneDatabase()
    await migrate(url, url)
    await migrate(url, url)
    const database = openDatabase(url, unheard)
    onTestFinished(() => database.destroy())
    const tenants = createTenants(database, Buffer.alloc(32, 7))
    const [one, two] = [await tenants.create('one'), await tenants.create('two')]
    await tenants.bindEmbedder(one, 'here/model')
    const ids = sql<{ id: string }>`SELECT id FROM tenants`
    expect((await ids.execute(database)).rows).toEqual([])
    expect((await withTenant(database, two, (tx) => ids.execute(tx))).rows).toEqual([{ id: two }])
    expect(await tenants.list()).toEqual([one, two])
    const backend = await openPostgresQueues(url, url, () => undefined)
    onTestFinished(() => backend.close())
    const publisher = openPublisher(backend)
    onTestFinished(() => publisher.close())
    const job = { tenant_id: one, document_id: newId(), revision: 1 }
    await publisher.publish([
      { ...job, stage: 'extract' },
      { ...job, stage: 'extract', revision: 2 },
    ])
    expect(await publisher.waiting('extract')).toBe(2)
  })
})

/** A server of its own: the roles belong to a whole server, and on the run's own they exist already. */
async function ownerOfOneDatabase(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'greffier-test-owner-'))
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false })
  onTestFinished(async () => {
    await postgres.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await rows(postgres.ownerUrl, `CREATE ROLE solo LOGIN CREATEROLE PASSWORD 'solo'`)
  await rows(postgres.ownerUrl, 'CREATE DATABASE solo OWNER solo')
  const url = new URL(postgres.ownerUrl)
  url.username = 'solo'
  url.password = 'solo'
  url.pathname = '/solo'
  return url.href
}

async function rows(connectionString: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function seed(tenantId: string): Promise<void> {
  const key = await bench.upload({ tenantId })
  const [document, event] = [key.document_id, newId()]
  const add = (text: string, ...values: unknown[]) => bench.query(`INSERT INTO greffier.${text}`, values)
  await add(`api_keys VALUES ($1, $2, 'key', '\\x00', '{}')`, newId(), tenantId)
  await add(`pages VALUES ($1, $2, 1, 1, 'plain', 1, NULL, '\\x00')`, tenantId, document)
  await add(`fields VALUES ($1, $2, 1, 'title', 'verified', '\\x00')`, tenantId, document)
  await add(`chunks VALUES ($1, $2, $3, 1, 0, 1, 0, 1)`, newId(), tenantId, document)
  await add(`events (id, tenant_id, document_ids, phase, body) VALUES ($1, $2, '{}', 'intent', '{}')`, event, tenantId)
  await add(`open_intents VALUES ($1, $2)`, event, tenantId)
  await add(`ledger_leaves SELECT $1::uuid, 0, seq FROM greffier.events WHERE id = $2`, tenantId, event)
  await add(`ledger_queue SELECT $1::uuid, seq FROM greffier.events WHERE id = $2 ON CONFLICT DO NOTHING`, tenantId, event)
  await add(`ledger_logs VALUES ($1, 0, '')`, tenantId)
  await add(`ledger_tiles VALUES ($1, 0, 0, decode(repeat('00', 32), 'hex'))`, tenantId)
  await add(`ledger_checkpoints VALUES ($1, 0, 'note')`, tenantId)
  await add(`ledger_pushes VALUES ($1, 'file', 0, now(), NULL)`, tenantId)
  await add(`ledger_keys VALUES ($1, 0, 'vkey', '\\x00', NULL)`, tenantId)
  await add(`extraction_schemas VALUES ($1, 'letter', 1, NULL, '{}', 'hash')`, tenantId)
  const subject = newId()
  await add(`subject_identifiers VALUES ($1, 'email', '\\x00', $2)`, tenantId, subject)
  await add(`document_subjects VALUES ($1, $2, 1, $3, 'text')`, tenantId, document, subject)
  await add(
    `subject_requests (id, tenant_id, key_id, kind, identifiers, due_at) VALUES ($2, $1, $2, 'access', '[]', now())`,
    tenantId,
    newId(),
  )
  const request = newId()
  await add(`holds (document_id, tenant_id, key_id, reason) VALUES ($2, $1, $2, 'legal_claims')`, tenantId, document)
  await add(`erasure_requests (id, tenant_id, scope, due_at) VALUES ($2, $1, '{}', now())`, tenantId, request)
  await add(`erasure_items (request_id, document_id, tenant_id, state) VALUES ($2, $3, $1, 'erasing')`, tenantId, request, document)
  await add(`record_accesses VALUES ($2, $1, $2, '\\x00')`, tenantId, newId())
  await add(`event_actors VALUES ($2, $1, $3)`, tenantId, event, newId())
  await add(`register_observations VALUES ($1, '2026-11-26', '', 'event', 'upload', 1, now(), now())`, tenantId)
  await add(`register_documents VALUES ($1, $2, 'contact')`, tenantId, document)
  await add(`register_cursors VALUES ($1, 0)`, tenantId)
  await add(`retention_confirmations VALUES ($1, now(), 0)`, tenantId)
  await add(`field_reviews VALUES ($3, $1, $2, 1, 'title', 'confirmed', $3, $3, '\\x00')`, tenantId, document, newId())
  await add(`idempotency VALUES ($1, $2, '\\x00', '\\x00', 'answer')`, tenantId, document)
  await add(`budget_days VALUES ($1, '2026-11-26')`, tenantId)
  await add(`budget_reservations VALUES ($1, $2, '2026-11-26', 1, 1, now())`, newId(), tenantId)
}
