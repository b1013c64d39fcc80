import type { Rules } from './explain.ts'
import { type Recipient, recipientOf } from './recipient.ts'
import type { Processor } from './register.ts'

const DAY_MS = 86_400_000
/** ISO 8601 days are compared as text, which holds up to here. */
const LAST_MS = Date.parse('9999-12-31')

/**
 * The days (ISO 8601, in order) from which on a decision about a configured provider may be another one although nobody changed anything: a subprocessor
 * comes or goes, evidence grows older than a rule takes. Between two of them every call is decided alike; not on every one of them is one decided otherwise.
 */
export function turningDays({ policy, register, declarations, targets }: Rules): string[] {
  const recipients = Object.values(targets).flatMap((list) => list.map((target) => recipientOf(register, target, declarations)))
  const agesMax = new Set(policy.rules.flatMap(({ require }) => require.evidence_days_max ?? []))
  const days = recipients.flatMap((recipient) => [
    ...(recipient.processor ? comingsAndGoings(recipient.processor) : []),
    ...readOn(recipient).flatMap((read) => [...agesMax].flatMap((age) => firstDayTooOld(read, age))),
  ])
  return [...new Set(days)].sort()
}

/** The last of these days (in order) that has come by `day`; null: none yet. */
export function lastTurn(days: readonly string[], day: string): string | null {
  return days.findLast((turn) => turn <= day) ?? null
}

/** `to` is the first day without (subprocessorsOn of register.ts). */
function comingsAndGoings({ subprocessors }: Processor): string[] {
  return subprocessors.list.flatMap(({ valid, known }) => [valid.from, valid.to, known.from, known.to].filter((day) => day !== null))
}

/** Of every fact that a rule can ask for (evaluate.ts). */
function readOn({ processor, endpoint }: Recipient): string[] {
  if (!processor) return []
  const { legal_entity, parents, subprocessors, reach, retention, training } = processor
  const facts = [
    legal_entity,
    ...parents,
    subprocessors,
    ...subprocessors.list,
    reach,
    retention,
    training,
    ...(endpoint ? [endpoint] : []),
  ]
  return facts.map(({ read_on }) => read_on)
}

function firstDayTooOld(read: string, ageMaxDays: number): string[] {
  const ms = Date.parse(read) + (ageMaxDays + 1) * DAY_MS
  return ms > LAST_MS ? [] : [new Date(ms).toISOString().slice(0, 10)]
}
