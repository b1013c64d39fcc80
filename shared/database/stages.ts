import { type Selectable, sql } from 'kysely'
import { AppError, type ErrorCode } from '../contracts/errors.ts'
import { FIRST_STAGE, JOBS, type Stage, type StageJob } from '../contracts/jobs.ts'
import type { Tx } from './connection.ts'
import { withNext, without } from './open-starts.ts'
import { enqueue, OUTBOX_CHANNEL } from './outbox.ts'
import type { StageStatus, Tables } from './schema.ts'

type DocumentRow = Selectable<Tables['documents']>

/** Followers of a document's progress listen here; the payload is the document's id. */
export const PROGRESS_CHANNEL = 'greffier_progress'

/** How many rules a refused stage remembers. */
const REFUSED_UNDER_MAX = 20

export type StageKey = Omit<StageJob, 'v'> & { stage: Stage }

/** What `beginStage` decided. `epoch` fences every later write of this start. */
export type Begun =
  | { kind: 'run' | 'exhausted'; epoch: number; starts: number; document: DocumentRow }
  | { kind: 'skip'; reason: 'finished' | 'superseded' | 'erased' | 'restricted' | 'unknown' }
  | { kind: 'open'; starts: number }

/**
 * Makes a stage due: its row and its outbox row, in the caller's transaction. Doing it again resets the stage. `wakeAll` is for a process that has no
 * dispatcher of its own to wake.
 */
export async function scheduleStage(tx: Tx, key: StageKey, { wakeAll = false } = {}): Promise<void> {
  const { tenant_id, document_id, revision, stage } = key
  await sql`
    WITH due AS (
      INSERT INTO stages (tenant_id, document_id, revision, stage) VALUES (${tenant_id}, ${document_id}, ${revision}, ${stage})
      ON CONFLICT (document_id, revision, stage)
        DO UPDATE SET status = 'pending', starts = 0, error_code = NULL, finished_at = NULL, queued_at = now()
      RETURNING tenant_id, document_id, revision, stage
    ), told AS (
      INSERT INTO outbox (tenant_id, document_id, revision, stage) SELECT tenant_id, document_id, revision, stage FROM due
    )
    SELECT pg_notify(${PROGRESS_CHANNEL}, document_id::text), CASE WHEN ${wakeAll} THEN pg_notify(${OUTBOX_CHANNEL}, '') END FROM due`.execute(
    tx,
  )
}

/** A revision and its first stage. */
export async function startRevision(tx: Tx, job: Omit<StageJob, 'v'>, cause: 'upload' | 'version' | 'reprocess'): Promise<void> {
  await tx
    .insertInto('revisions')
    .values({ ...job, cause })
    .execute()
  await scheduleStage(tx, { ...job, stage: FIRST_STAGE }, { wakeAll: true })
}

/**
 * Claims a start: the epoch rises, so that every earlier start of this stage can no longer write. The document's row is locked first, as in every
 * transaction here, against a concurrent erasure; a shared lock would not do, because two that share it and then both write wait for each other.
 * More starts than the table of jobs allows: `exhausted`, whatever ended the earlier ones. An earlier start that has no end is taken over,
 * or with `takeOver: false` left alone and told as `open`.
 */
export async function beginStage(tx: Tx, key: StageKey, { takeOver }: { takeOver: boolean }): Promise<Begun> {
  const { document_id, revision, stage } = key
  const { rows } = await sql<Claimed>`
    WITH document AS (
      SELECT * FROM documents WHERE id = ${document_id} FOR NO KEY UPDATE
    ), started AS (
      UPDATE stages s SET status = 'running', epoch = epoch + 1, starts = starts + 1, started_at = now(), queued_at = now(),
        open_epochs = ${withNext(stage)}
      FROM document d
      WHERE s.document_id = d.id AND s.revision = ${revision} AND s.stage = ${stage}
        AND (s.stage = 'erase' OR (d.erased_at IS NULL AND d.restricted_at IS NULL AND d.revision = s.revision))
        AND (s.status = 'pending' OR (s.status = 'running' AND ${takeOver}))
      RETURNING s.epoch, s.starts
    ), processing AS (
      UPDATE documents SET status = 'processing' FROM started WHERE id = ${document_id} AND status = 'received'
    )
    SELECT document.*, started.epoch, started.starts, pg_notify(${PROGRESS_CHANNEL}, id::text),
      (SELECT status FROM stages WHERE document_id = ${document_id} AND revision = ${revision} AND stage = ${stage}) AS stage_status,
      (SELECT starts FROM stages WHERE document_id = ${document_id} AND revision = ${revision} AND stage = ${stage}) AS stage_starts
    FROM document LEFT JOIN started ON true`.execute(tx)
  const [row] = rows
  if (!row) return { kind: 'skip', reason: 'unknown' }
  const { epoch, starts, stage_status, stage_starts, ...document } = row
  if (epoch !== null && starts !== null) return { kind: starts > JOBS[stage].attempts ? 'exhausted' : 'run', epoch, starts, document }
  if (document.erased_at && stage !== 'erase') return { kind: 'skip', reason: 'erased' }
  if (document.revision !== revision && stage !== 'erase') return { kind: 'skip', reason: 'superseded' }
  // It stays due, and the sweeper asks again when the restriction is lifted.
  if (document.restricted_at && stage !== 'erase') return { kind: 'skip', reason: 'restricted' }
  return !takeOver && stage_status === 'running' ? { kind: 'open', starts: stage_starts ?? 0 } : { kind: 'skip', reason: 'finished' }
}

/** `stage_status` and `stage_starts` are what they were before this statement, and by then perhaps no longer: it only chooses between looking again and not. */
type Claimed = DocumentRow & { epoch: number | null; starts: number | null; stage_status: StageStatus | null; stage_starts: number | null }

/**
 * The fence: throws STALE_EPOCH when another start has taken over, the revision is no longer current, or the document was erased.
 * Called first in the transaction of every write, it holds the rows until the commit.
 */
export async function assertCurrent(tx: Tx, key: StageKey, epoch: number): Promise<void> {
  const { rows } = await sql<{ live: boolean; epoch: number; status: StageStatus }>`
    SELECT s.stage = 'erase' OR (d.erased_at IS NULL AND d.revision = s.revision) AS live, s.epoch, s.status
    FROM documents d JOIN stages s ON s.document_id = d.id
    WHERE d.id = ${key.document_id} AND s.revision = ${key.revision} AND s.stage = ${key.stage}
    FOR NO KEY UPDATE OF d FOR UPDATE OF s`.execute(tx)
  const [stage] = rows
  if (!stage?.live || stage.epoch !== epoch || stage.status !== 'running') throw new AppError('STALE_EPOCH')
}

/** Whether the work of a start has returned, so that it can write nothing any more, in PostgreSQL or elsewhere. */
interface Returned {
  returned: boolean
}

/**
 * For a start that could not commit. What it still has open is closed. Because of an erasure or a newer revision it is marked as ended as well, and where
 * an erasure is the reason that is made due again: what this start wrote outside PostgreSQL may be newer than what the erasure removed.
 */
export async function giveWay(tx: Tx, key: StageKey, epoch: number, { returned }: Returned): Promise<void> {
  const document = await tx
    .selectFrom('documents')
    .select(['erased_at', 'revision'])
    .where('id', '=', key.document_id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!document) return
  if (returned)
    await stageRow(tx, key)
      .set({ open_epochs: without(sql<number>`${epoch}`) })
      .execute()
  if (key.stage === 'erase' || (!document.erased_at && document.revision === key.revision)) return
  const code: ErrorCode = document.erased_at ? 'DOCUMENT_ERASED' : 'REVISION_SUPERSEDED'
  await stageRow(tx, key)
    .where('epoch', '=', epoch)
    .where('status', '=', 'running')
    .set({ status: 'failed', finished_at: sql<Date>`now()`, error_code: code })
    .execute()
  if (!document.erased_at) return
  const erasure = await tx
    .selectFrom('stages')
    .select('revision')
    .where('document_id', '=', key.document_id)
    .where('stage', '=', 'erase')
    .executeTakeFirst()
  if (!erasure) return
  // It waits for this start's time to be over no longer.
  await tx.deleteFrom('outbox').where('document_id', '=', key.document_id).where('stage', '=', 'erase').execute()
  await scheduleStage(tx, { ...key, revision: erasure.revision, stage: 'erase' })
}

/** Ends a stage well and makes the next one due. Call after `assertCurrent` in the same transaction. */
export async function completeStage(tx: Tx, key: StageKey, { returned }: Returned): Promise<void> {
  await stageRow(tx, key)
    .set({ status: 'completed', finished_at: sql<Date>`now()`, error_code: null, ...closed(returned) })
    .execute()
  const next = JOBS[key.stage].next
  if (next) await scheduleStage(tx, { ...key, stage: next })
  else await notifyProgress(tx, key.document_id)
}

/**
 * Ends a stage, and with it the revision, with a reason. A refusal by the policy ends as `refused`, under rules that are remembered; everything else as
 * `failed`.
 */
export async function failStage(
  tx: Tx,
  key: StageKey,
  code: ErrorCode,
  { outcome, returned }: Returned & { outcome: 'failed' | { refusedUnder: string } },
): Promise<void> {
  await stageRow(tx, key)
    .set({
      status: 'failed',
      finished_at: sql<Date>`now()`,
      error_code: code,
      ...closed(returned),
      ...(outcome === 'failed' ? {} : { refused_under: withRules(outcome.refusedUnder) }),
    })
    .execute()
  if (key.stage !== 'erase') {
    await tx
      .updateTable('documents')
      .set({ status: outcome === 'failed' ? 'failed' : 'refused', error_code: code, completed_at: sql<Date>`now()` })
      .where('id', '=', key.document_id)
      .where('erased_at', 'is', null)
      .execute()
  }
  await notifyProgress(tx, key.document_id)
}

/** Puts a stage back for `dueInMs`: after a passing failure, at shutdown, or because it has to look again; the latter two do not count the start. */
export async function postponeStage(
  tx: Tx,
  key: StageKey,
  options: Returned & { dueInMs: number; countStart: boolean; code: ErrorCode | null },
): Promise<void> {
  await stageRow(tx, key)
    .set((row) => ({
      status: 'pending' as StageStatus,
      error_code: options.code,
      queued_at: sql<Date>`now() + ${options.dueInMs} * interval '1 millisecond'`,
      ...closed(options.returned),
      ...(options.countStart ? {} : { starts: row('starts', '-', 1) }),
    }))
    .execute()
  await enqueue(tx, key.stage, key, options.dueInMs)
  await notifyProgress(tx, key.document_id)
}

/** The start that the fence has let through is the last one. */
function closed(returned: boolean) {
  return returned ? { open_epochs: without() } : {}
}

/** The newest last, each once, and of very many the newest. */
function withRules(refusedUnder: string) {
  return sql<
    string[]
  >`(array_append(array_remove(refused_under, ${refusedUnder}), ${refusedUnder}))[greatest(1, cardinality(array_remove(refused_under, ${refusedUnder})) + 2 - ${REFUSED_UNDER_MAX}::int):]`
}

async function notifyProgress(tx: Tx, documentId: string): Promise<void> {
  await sql`SELECT pg_notify(${PROGRESS_CHANNEL}, ${documentId})`.execute(tx)
}

function stageRow(tx: Tx, key: StageKey) {
  return tx
    .updateTable('stages')
    .where('document_id', '=', key.document_id)
    .where('revision', '=', key.revision)
    .where('stage', '=', key.stage)
}
