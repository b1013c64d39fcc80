import type { DataClass, Purpose, Sensitivity } from '../contracts/document.ts'
import type { MaskKind } from '../contracts/masking.ts'
import { isWithin, type Policy, type PolicyTask, type Require, type Rule } from './policy.ts'
import type { Recipient } from './recipient.ts'
import { type Processor, reachOn, subprocessorsOn } from './register.ts'

/** The data as it is classed before any model sees it, and what is to be done with it. */
export interface PolicyRequest {
  data_classes: readonly DataClass[]
  sensitivity: Sensitivity
  purpose: Purpose
  task: PolicyTask
  tenant_id: string
  /** The day of the call, ISO 8601: facts age, and subprocessors come and go. */
  day: string
}

/** `rule` null: no rule speaks of this data, or the processor is not in the register. `failed` is for a reader; it never holds data. */
export interface Decision {
  outcome: 'allowed' | 'refused'
  rule: string | null
  failed: { requirement: string; found: string }[]
  /** What has to be masked before the call: all that the deciding rules ask for, each kind once. Empty where nothing is handed to anybody. */
  mask: readonly MaskKind[]
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
  const [strictest] = decisions
  if (!strictest) return refused(null, [{ requirement: 'data class of the document', found: 'none given' }])
  return together(decisions, strictest)
}

/** Several decisions about one call: the first refusal, else `first` with the masks of all. */
export function together(decisions: readonly Decision[], first: Decision): Decision {
  const refusal = decisions.find((decision) => decision.outcome === 'refused')
  return refusal ?? { ...first, mask: [...new Set(decisions.flatMap(({ mask }) => mask))] }
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
  const failed = unmet(rule.require, recipient, request.day)
  if (failed.length > 0) return refused(rule.name, failed)
  return { outcome: 'allowed', rule: rule.name, failed, mask: recipient.processor.deployment === 'in_process' ? [] : rule.mask }
}

function refused(rule: string | null, failed: Decision['failed']): Decision {
  return { outcome: 'refused', rule, failed, mask: [] }
}

function speaksOf({ when }: Rule, request: PolicyRequest, dataClass: DataClass): boolean {
  return (
    (when.data_classes ?? CLASSES_OF_A_SILENT_RULE).includes(dataClass) &&
    (when.sensitivity?.includes(request.sensitivity) ?? true) &&
    (when.purposes?.includes(request.purpose) ?? true) &&
    (when.tasks?.includes(request.task) ?? true) &&
    (when.tenants?.includes(request.tenant_id) ?? true)
  )
}

type Failed = Decision['failed']

function unmet(require: Require, recipient: KnownRecipient, day: string): Failed {
  const { processor, endpoint } = recipient
  if (processor.deployment === 'in_process') return unmetDeployment(require, processor)
  return [
    ...unmetDeployment(require, processor),
    ...unmetCompanies(require, processor, day),
    ...unmetEndpoint(require, endpoint, day),
    ...unmetUse(require, processor, day),
  ]
}

function unmetDeployment(require: Require, { deployment }: Processor): Failed {
  return notAmong('deployment', require.deployment, deployment)
}

/** Who it is, who owns it, and whom it hands the data to. */
function unmetCompanies(require: Require, processor: Processor, day: string): Failed {
  const { legal_entity, parents, subprocessors, reach } = processor
  const failed: Failed = []
  const country = (of: string, places: Require['entity_country_in'], company: { country: string | null } & Evidence) => {
    if (!places) return
    if (!isWithin(places, company.country)) {
      failed.push({ requirement: `country of ${of} in ${places.join(', ')}`, found: company.country ?? 'unknown' })
    } else failed.push(...stale(require, `the country of ${of}`, company, day))
  }
  country('the contracting entity', require.entity_country_in, legal_entity)
  for (const parent of parents) country(`the parent ${parent.entity}`, require.parent_country_in, parent)
  if ((require.subprocessors_read || require.subprocessor_country_in) && !subprocessors.read)
    failed.push({ requirement: 'list of subprocessors read', found: 'unknown' })
  else if (require.subprocessors_read || require.subprocessor_country_in)
    failed.push(...stale(require, 'the list of subprocessors', subprocessors, day))
  for (const company of subprocessorsOn(processor, day))
    country(`the subprocessor ${company.entity}`, require.subprocessor_country_in, company)
  if (require.reach_in) {
    const missed = notAmong('reach of foreign law', require.reach_in, reachOn(processor, day))
    failed.push(...(missed.length > 0 ? missed : stale(require, 'the reach of foreign law', reach, day)))
  }
  return failed
}

function unmetEndpoint(require: Require, endpoint: Recipient['endpoint'], day: string): Failed {
  if (!endpoint) return [{ requirement: 'endpoint in the register', found: 'unknown' }]
  const regions = require.region_in?.filter((region) => region !== 'unknown')
  const missed = notAmong('region', regions, endpoint.region)
  return missed.length > 0 || !regions ? missed : stale(require, 'the region', endpoint, day)
}

/** What it does with the data. */
function unmetUse(require: Require, { retention, training }: Processor, day: string): Failed {
  const failed: Failed = []
  const { retention_days_max, training_use } = require
  if (retention_days_max !== undefined) {
    const { days } = retention
    if (days === null || days > retention_days_max)
      failed.push({ requirement: `retention of at most ${retention_days_max} days`, found: days === null ? 'unknown' : `${days} days` })
    else failed.push(...stale(require, 'the retention', retention, day))
  }
  if (training_use) {
    const missed = notAmong('use for training', training_use, training.use)
    failed.push(...(missed.length > 0 ? missed : stale(require, 'the use for training', training, day)))
  }
  return failed
}

function notAmong(requirement: string, wanted: readonly string[] | undefined, found: string): Failed {
  return wanted && !wanted.includes(found) ? [{ requirement: `${requirement} in ${wanted.join(', ')}`, found }] : []
}

interface Evidence {
  read_on: string
}

function stale({ evidence_days_max }: Require, fact: string, { read_on }: Evidence, day: string): Failed {
  if (evidence_days_max === undefined || daysBetween(read_on, day) <= evidence_days_max) return []
  return [{ requirement: `evidence of ${fact} at most ${evidence_days_max} days old`, found: `read on ${read_on}` }]
}

const DAY_MS = 86_400_000

/** Both ISO 8601 days. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS)
}
