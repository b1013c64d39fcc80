import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely'
import { type Tx, withTenant } from '../../shared/database/connection.ts'
import { APP_ROLE, SCHEMA } from '../../shared/database/roles.ts'
import type { Tables } from '../../shared/database/schema.ts'
import { NOTHING_DECLARED } from '../../shared/policy/activities.ts'
import { openPool } from './pools.ts'
import type { Workbench } from './workbench.ts'

/**
 * How the server would run the questions that `work` asks, under row-level security and with their own parameters: one plan each. It walks a whole table
 * only where nothing else is left, as it would with more rows than a test has.
 */
export async function plansOf(bench: Workbench, work: (tx: Tx) => Promise<unknown>): Promise<string[]> {
  const pool = openPool({ connectionString: bench.serviceUrl, options: `-c role=${APP_ROLE} -c search_path=${SCHEMA}`, max: 1 })
  const asked: CompiledQuery[] = []
  const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), log: ({ query }) => void asked.push(query) })
  try {
    await withTenant(Object.assign(database, { declare: NOTHING_DECLARED }), bench.tenantId, work)
  } finally {
    await database.destroy()
  }
  const questions = asked.filter((query) => /^\s*(select|with)\b/i.test(query.sql))
  return bench.tenant(async (tx) => {
    await sql`SET LOCAL enable_seqscan = off`.execute(tx)
    const plans: string[] = []
    for (const question of questions) {
      const { rows } = await tx.executeQuery<{ 'QUERY PLAN': string }>(
        CompiledQuery.raw(`EXPLAIN ${question.sql}`, [...question.parameters]),
      )
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
    }
    return plans
  })
}
