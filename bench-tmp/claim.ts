import { startEmbeddedPostgres } from '/work/main/shared/database/embedded.ts'
import { migrate } from '/work/main/shared/database/migrations.ts'
import { openDatabase, withSystem } from '/work/main/shared/database/connection.ts'
import { claimDue } from '/work/main/shared/database/outbox.ts'
import { sweepOnce } from '/work/main/shared/queue/sweeper.ts'
import { sql } from 'kysely'
import { mkdtempSync, rmSync } from 'node:fs'
const dir = mkdtempSync('/tmp/w/pg-')
const pg = await startEmbeddedPostgres({ dataDir: dir, durable: false })
try {
  await migrate(pg.ownerUrl, pg.serviceUrl)
  const db = openDatabase(pg.serviceUrl, () => {})
  for (const [tenants, rows] of [[1, 50000], [10, 50000], [1000, 50000], [20, 100]] as const) {
    await withSystem(db, (tx) => sql`DELETE FROM outbox`.execute(tx))
    await withSystem(db, (tx) => sql`INSERT INTO outbox (tenant_id, document_id, revision, stage) SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i % ${tenants}), 12, '0'))::uuid, gen_random_uuid(), 1, 'extract' FROM generate_series(1, ${rows}) i`.execute(tx))
    const times: number[] = []
    for (let n = 0; n < 8; n++) { const t = performance.now(); await withSystem(db, async (tx) => { const c = await claimDue(tx, 100, ...(process.argv.slice(2) as never[])); if (c.length !== 100) throw new Error('n '+c.length) }); times.push(performance.now() - t) }
    console.log(tenants, rows, times.map((x) => x.toFixed(1)).join(' '))
  }
  await db.destroy()
} finally { await pg.stop(); rmSync(dir, { recursive: true }) }
