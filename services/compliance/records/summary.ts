import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { Outcome, outcomeOf } from '../../../shared/contracts/records.ts'

interface Exchanges {
  regions: Set<string>
  sent: number
  refused: number
  unknown: number
}

/** What many events come to: as large as there are operations, processors and rules, however many events there are. */
export interface RecordSummary {
  events: number
  first: string | null
  last: string | null
  operations: Map<string, Record<Outcome, number>>
  /** By key of the register. A call that was begun is not counted until it ended: it has two events. */
  processors: Map<string, Exchanges>
  rules: Map<string, { allowed: number; refused: number }>
}

export function emptySummary(): RecordSummary {
  return { events: 0, first: null, last: null, operations: new Map(), processors: new Map(), rules: new Map() }
}

/** Events are added in the order of their times. */
export function addToSummary(summary: RecordSummary, event: ProcessingEvent): void {
  const outcome = outcomeOf(event)
  summary.events += 1
  summary.first ??= event.time
  summary.last = event.time
  const counts = summary.operations.get(event.operation) ?? noOutcomes()
  counts[outcome] += 1
  summary.operations.set(event.operation, counts)
  if (event.phase === 'intent') return
  if (event.recipient) {
    const { processor, region } = event.recipient
    const exchanges = summary.processors.get(processor) ?? { regions: new Set(), sent: 0, refused: 0, unknown: 0 }
    exchanges.regions.add(region)
    exchanges[event.phase === 'refused' ? 'refused' : event.phase === 'outcome_unknown' ? 'unknown' : 'sent'] += 1
    summary.processors.set(processor, exchanges)
  }
  if (event.policy) {
    const rule = event.policy.rule ?? 'no rule matched'
    const judged = summary.rules.get(rule) ?? { allowed: 0, refused: 0 }
    judged[event.policy.outcome] += 1
    summary.rules.set(rule, judged)
  }
}

function noOutcomes(): Record<Outcome, number> {
  return Object.fromEntries(Outcome.options.map((outcome) => [outcome, 0])) as Record<Outcome, number>
}
