import { z } from 'zod'

/** ISO 3166-1 alpha-2. */
export const Country = z.string().regex(/^[A-Z]{2}$/, 'an ISO 3166-1 alpha-2 code such as FR')
export type Country = z.infer<typeof Country>

/**
 * Where a fact comes from. `verified`: read in a primary source (a contract, a law, the provider's own page). `secondary`: read in somebody
 * else's account of it. `unverified`: said somewhere and checked by nobody, or not looked for.
 */
export const Confidence = z.enum(['verified', 'secondary', 'unverified'])
export type Confidence = z.infer<typeof Confidence>

const claim = {
  source: z.string().min(1).max(500),
  read_on: z.iso.date(),
  confidence: Confidence,
}
export const Evidenced = z.strictObject(claim)

/** Who runs the model: this process, the organisation on its own servers, or somebody else. */
export const Deployment = z.enum(['in_process', 'self_hosted', 'hosted', 'unknown'])
export type Deployment = z.infer<typeof Deployment>

export const TrainingUse = z.enum(['never', 'unless_opted_out', 'always', 'unknown'])
export type TrainingUse = z.infer<typeof TrainingUse>

/**
 * Which foreign law reaches the data, and how. `direct`: somebody with possession, custody or control is under a law such as the US CLOUD Act
 * (18 U.S.C. 2713). `via_subprocessor`: a company further down the chain is. `unknown`: nobody has looked, or what was read does not decide it.
 */
export const ReachGrade = z.enum(['none', 'via_subprocessor', 'direct', 'unknown'])
export type ReachGrade = z.infer<typeof ReachGrade>

const LegalEntity = z.strictObject({ entity: z.string().min(1).max(200), country: Country.nullable(), ...claim })

/**
 * A subprocessor has two times: `valid`, when it is one, and `known`, when this register said so. `from` of `valid` null: not known since when; `to` null:
 * it still is. An entry is never deleted, so that what was known of an earlier call can be told.
 */
const Subprocessor = z.strictObject({
  ...LegalEntity.shape,
  valid: z.strictObject({ from: z.iso.date().nullable(), to: z.iso.date().nullable() }),
  known: z.strictObject({ from: z.iso.date(), to: z.iso.date().nullable() }),
})
export type Subprocessor = z.infer<typeof Subprocessor>

/** `base_url` is where the bytes go. `countries` empty: the provider commits to none. `EEA` stands for its thirty states. */
export const Endpoint = z.strictObject({
  region: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a short lower-case name such as eu'),
  base_url: z.url({ protocol: /^https?$/ }),
  countries: z.array(z.union([Country, z.literal('EEA')])),
  ...claim,
})
export type Endpoint = z.infer<typeof Endpoint>

/**
 * One processor. A fact that nobody has read is null or `unknown`, never left out: a policy that asks for it is then not met.
 * `operator_declares`: the shipped entry knows nothing, because only the operator knows what stands behind it (recipient.ts).
 */
export const Processor = z
  .strictObject({
    key: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a short lower-case name such as mistral'),
    name: z.string().min(1).max(200),
    operator_declares: z.boolean().default(false),
    /** The contracting party. The chain above it is in `parents`: a US provider often contracts through an Irish affiliate. */
    legal_entity: LegalEntity,
    parents: z.array(LegalEntity).max(20),
    /** GDPR Art. 4(8); `none` where nothing is handed to anybody. */
    role: z.enum(['none', 'processor', 'unknown']),
    deployment: Deployment,
    endpoints: z.array(Endpoint).max(100),
    /** `read` false: the list exists or may exist, and nobody has read it; `list` then holds what was heard of it. */
    subprocessors: z.strictObject({ read: z.boolean(), list: z.array(Subprocessor).max(500), ...claim }),
    /** The contract of GDPR Art. 28(3); null: nobody has read one. */
    dpa: z.strictObject({ reference: z.string().min(1).max(500).nullable(), ...claim }),
    certifications: z.array(z.strictObject({ name: z.string().min(1).max(200), ...claim })).max(100),
    /** GDPR Chapter V. */
    transfer: z.strictObject({ mechanism: z.enum(['not_needed', 'adequacy_45', 'scc_46', 'unknown']), ...claim }),
    /** How long the processor keeps what it was sent; null: unknown. */
    retention: z.strictObject({ days: z.int().min(0).nullable(), ...claim }),
    training: z.strictObject({ use: TrainingUse, ...claim }),
    reach: z.strictObject({ grade: ReachGrade, reason: z.string().min(1).max(2_000), ...claim }),
  })
  .refine((processor) => processor.reach.grade !== 'none' || processor.deployment !== 'hosted' || processor.subprocessors.read, {
    path: ['reach', 'grade'],
    message: 'nobody can say `none` of a hosted processor whose subprocessor list was not read',
  })
export type Processor = z.infer<typeof Processor>

const PROCESSORS_MAX = 500

export const ProcessorRegister = z.strictObject({
  version: z.literal(1),
  notice: z.string().min(1),
  processors: z
    .array(Processor)
    .min(1)
    .max(PROCESSORS_MAX)
    .refine((list) => new Set(list.map((processor) => processor.key)).size === list.length, 'two processors have the same key'),
})
export type ProcessorRegister = z.infer<typeof ProcessorRegister>

/** The processor that has an endpoint at the origin of this URL, or null. */
export function endpointAt(register: ProcessorRegister, url: string): { processor: Processor; endpoint: Endpoint } | null {
  const { origin } = new URL(url)
  for (const processor of register.processors) {
    const endpoint = processor.endpoints.find(({ base_url }) => new URL(base_url).origin === origin)
    if (endpoint) return { processor, endpoint }
  }
  return null
}

/**
 * The keys of all whose servers answer at this URL, by name: what the register holds for a host is true at every scheme and port of it, at every name below
 * it and with the dot of a full name. Numeric addresses and `localhost` may be anybody's, so there the port counts.
 */
export function holdersOf(register: ProcessorRegister, url: string): string[] {
  const asked = serverAt(url)
  const isHeld = ({ base_url }: Endpoint) => {
    const held = serverAt(base_url)
    return asked === held || asked.endsWith(`.${held}`)
  }
  return register.processors.filter(({ endpoints }) => endpoints.some(isHeld)).map(({ key }) => key)
}

function serverAt(url: string): string {
  const { hostname, host } = new URL(url)
  const name = hostname.replace(/\.$/, '')
  // A URL writes numeric addresses as 127.0.0.1 and [::1], whatever was given.
  return /^(\[.*\]|[\d.]+|localhost)$/.test(name) ? host : name
}

/** Those that were subprocessors on a day (ISO 8601), as the register knew it on that day. */
export function subprocessorsOn(processor: Processor, day: string): Subprocessor[] {
  const covers = ({ from, to }: { from: string | null; to: string | null }) => (from === null || from <= day) && (to === null || day < to)
  return processor.subprocessors.list.filter(({ valid, known }) => covers(valid) && covers(known))
}

/** The grade of the register, but never `none` where a company under US law is further down the chain: the CLOUD Act reaches it there. */
export function reachOn(processor: Processor, day: string): ReachGrade {
  const { grade } = processor.reach
  return grade === 'none' && subprocessorsOn(processor, day).some(({ country }) => country === 'US') ? 'via_subprocessor' : grade
}
