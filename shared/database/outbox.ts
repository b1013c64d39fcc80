import { sql } from 'kysely'
import type { Stage, StageJob } from '../contracts/jobs.ts'
import type { Tx } from './connection.ts'

/** Wakes the dispatcher when the transaction commits; the payload is empty on purpose. */
export const OUTBOX_CHANNEL = 'greffier_outbox'

export interface DueJob extends Omit<StageJob, 'v'> {
  id: string
  stage: Stage
}

/** Asks for a stage to be run, in the transaction that made it due: what commits will be published, what rolls back never was. */
export async function enqueue(tx: Tx, stage: Stage, job: Omit<StageJob, 'v'>, dueInMs = 0): Promise<void> {
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
  await sql`SELECT pg_notify(${OUTBOX_CHANNEL}, '')`.execute(tx)
}

/**
 * Locks and returns what is due, one of each tenant in turn, so that a tenant with a million documents delays nobody else's first.
 * Rows that another dispatcher holds are passed over.
 */
export async function claimDue(tx: Tx, limit: number): Promise<DueJob[]> {
  const { rows } = await sql<DueJob>`
    SELECT o.id, o.tenant_id, o.document_id, o.revision, o.stage
    FROM outbox o
    JOIN (
      SELECT id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS turn FROM outbox WHERE due_at <= now()
    ) due ON due.id = o.id
    ORDER BY due.turn, o.id
    LIMIT ${limit}
    FOR UPDATE OF o SKIP LOCKED`.execute(tx)
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
