import { sql } from 'kysely'
import { JOBS, STAGES, type Stage } from '../contracts/jobs.ts'
import type { Tx } from './connection.ts'

/**
 * Which starts of stages may still write to a store outside PostgreSQL. `stages.open_epochs` holds the epoch of each start that has begun and not said
 * that its work has returned. Who was killed never says so: then its time decides. Epochs and no count, because an end may be said twice.
 */

/** After its time a start begins no write (StageRun.expectTime), and no request to a store takes longer than this. */
const LATE_WRITE_MS = 70_000

const boundMs = (stage: Stage) => JOBS[stage].timeoutMs + LATE_WRITE_MS

/** After that the time of any start is over, and no erasure waits for it any more. */
export const START_MS_MAX = Math.max(...STAGES.map(boundMs))

/** For the UPDATE of `stages s` that begins a start. Where the time of the last start is over, that of the earlier ones is as well. */
export function withNext(stage: Stage) {
  const over = sql`s.started_at < now() - ${boundMs(stage)} * interval '1 millisecond'`
  return sql<number[]>`CASE WHEN ${over} THEN '{}'::int[] ELSE s.open_epochs END || (s.epoch + 1)`
}

/** For an UPDATE of `stages` that says what became of a start, by default of the last one. */
export function without(epoch = sql<number>`epoch`) {
  return sql<number[]>`array_remove(open_epochs, ${epoch})`
}

/**
 * When no stage of these documents can write any more; null when that is so. Of several open starts of a stage each is taken for the last one, which
 * is the safe side.
 */
export async function whenSettled(tx: Tx, documentIds: readonly string[]): Promise<{ at: Date; inMs: number } | null> {
  if (documentIds.length === 0) return null
  const rows = await tx
    .selectFrom('stages')
    .select(['stage', sql<Date>`max(started_at)`.as('started_at'), sql<Date>`now()`.as('now')])
    .where('document_id', 'in', [...documentIds])
    .where(
      'stage',
      'in',
      STAGES.filter((stage) => stage !== 'erase'),
    )
    .where(sql<boolean>`cardinality(open_epochs) > 0`)
    .groupBy('stage')
    .execute()
  const ends = rows.map(({ stage, started_at, now }) => {
    const at = new Date(started_at.getTime() + boundMs(stage))
    return { at, inMs: at.getTime() - now.getTime() }
  })
  const [last] = ends.sort((one, other) => other.inMs - one.inMs)
  return last && last.inMs > 0 ? last : null
}

/** The same for documents that are being erased; null as well while a store of one of them was not yet found empty. */
export async function settlesAt(tx: Tx, documentIds: readonly string[]): Promise<Date | null> {
  const settled = await whenSettled(tx, documentIds)
  if (!settled) return null
  const left = await tx
    .selectFrom('artifacts')
    .select('document_id')
    .where('document_id', 'in', [...documentIds])
    .where('erased_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return left ? null : settled.at
}
