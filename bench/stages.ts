import { FIRST_STAGE, JOBS, type Stage } from '../shared/contracts/jobs.ts'

/** The stages that a document goes through, in order. */
export const STAGES_OF_A_DOCUMENT: readonly Stage[] = follow(FIRST_STAGE)

function follow(first: Stage): Stage[] {
  const stages: Stage[] = []
  for (let stage: Stage | null = first; stage !== null; stage = JOBS[stage].next) stages.push(stage)
  return stages
}
