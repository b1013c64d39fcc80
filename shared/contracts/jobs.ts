import { z } from 'zod'

/** Ids and a revision, never content. */
const StageJob = z.strictObject({
  v: z.literal(1),
  tenant_id: z.uuid(),
  document_id: z.uuid(),
  revision: z.int().min(1),
})
export type StageJob = z.infer<typeof StageJob>

/**
 * THE PIPELINE AS ONE TABLE. A document travels extract → enrich → index → done; erase runs beside it.
 * PostgreSQL decides what is due; a queue only says when.
 *
 * attempts     starts of one stage of one revision before it fails for good (counted in PostgreSQL, so a lost queue does not reset it);
 *              an erasure is never given up: a store that is away for a week is emptied when it is back
 * backoffMs    pause before the second start; doubles with each further one, with jitter
 * timeoutMs    wall clock of one start
 * concurrency  starts at once in one worker process
 * waits        most of a start is waiting for a model: after a crash such starts need not run one by one
 * next         the stage that follows, or null
 */
export const JOBS = {
  extract: { payload: StageJob, attempts: 4, backoffMs: 1_000, timeoutMs: 120_000, concurrency: 2, waits: false, next: 'enrich' },
  enrich: { payload: StageJob, attempts: 10, backoffMs: 2_000, timeoutMs: 180_000, concurrency: 320, waits: true, next: 'index' },
  index: { payload: StageJob, attempts: 10, backoffMs: 1_000, timeoutMs: 180_000, concurrency: 4, waits: false, next: 'done' },
  done: { payload: StageJob, attempts: 10, backoffMs: 1_000, timeoutMs: 30_000, concurrency: 4, waits: false, next: null },
  erase: { payload: StageJob, attempts: 1_000_000, backoffMs: 1_000, timeoutMs: 60_000, concurrency: 4, waits: false, next: null },
} as const satisfies Record<string, JobDefinition>

interface JobDefinition {
  payload: z.ZodType<StageJob>
  attempts: number
  backoffMs: number
  timeoutMs: number
  concurrency: number
  waits: boolean
  next: 'enrich' | 'index' | 'done' | null
}

export type Stage = keyof typeof JOBS
export const STAGES = Object.keys(JOBS) as [Stage, ...Stage[]]
export const FIRST_STAGE = 'extract' satisfies Stage

/** Deterministic, so that publishing twice makes one job; BullMQ allows neither `:` nor digits alone. */
export function jobId(stage: Stage, job: StageJob): string {
  return `${stage}-${job.document_id}-${job.revision}`
}
