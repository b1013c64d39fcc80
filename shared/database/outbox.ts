import { sql } from 'kysely'
import type { Stage, StageJob } from '../contracts/jobs.ts'
import type { Tx } from './connection.ts'

export const OUTBOX_CHANNEL = 'greffier_outbox'

export interface DueJob extends Omit<StageJob, 'v'> {
  id: string
  stage: Stage
}

/**
 * Asks for a stage to be run after a pause, in the transaction that put it back: what commits will be published, what rolls back never was.
 * `scheduleStage` and the sweeper insert their rows by themselves, in the statement that finds them due.
 */
export async function enqueue(tx: Tx, stage: Stage, job: Omit<StageJob, 'v'>, dueInMs: number): Promise<void> {
  await tx
    .insertInto('outbox')
    .values({
      tenant_id: job.tenant_id,
      document_id: job.document_id,
      revision: job.revision,
      stage,
      due_at: sql<Date>`now() + ${dueInMs} * interval '1 millisecond'`,
    })
    .execute()
}

/** Wakes the dispatchers of all processes when the transaction commits. A process that has one of its own wakes that. */
export async function wakeDispatchers(tx: Tx): Promise<void> {
  await sql`SELECT pg_notify(${OUTBOX_CHANNEL}, '')`.execute(tx)
}

/**
 * Locks and returns at most `limit` jobs that are due, from every tenant and stage the same share: a tenant with a million documents delays nobody
 * else's first, and a stage that is behind (`full`: it gets no more) delays no other. Rows that another dispatcher holds are passed over.
 * Walks from one tenant and stage to the next in the index outbox_turn, so its cost grows with their number and not with the rows that wait.
 */
export async function claimDue(tx: Tx, limit: number, full: readonly Stage[] = []): Promise<DueJob[]> {
  const { rows } = await sql<DueJob>`
    WITH RECURSIVE line AS (
      (SELECT tenant_id, stage, due_at FROM outbox ORDER BY tenant_id, stage, due_at LIMIT 1)
      UNION ALL
      SELECT following.* FROM line, LATERAL (
        SELECT o.tenant_id, o.stage, o.due_at FROM outbox o WHERE (o.tenant_id, o.stage) > (line.tenant_id, line.stage)
        ORDER BY o.tenant_id, o.stage, o.due_at LIMIT 1
      ) following
    ), open AS MATERIALIZED (
      SELECT * FROM line WHERE due_at <= now() AND stage <> ALL (${[...full]}::text[]) ORDER BY random() LIMIT ${limit}
    )
    SELECT due.id, due.tenant_id, due.document_id, due.revision, due.stage
    FROM open, LATERAL (
      SELECT o.* FROM outbox o WHERE o.tenant_id = open.tenant_id AND o.stage = open.stage AND o.due_at <= now()
      ORDER BY o.due_at, o.id
      LIMIT (SELECT ceil(${limit}::numeric / count(*)) FROM open)
      FOR UPDATE SKIP LOCKED
    ) due
    ORDER BY row_number() OVER (PARTITION BY due.tenant_id, due.stage ORDER BY due.due_at, due.id), due.id
    LIMIT ${limit}`.execute(tx)
  return rows
}

export async function deletePublished(tx: Tx, jobs: readonly DueJob[]): Promise<void> {
  await tx
    .deleteFrom('outbox')
    .where(
      'id',
      'in',
      jobs.map((job) => job.id),
    )
    .execute()
}
