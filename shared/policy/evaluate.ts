import type { DataClass, Purpose, Sensitivity } from '../contracts/document.ts'
import { EEA, type Policy, type PolicyTask, type Require, type Rule } from './policy.ts'
import type { Recipient } from './recipient.ts'
import type { Processor } from './register.ts'

/** The data as it is classed before any model sees it, and what is to be done with it. */
export interface PolicyRequest {
  data_classes: readonly DataClass[]
  sensitivity: Sensitivity
  purpose: Purpose
  task: PolicyTask
}

/** `rule` null: no rule speaks of this data, or the processor is not in the register. `failed` is for a reader; it never holds data. */
export interface Decision {
  outcome: 'allowed' | 'refused'
  rule: string | null
  failed: { requirement: string; found: string }[]
}

const STRICTEST_FIRST: readonly DataClass[] = ['special', 'criminal', 'personal', 'none']
const CLASSES_OF_A_SILENT_RULE: readonly DataClass[] = ['personal', 'none']

/**
 * Decides one call. Default deny; for each class of the data the first rule whose `when` fits decides by its requirements; every class must be
 * allowed, and the strictest one that is refused (else the strictest) gives its rule's name to the decision. Whatever the rules ask, bytes leave this
 * process only to an endpoint that the register holds. Pure and total: it never throws.
 */
export function evaluate(policy: Policy, recipient: Recipient, request: PolicyRequest): Decision {
  const { processor } = recipient
  if (processor === null) return refused(null, [{ requirement: 'processor in the register', found: `no entry ${recipient.key}` }])
  const decisions = classesOf(request).map((dataClass) => decide(policy, { ...recipient, processor }, request, dataClass))
  return (
    decisions.find((decision) => decision.outcome === 'refused') ??
    decisions[0] ??
    refused(null, [{ requirement: 'data class of the document', found: 'none given' }])
  )
}

/** How data is declared. */
type Declared = Pick<PolicyRequest, 'data_classes' | 'sensitivity'>

/** For sorting, the strictest data first; data without a class before all, because it is always refused. */
export function byStrictness(a: Declared, b: Declared): number {
  const rank = (data: Declared) => {
    const [strictest] = classesOf(data)
    return strictest === undefined ? -1 : STRICTEST_FIRST.indexOf(strictest)
  }
  return rank(a) - rank(b)
}

/** Strictest first. `none` beside another class says nothing, and a document marked special by its sensitivity is special. */
export function classesOf(request: Declared): DataClass[] {
  const given = new Set<DataClass>(request.data_classes)
  if (request.sensitivity === 'special') given.add('special')
  if (given.size > 1) given.delete('none')
  return STRICTEST_FIRST.filter((dataClass) => given.has(dataClass))
}

type KnownRecipient = Recipient & { processor: Processor }

function decide(policy: Policy, recipient: KnownRecipient, request: PolicyRequest, dataClass: DataClass): Decision {
  const rule = policy.rules.find((candidate) => speaksOf(candidate, request, dataClass))
  if (!rule) return refused(null, [{ requirement: `a rule for ${dataClass} data`, found: 'none' }])
  if (!rule.allow) return refused(rule.name, [])
  const failed = unmet(rule.require, recipient)
  return failed.length === 0 ? { outcome: 'allowed', rule: rule.name, failed } : refused(rule.name, failed)
}

function refused(rule: string | null, failed: Decision['failed']): Decision {
  return { outcome: 'refused', rule, failed }
}

function speaksOf({ when }: Rule, request: PolicyRequest, dataClass: DataClass): boolean {
  return (
    (when.data_classes ?? CLASSES_OF_A_SILENT_RULE).includes(dataClass) &&
    (when.sensitivity?.includes(request.sensitivity) ?? true) &&
    (when.purposes?.includes(request.purpose) ?? true) &&
    (when.tasks?.includes(request.task) ?? true)
  )
}

function unmet(require: Require, recipient: KnownRecipient): Decision['failed'] {
  const { processor, endpoint } = recipient
  const failed: Decision['failed'] = []
  const ask = (requirement: string, wanted: readonly string[] | undefined, found: string) => {
    if (wanted && !wanted.includes(found)) failed.push({ requirement: `${requirement} in ${wanted.join(', ')}`, found })
  }
  ask('deployment', require.deployment, processor.deployment)
  if (processor.deployment === 'in_process') return failed

  const country = processor.legal_entity.country ?? 'unknown'
  const wanted = require.entity_country_in
  if (wanted && !wanted.some((place) => (place === 'EEA' ? EEA.includes(country) : place === country))) {
    failed.push({ requirement: `country of the contracting entity in ${wanted.join(', ')}`, found: country })
  }
  if (endpoint)
    ask(
      'region',
      require.region_in?.filter((region) => region !== 'unknown'),
      endpoint.region,
    )
  else failed.push({ requirement: 'endpoint in the register', found: 'unknown' })
  ask('reach of foreign law', require.reach_in, processor.reach.grade)
  const days = processor.retention.days
  if (require.retention_days_max !== undefined && (days === null || days > require.retention_days_max)) {
    failed.push({
      requirement: `retention of at most ${require.retention_days_max} days`,
      found: days === null ? 'unknown' : `${days} days`,
    })
  }
  ask('use for training', require.training_use, processor.training.use)
  return failed
}
