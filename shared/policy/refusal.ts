import type { Refusal } from '../contracts/document.ts'
import type { EventDraft } from '../contracts/record.ts'
import type { Policy, PolicyTask, Require, Rule } from './policy.ts'
import { claimOf, listed, placesOf, unmetSentence } from './refusal-words.ts'
import type { ProcessorRegister } from './register.ts'

/** What is on record of a call that was not made: an event of the record fits, and so does a draft of one. */
export type RefusedCall = Pick<EventDraft, 'step' | 'recipient' | 'policy' | 'model' | 'special' | 'criminal'>

/** The rules that are in force; GatewayOptions fits. */
export interface RulesInForce {
  register: ProcessorRegister
  policy: Policy
  policyHash: string
}

/**
 * Why nobody was allowed to do what was asked, in plain English for whoever answers for the policy: first what the policy lets happen to this data, then
 * for each processor in the order in which it was asked what it lacks. `calls` are the refusals of one attempt, oldest first; where the task or the
 * policy changed among them, the last one's count. Pure; no sentence holds more than the calls, the register and the policy do.
 */
export function explainRefusal(calls: readonly RefusedCall[], rules: RulesInForce, stage: string): Refusal {
  const last = calls.at(-1)
  const hash = last?.policy?.hash
  const task = last?.model?.task ?? null
  if (!last || hash === undefined) {
    const sentence = 'No provider of models is configured that could be asked, so nobody could be allowed.'
    return { stage, task, policy: null, sentences: [sentence] }
  }
  const name = hash === rules.policyHash ? rules.policy.name : null
  const ofLast = calls.filter((call) => call.policy?.hash === hash && (call.model?.task ?? null) === task)
  const perRecipient = new Map(ofLast.map((call) => [`${call.recipient?.processor} ${call.recipient?.region}`, call]))
  const refused = [...perRecipient.values()]
  const opening = [...new Set(refused.map((call) => openingSentence(call, name === null ? null : rules.policy)))]
  return {
    stage,
    task,
    policy: { name, hash },
    sentences: [...opening, ...refused.map((call) => recipientSentence(call, rules.register)), closingSentence(task)],
  }
}

/** What the policy says of this data. `policy` null: it is no longer in force, and only its hash is known. */
function openingSentence(call: RefusedCall, policy: Policy | null): string {
  const called = policy ? `The policy ${policy.name}` : 'The policy that was in force then'
  const ruleName = call.policy?.rule ?? null
  if (ruleName === null) return `${called} refuses what no rule of it allows.`
  const rule = policy?.rules.find((candidate) => candidate.name === ruleName)
  const by = `${called} (rule ${ruleName})`
  if (!rule) return `${by} does not let ${dataOf(call)} go to every processor.`
  if (!rule.allow) return `${by} lets ${dataOf(call)} go to nobody.`
  const wanted = requirementsOf(rule)
  return wanted.length === 0
    ? `${by} lets ${dataOf(call)} go to every processor in the register.`
    : `${by} lets ${dataOf(call)} go only to ${listed(wanted, 'and')}.`
}

function dataOf({ special, criminal }: RefusedCall): string {
  if (special && criminal) return 'special-category data (GDPR Art. 9) and data about criminal offences (Art. 10)'
  if (special) return 'special-category data (GDPR Art. 9)'
  return criminal ? 'data about criminal offences (GDPR Art. 10)' : 'this data'
}

/** As parts of one sentence that begins with "go only to". */
function requirementsOf({ require }: Rule): string[] {
  const parts: [wanted: unknown, text: () => string][] = [
    [require.entity_country_in, () => `whose contracting company is in ${placesOf(require.entity_country_in ?? [])}`],
    [require.parent_country_in, () => `whose owners are in ${placesOf(require.parent_country_in ?? [])}`],
    [require.subprocessors_read, () => 'whose list of subprocessors somebody has read'],
    [require.subprocessor_country_in, () => `whose subprocessors are in ${placesOf(require.subprocessor_country_in ?? [])}`],
    [require.region_in, () => `which takes the call in the region ${listed(require.region_in ?? [], 'or')}`],
    [require.reach_in, () => `for which the reach of foreign law is ${listed((require.reach_in ?? []).map(claimOf), 'or')}`],
    [require.retention_days_max, () => `which keeps the data for at most ${require.retention_days_max} days`],
    [require.training_use, () => `whose use of the data for training is ${listed((require.training_use ?? []).map(claimOf), 'or')}`],
    [require.evidence_days_max, () => `about which each of these facts was read at most ${require.evidence_days_max} days before`],
  ]
  const asked = parts.filter(([wanted]) => wanted !== undefined).map(([, text]) => text())
  if (asked.length === 0 && require.deployment === undefined) return []
  return [`a processor ${deploymentOf(require)}`.trimEnd(), ...asked]
}

function deploymentOf({ deployment }: Require): string {
  return deployment ? `that is ${listed(deployment.map(claimOf), 'or')}` : 'in the register'
}

function recipientSentence({ recipient, policy }: RefusedCall, register: ProcessorRegister): string {
  const key = recipient?.processor ?? 'an unnamed processor'
  const name = register.processors.find((processor) => processor.key === key)?.name ?? key
  if (policy?.outcome === 'allowed') return `${name} was allowed only with personal data masked, and this call cannot be masked.`
  const failed = policy?.failed ?? []
  if (failed.length === 0) return `${name} was refused, as everybody is by this rule.`
  return `${name} was refused because: ${failed.map(unmetSentence).join('; ')}.`
}

const PURPOSES: Readonly<Record<PolicyTask, string>> = {
  classify: 'to tell what kind of document it is',
  extract: 'to read its fields',
  answer: 'to answer the question',
  embed: 'to make it searchable by meaning',
  ocr: 'to recognise the text of its scanned pages',
}

function closingSentence(task: PolicyTask | null): string {
  return `No other provider may be asked, so the call${task === null ? '' : ` ${PURPOSES[task]}`} was not made.`
}
