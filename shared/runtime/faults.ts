import { z } from 'zod'
import { STAGES } from '../contracts/jobs.ts'

/**
 * Where a process can be made to fail, to show what a crash there does. Of a stage: `started` (claimed, nothing done), `worked` (everything outside
 * PostgreSQL is done, nothing is committed), `committed` (PostgreSQL has it all, the queue does not know).
 */
const STAGE_POINTS = ['started', 'worked', 'committed'] as const
const FAULT_POINTS = [
  'upload:registered',
  'upload:stored',
  'upload:accepted',
  'dispatch:published',
  ...STAGES.flatMap((stage) => STAGE_POINTS.map((point) => `${stage}:${point}` as const)),
  'index:registered',
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]

/** `kill`: SIGKILL. `stop`: SIGSTOP, until somebody sends SIGCONT. `block`: the event loop stands still. */
const ACTIONS = ['kill', 'stop', 'block'] as const
/** More than twice the lock of a job. */
const BLOCK_MS = 12_000

/** The value of FAULT_AT: `stage:point`, then an action (default `kill`), then the id of the one document that it is about, as in `index:worked:stop`. */
export const FaultAt = z.string().transform((text, context) => {
  const [step, point, action = 'kill', documentId, ...rest] = text.split(':')
  const fault = z
    .strictObject({ at: z.enum(FAULT_POINTS), action: z.enum(ACTIONS), documentId: z.uuid().optional() })
    .safeParse({ at: `${step}:${point}`, action, ...(documentId === undefined ? {} : { documentId }) })
  if (fault.success && rest.length === 0) return fault.data
  context.addIssue(`stage:point[:action[:document id]], points ${FAULT_POINTS.join(', ')}, actions ${ACTIONS.join(', ')}`)
  return z.NEVER
})
type Fault = z.infer<typeof FaultAt>

/** Says that a process is at a point with a document. */
export type PassPoint = (point: FaultPoint, documentId: string) => void

export const NO_FAULTS: PassPoint = () => undefined

/** With a fault it happens once in a process, at the first document that gets there. */
export function createFaultPoints(fault: Fault | undefined): PassPoint {
  if (!fault) return NO_FAULTS
  let armed = true
  return (point, documentId) => {
    if (!armed || point !== fault.at || (fault.documentId !== undefined && fault.documentId !== documentId)) return
    armed = false
    happen(fault.action)
  }
}

function happen(action: Fault['action']): void {
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      return
    case 'stop':
      process.kill(process.pid, 'SIGSTOP')
      return
    case 'block':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS)
  }
}
