import { type Decision, daysBetween, evaluate, type PolicyRequest } from './evaluate.ts'
import type { Policy, PolicyTask } from './policy.ts'
import { type CallTarget, type Declarations, type Recipient, recipientOf } from './recipient.ts'
import type { Confidence, Processor, ProcessorRegister } from './register.ts'

/** What a policy says of one processor at one of its endpoints. */
export interface Explained extends Pick<Decision, 'rule' | 'failed'> {
  processor: string
  region: string | null
  /** It has a key or an address in the configuration, so a call could go there. */
  configured: boolean
  allowed: boolean
}

export interface Explanation {
  providers: Explained[]
  /** The first configured provider that is allowed at each of its addresses, which is the one that a call would take; null: none, and the call is refused. */
  chosen: string | null
}

/** Where a provider would call, and with which model. */
export interface ConfiguredTarget extends CallTarget {
  readonly model: string
}

/** What stands behind a decision: the rules, the facts, and the providers in the order in which they are asked. */
export interface Rules {
  policy: Policy
  register: ProcessorRegister
  declarations: Declarations
  /** For each task, one for each address that may take a call. */
  targets: Readonly<Record<PolicyTask, readonly ConfiguredTarget[]>>
}

/** Decides one kind of data for every processor of the register: the configured ones as they would be called, the others at each of their endpoints. */
export function explain({ policy, register, declarations, targets: targetsOf }: Rules, request: PolicyRequest): Explanation {
  const targets = targetsOf[request.task]
  const line = (recipient: Recipient, region: string | null, configured: boolean): Explained => {
    const { outcome, rule, failed } = evaluate(policy, recipient, request)
    return { processor: recipient.key, region, configured, allowed: outcome === 'allowed', rule, failed }
  }
  const inUse = targets.map((target) => line(recipientOf(register, target, declarations), target.region, true))
  const others = register.processors
    .filter(({ key }) => !targets.some((target) => target.processor === key))
    .flatMap((processor) =>
      endpointsOf(processor).map((endpoint) => line({ key: processor.key, processor, endpoint }, endpoint?.region ?? null, false)),
    )
  const refused = new Set(inUse.filter(({ allowed }) => !allowed).map(({ processor }) => processor))
  return { providers: [...inUse, ...others], chosen: inUse.find(({ processor }) => !refused.has(processor))?.processor ?? null }
}

/** A processor without endpoints is asked about once, as one whose address nobody knows. */
function endpointsOf({ endpoints }: Processor): Recipient['endpoint'][] {
  return endpoints.length > 0 ? endpoints : [null]
}

export interface Claim {
  processor: string
  fact: string
  source: string
  read_on: string
  confidence: Confidence
  /** Days from reading to `day`. */
  age_days: number
}

/** Every fact of the register with its evidence, in the order of the file. */
export function claimsOf({ processors }: ProcessorRegister, day: string): Claim[] {
  return processors.flatMap((processor) => {
    const claim = (fact: string, { source, read_on, confidence }: Omit<Claim, 'processor' | 'fact' | 'age_days'>): Claim => ({
      processor: processor.key,
      fact,
      source,
      read_on,
      confidence,
      age_days: daysBetween(read_on, day),
    })
    return [
      claim('contracting entity', processor.legal_entity),
      ...processor.parents.map((parent) => claim(`parent ${parent.entity}`, parent)),
      ...processor.endpoints.map((endpoint) => claim(`endpoint ${endpoint.region}`, endpoint)),
      claim('subprocessors', processor.subprocessors),
      ...processor.subprocessors.list.map((company) => claim(`subprocessor ${company.entity}`, company)),
      claim('data processing agreement', processor.dpa),
      ...processor.certifications.map((certificate) => claim(`certification ${certificate.name}`, certificate)),
      claim('transfer', processor.transfer),
      claim('retention', processor.retention),
      claim('use for training', processor.training),
      claim('reach of foreign law', processor.reach),
    ]
  })
}
