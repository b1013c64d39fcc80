import { sql } from 'kysely'
import { AppError, type ErrorCode } from '../contracts/errors.ts'
import { FIRST_STAGE, JOBS, type Stage, type StageJob } from '../contracts/jobs.ts'
import type { Tx } from './connection.ts'
import { enqueue } from './outbox.ts'
import type { StageStatus } from './schema.ts'

/** Followers of a document's progress listen here; the payload is the document's id. */
export const PROGRESS_CHANNEL = 'greffier_progress'

export type StageKey = Omit<StageJob, 'v'> & { stage: Stage }

/** What `beginStage` decided. `epoch` fences every later write of this start. */
export type Begun =
  | { kind: 'run'; epoch: number; starts: number }
  | { kind: 'skip'; reason: 'finished' | 'superseded' | 'erased' | 'unknown' }
  | { kind: 'exhausted'; epoch: number }

/** Makes a stage due: its row and its outbox row, in the caller's transaction. Doing it again resets the stage. */
export async function scheduleStage(tx: Tx, key: StageKey, dueInMs = 0): Promise<void> {
  const { tenant_id, document_id, revision, stage } = key
  await tx
    .insertInto('stages')
    .values({ tenant_id, document_id, revision, stage, status: 'pending', epoch: 0, starts: 0 })
    .onConflict((conflict) =>
      conflict
        .columns(['document_id', 'revision', 'stage'])
        .doUpdateSet({ status: 'pending', starts: 0, error_code: null, finished_at: null, queued_at: sql<Date>`now()` }),
    )
    .execute()
  await enqueue(tx, stage, key, dueInMs)
  await notifyProgress(tx, document_id)
}

/** A revision and its first stage. */
export async function startRevision(tx: Tx, job: Omit<StageJob, 'v'>, cause: 'upload' | 'version' | 'reprocess'): Promise<void> {
  await tx
    .insertInto('revisions')
    .values({ ...job, cause })
    .execute()
  await scheduleStage(tx, { ...job, stage: FIRST_STAGE })
}

/**
 * Claims a start: the epoch rises, so that every earlier start of this stage can no longer write. The document's row is locked first, as in every
 * transaction here, against a concurrent erasure; a shared lock would not do, because two that share it and then both write wait for each other.
 * More starts than the table of jobs allows: `exhausted`, whatever ended the earlier ones.
 */
export async function beginStage(tx: Tx, key: StageKey): Promise<Begun> {
  const document = await tx
    .selectFrom('documents')
    .select(['revision', 'erased_at'])
    .where('id', '=', key.document_id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!document) return { kind: 'skip', reason: 'unknown' }
  if (key.stage !== 'erase') {
    if (document.erased_at) return { kind: 'skip', reason: 'erased' }
    if (document.revision !== key.revision) return { kind: 'skip', reason: 'superseded' }
  }
  const started = await stageRow(tx, key)
    .set((row) => ({
      status: 'running' as StageStatus,
      epoch: row('epoch', '+', 1),
      starts: row('starts', '+', 1),
      started_at: sql<Date>`now()`,
      queued_at: sql<Date>`now()`,
    }))
    .where('status', 'in', ['pending', 'running'])
    .returning(['epoch', 'starts'])
    .executeTakeFirst()
  if (!started) return { kind: 'skip', reason: 'finished' }
  await tx
    .updateTable('documents')
    .set({ status: 'processing' })
    .where('id', '=', key.document_id)
    .where('status', '=', 'received')
    .execute()
  await notifyProgress(tx, key.document_id)
  return started.starts > JOBS[key.stage].attempts ? { kind: 'exhausted', epoch: started.epoch } : { kind: 'run', ...started }
}

/**
 * The fence: throws STALE_EPOCH when another start has taken over, the revision is no longer current, or the document was erased.
 * Called first in the transaction of every write, it holds the rows until the commit.
 */
export async function assertCurrent(tx: Tx, key: StageKey, epoch: number): Promise<void> {
  const document = await tx
    .selectFrom('documents')
    .select(['revision', 'erased_at'])
    .where('id', '=', key.document_id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  const stage = await tx
    .selectFrom('stages')
    .select(['epoch', 'status'])
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .where('stage', '=', key.stage)
    .forUpdate()
    .executeTakeFirst()
  const live = key.stage === 'erase' || (document?.erased_at === null && document.revision === key.revision)
  if (!live || stage?.epoch !== epoch || stage.status !== 'running') throw new AppError('STALE_EPOCH')
}

/** Ends a stage well and makes the next one due. Call after `assertCurrent` in the same transaction. */
export async function completeStage(tx: Tx, key: StageKey): Promise<void> {
  await stageRow(tx, key).set({ status: 'completed', finished_at: sql<Date>`now()`, error_code: null }).execute()
  const next = JOBS[key.stage].next
  if (next) await scheduleStage(tx, { ...key, stage: next })
  await notifyProgress(tx, key.document_id)
}

/** Ends a stage, and with it the revision, with a reason. A refusal by the policy ends as `refused`, everything else as `failed`. */
export async function failStage(tx: Tx, key: StageKey, code: ErrorCode, outcome: 'failed' | 'refused'): Promise<void> {
  await stageRow(tx, key).set({ status: 'failed', finished_at: sql<Date>`now()`, error_code: code }).execute()
  if (key.stage !== 'erase') {
    await tx
      .updateTable('documents')
      .set({ status: outcome, error_code: code, completed_at: sql<Date>`now()` })
      .where('id', '=', key.document_id)
      .where('erased_at', 'is', null)
      .execute()
  }
  await notifyProgress(tx, key.document_id)
}

/** Puts a stage back: after a passing failure with a pause, or at shutdown without one and without counting the start. */
export async function postponeStage(
  tx: Tx,
  key: StageKey,
  options: { dueInMs: number; countStart: boolean; code: ErrorCode | null },
): Promise<void> {
  await stageRow(tx, key)
    .set((row) => ({
      status: 'pending' as StageStatus,
      error_code: options.code,
      queued_at: sql<Date>`now() + ${options.dueInMs} * interval '1 millisecond'`,
      ...(options.countStart ? {} : { starts: row('starts', '-', 1) }),
    }))
    .execute()
  await enqueue(tx, key.stage, key, options.dueInMs)
  await notifyProgress(tx, key.document_id)
}

export async function notifyProgress(tx: Tx, documentId: string): Promise<void> {
  await sql`SELECT pg_notify(${PROGRESS_CHANNEL}, ${documentId})`.execute(tx)
}

function stageRow(tx: Tx, key: StageKey) {
  return tx
    .updateTable('stages')
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .where('stage', '=', key.stage)
}
