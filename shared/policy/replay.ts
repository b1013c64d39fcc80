import type { PolicyReplay, ReplayGroup } from '../contracts/replay.ts'
import { type Decision, evaluate, type PolicyRequest, together } from './evaluate.ts'
import type { Rules } from './explain.ts'
import type { PolicyTask } from './policy.ts'
import { recipientOf } from './recipient.ts'

/** Data that a past call contained. Several `readings` where the record does not tell which classes it had: the call is judged by each of them. */
export interface PastSubject extends Pick<PolicyRequest, 'sensitivity' | 'purpose'> {
  readings: readonly PolicyRequest['data_classes'][]
}

/** What the record says of a model call. */
export interface PastCall {
  tenant_id: string
  /** ISO 8601. */
  time: string
  task: PolicyTask
  /** `endpoints` are all addresses that might have taken the call. */
  recipient: { processor: string; region: string; endpoints: readonly string[] }
  was: 'allowed' | 'refused'
  subjects: readonly PastSubject[]
  document_ids: readonly string[]
}

/** A call of which the record does not hold what a decision needs. */
export interface UnknownCall {
  unknown: string
}

/** Of each group: a rule that refuses everything may name every document there is. */
const GROUP_DOCUMENTS_MAX = 1_000
const GROUPS_MAX = 500

type Tally = Pick<
  PolicyReplay,
  'calls' | 'still_allowed' | 'still_refused' | 'now_refused' | 'now_allowed' | 'unknown' | 'groups' | 'unknown_because'
>

interface Collected extends Omit<ReplayGroup, 'documents' | 'document_ids'> {
  documents: Set<string>
}

export interface Replay {
  add(call: PastCall | UnknownCall): void
  result(): Tally
}

/** Judges past calls again by `rules` (a new policy with the register of today), one by one. `today` null: each on its own day. */
export function createReplay(rules: Pick<Rules, 'policy' | 'register' | 'declarations'>, today: string | null): Replay {
  const counts = { still_allowed: 0, still_refused: 0, now_refused: 0, now_allowed: 0, unknown: 0 }
  const groups = new Map<string, Collected>()
  const unknown = new Map<string, number>()

  const doNotKnow = (reason: string) => {
    counts.unknown += 1
    unknown.set(reason, (unknown.get(reason) ?? 0) + 1)
  }
  const judge = (call: PastCall) => {
    const decision = decide(rules, call, today ?? call.time.slice(0, 10))
    if (decision === null)
      return doNotKnow('the record does not tell whether the data was personal, and the policy treats both differently')
    if (decision.outcome === call.was) {
      counts[call.was === 'allowed' ? 'still_allowed' : 'still_refused'] += 1
      return
    }
    const change = decision.outcome === 'refused' ? 'now_refused' : 'now_allowed'
    counts[change] += 1
    collect(groups, change, call, decision)
  }

  return {
    add: (call) => ('unknown' in call ? doNotKnow(call.unknown) : judge(call)),
    result: () => ({
      calls: Object.values(counts).reduce((sum, count) => sum + count, 0),
      ...counts,
      groups: [...groups.values()]
        .map(({ documents, ...group }) => ({
          ...group,
          documents: documents.size,
          document_ids: [...documents].slice(0, GROUP_DOCUMENTS_MAX),
        }))
        .sort((a, b) => a.change.localeCompare(b.change) * -1 || b.calls - a.calls),
      unknown_because: [...unknown].map(([reason, calls]) => ({ reason, calls })).sort((a, b) => b.calls - a.calls),
    }),
  }
}

/** As the gateway decides: every document in the call, at every address that may take it. Null: the answer depends on what the record does not tell. */
function decide(
  { policy, register, declarations }: Pick<Rules, 'policy' | 'register' | 'declarations'>,
  call: PastCall,
  day: string,
): Decision | null {
  const { task, tenant_id, recipient, subjects } = call
  const { processor, region, endpoints } = recipient
  const recipients = endpoints.map((endpoint) => recipientOf(register, { processor, endpoint, region }, declarations))
  let first: Decision | undefined
  const decisions: Decision[] = []
  let undecided = false
  for (const { sensitivity, purpose, readings } of subjects) {
    const read = readings.map((data_classes) => {
      const each = recipients.map((to) => evaluate(policy, to, { data_classes, sensitivity, purpose, task, tenant_id, day }))
      const [one] = each
      return one && together(each, one)
    })
    const [one] = read
    if (!one) return null
    if (read.some((decision) => decision?.outcome !== one.outcome)) undecided = true
    else decisions.push(one)
    first ??= one
  }
  // One refusal refuses the call, whatever the rest would be.
  const refusal = decisions.find(({ outcome }) => outcome === 'refused')
  if (refusal) return refusal
  return undecided ? null : (first ?? null)
}

function collect(groups: Map<string, Collected>, change: Collected['change'], call: PastCall, { rule, failed }: Decision): void {
  const { processor, region } = call.recipient
  const exact = JSON.stringify([change, processor, region, rule, failed])
  // Beyond the bound what failed is no longer told apart, and the sums stay whole.
  const key = groups.has(exact) || groups.size < GROUPS_MAX ? exact : JSON.stringify([change, processor, region, rule])
  const group = groups.get(key) ?? { change, processor, region, rule, failed: key === exact ? failed : [], calls: 0, documents: new Set() }
  group.calls += 1
  for (const id of call.document_ids) group.documents.add(id)
  groups.set(key, group)
}
