import { z } from 'zod'
import { Country, type Endpoint, holdersOf, type Processor, type ProcessorRegister, ReachGrade, TrainingUse } from './register.ts'

/** A processor as it would be called: its entry and the one endpoint in use. Null: the register does not hold it. */
export interface Recipient {
  key: string
  processor: Processor | null
  endpoint: Endpoint | null
}

/** What a provider that hands nothing to anybody says instead of an origin (shared/inference/provider.ts). */
export const IN_PROCESS = 'in-process'

/** What a provider says of itself (a `Provider` of shared/inference fits): register key, origin of its URL, region. */
export interface CallTarget {
  readonly processor: string
  readonly endpoint: string
  readonly region: string
}

/**
 * What the operator says about an entry with `operator_declares`. Self-hosted says: we run it, on servers that nobody else controls; if a cloud
 * provider stands below, `reach` is where to say so. What is left out of a hosted declaration stays unknown.
 */
export const Declaration = z.strictObject({
  deployment: z.enum(['self_hosted', 'hosted']),
  entity: z.string().min(1).max(200),
  country: Country,
  declared_on: z.iso.date(),
  reach: ReachGrade.optional(),
  retention_days: z.int().min(0).optional(),
  training_use: TrainingUse.optional(),
})
export type Declaration = z.infer<typeof Declaration>

/** By the key of the entry. */
export type Declarations = Readonly<Record<string, Declaration>>

/**
 * Finds whom a call would reach. An endpoint counts only when both its region and its origin are those of the register: a proxy in front of a known
 * provider is not that provider's region. A declaration is used where the entry asks for one, and nowhere else: configuration can't make a
 * hosted provider self-hosted, not even by calling its address under another name. Nor can the register make a provider that calls an address run in this process: that much its code says itself.
 */
export function recipientOf(register: ProcessorRegister, target: CallTarget, declarations: Declarations): Recipient {
  const entry = register.processors.find((processor) => processor.key === target.processor) ?? null
  const declaration = declarations[target.processor]
  if (entry?.operator_declares && declaration) {
    const holders = target.endpoint === IN_PROCESS ? [] : holdersOf(register, target.endpoint)
    if (holders.every((holder) => holder === target.processor)) return declared(entry, target, declaration)
  }
  if (entry?.deployment === 'in_process' && target.endpoint !== IN_PROCESS)
    return { key: target.processor, processor: { ...entry, deployment: 'unknown' }, endpoint: null }
  const endpoint = entry?.endpoints.find((known) => known.region === target.region && new URL(known.base_url).origin === target.endpoint)
  return { key: target.processor, processor: entry, endpoint: endpoint ?? null }
}

function declared(entry: Processor, target: CallTarget, said: Declaration): Recipient {
  const claim = { source: 'declared by the operator in the configuration', read_on: said.declared_on, confidence: 'unverified' as const }
  const ours = said.deployment === 'self_hosted'
  const grade = said.reach ?? (ours ? 'none' : 'unknown')
  const endpoint: Endpoint = { region: target.region, base_url: target.endpoint, countries: [said.country], ...claim }
  const processor: Processor = {
    ...entry,
    legal_entity: { entity: said.entity, country: said.country, ...claim },
    role: ours ? 'none' : 'processor',
    deployment: said.deployment,
    endpoints: [endpoint],
    subprocessors: { read: ours, list: [], ...claim },
    dpa: { reference: null, ...claim },
    certifications: [],
    retention: { days: said.retention_days ?? (ours ? 0 : null), ...claim },
    training: { use: said.training_use ?? (ours ? 'never' : 'unknown'), ...claim },
    reach: { grade, reason: ours ? 'The operator declares that it runs this server itself.' : 'As the operator declares it.', ...claim },
  }
  return { key: target.processor, processor, endpoint }
}
