import type { Span } from '../contracts/cost.ts'
import { costSpan } from './estimate.ts'
import { type Decision, evaluate, type PolicyRequest } from './evaluate.ts'
import type { Rules } from './explain.ts'
import type { PolicyTask } from './policy.ts'
import { microEur, type Price, type PriceList, type ServerHour } from './prices.ts'
import { type CallTarget, type Declaration, type Recipient, recipientOf } from './recipient.ts'
import { type Confidence, type Processor, reachOn } from './register.ts'
import { total, type Usage, usageOf } from './usage.ts'

export interface AdviceCase extends Pick<PolicyRequest, 'data_classes' | 'sensitivity' | 'purpose' | 'tenant_id' | 'day'> {
  documents_per_month: number
  /** Of each document. */
  pages: number
  /** Null: what a document goes through that needs a language model, which is to classify and to extract. */
  task: PolicyTask | null
  /** One of the price list's; null: the cheapest one with a documented speed that serves the case. */
  server: string | null
}

interface PricedWay {
  what: string
  micro_eur_per_month: Span
  read_on: string
  confidence: Confidence
}

/** What one way of having the documents read would mean. */
export interface Way {
  kind: 'eu_api' | 'self_hosted' | 'us_provider'
  title: string
  processor: string
  region: string
  allowed: boolean
  rule: string | null
  failed: Decision['failed']
  /** A model or a server, dearest last. Empty: the price list has nothing for it. */
  prices: PricedWay[]
  /** How the prices were reckoned, and what they leave out. */
  reckoned: string[]
  /** What whoever chooses this still has to live with. */
  exposed: string[]
  when: string
}

export interface Advice {
  policy: { name: string; version: number }
  tokens_per_month: { in: Span; out: Span }
  ways: Way[]
  /** The `title` of the way with the lowest price among those that the policy allows. */
  cheapest_allowed: string | null
  assumptions: string[]
}

const HOURS_PER_MONTH = 730
const HOUR_SECONDS = 3_600
/** Documents come by day and in bursts: a server that is busy more than half of the time keeps them waiting. */
const BUSY_PERCENT_MAX = 50
const DEFAULT_TASKS = ['classify', 'extract'] as const satisfies readonly PolicyTask[]
const BYTES_PER_PAGE = 50_000
/** Somewhere on the organisation's own machines: the address is made up, and nothing is ever sent there. */
const OWN_SERVER: CallTarget = { processor: 'vllm', endpoint: 'https://vllm.invalid', region: 'eu' }

/** The providers that are compared: a European one's own API, one's own servers, and two American ones at European addresses. */
const HOSTED = [
  { kind: 'eu_api', title: 'Mistral API, EU region', processor: 'mistral', region: 'eu' },
  { kind: 'us_provider', title: 'OpenAI API, EU region', processor: 'openai', region: 'eu' },
  { kind: 'us_provider', title: 'Amazon Bedrock, Frankfurt', processor: 'aws-bedrock', region: 'eu-central-1' },
] as const

const WHEN: Readonly<Record<Way['kind'], string>> = {
  eu_api:
    'Take it when you want capable models without looking after servers, and when a European contracting party may see the data although its own helpers may be American.',
  self_hosted:
    'Take it when nobody outside may see the data, when every step has to be accounted for on your own machines, and when somebody is there to run a server with a graphics card.',
  us_provider:
    'Take it when the data is public or about nobody, or when your lawyers have accepted in writing that American law reaches it and only this provider has what you need.',
}

/** Compares ways to have documents read: what the policy says of each, what it costs a month, and what stays exposed. Reads facts, calls nobody. */
export function advise(rules: Rules, prices: PriceList, given: AdviceCase): Advice {
  const question: Question = { rules, prices, given, tasks: given.task === null ? DEFAULT_TASKS : [given.task] }
  const month = usageOfMonth(question)
  const [api, ...us] = HOSTED.map((option) => hostedWay(question, month, option))
  const ways = [...(api ? [api] : []), selfHostedWay(question, month), ...us]
  const [cheapest] = ways
    .flatMap(({ allowed, prices: [price], title }) => (allowed && price ? [{ title, micro: price.micro_eur_per_month.high }] : []))
    .sort((a, b) => a.micro - b.micro)
  return {
    policy: { name: rules.policy.name, version: rules.policy.version },
    tokens_per_month: { in: month.tokens_in, out: month.tokens_out },
    ways,
    cheapest_allowed: cheapest?.title ?? null,
    assumptions: [
      `${given.documents_per_month.toLocaleString('en')} PDFs of ${given.pages} pages a month, read to ${question.tasks.join(' and to ')}`,
      'tokens as `greffier cost estimate` assumes them without a record; nothing comes from a cache; without value added tax',
      ...(given.task === null ? ['embeddings, pictures of pages and questions are not in these figures: ask with --task'] : []),
    ],
  }
}

interface Question {
  rules: Rules
  prices: PriceList
  given: AdviceCase
  tasks: readonly PolicyTask[]
}

/** One document, times the documents of a month. */
function usageOfMonth({ given, tasks }: Question): Usage {
  const { documents_per_month, pages } = given
  const document = { bytes: pages * BYTES_PER_PAGE, media_type: 'application/pdf', pages } as const
  const usages = tasks.map((task) => usageOf(task, [document], { sizes: [], tokens: [] }))
  const ofMonth = (spans: Span[]): Span => {
    const { low, high } = total(spans)
    return { low: low * documents_per_month, high: high * documents_per_month }
  }
  return {
    calls: ofMonth(usages.map(({ calls }) => calls)),
    tokens_in: ofMonth(usages.map(({ tokens_in }) => tokens_in)),
    tokens_out: ofMonth(usages.map(({ tokens_out }) => tokens_out)),
    pages: ofMonth(usages.map(({ pages }) => pages)),
  }
}

function hostedWay(question: Question, month: Usage, { kind, title, processor: key, region }: (typeof HOSTED)[number]): Way {
  const { rules, prices, given, tasks } = question
  const processor = rules.register.processors.find((entry) => entry.key === key) ?? null
  const recipient = { key, processor, endpoint: processor?.endpoints.find((endpoint) => endpoint.region === region) ?? null }
  const models = pricesOf(prices, key, tasks).flatMap(({ models: names, read_on, confidence }): PricedWay[] => {
    // A model and its alias are one price: the last name is the one that a configuration uses.
    const what = names.at(-1) ?? ''
    const micro_eur_per_month = costSpan(prices, { processor: key, region, model: what }, month)
    return micro_eur_per_month ? [{ what, micro_eur_per_month, read_on, confidence }] : []
  })
  return {
    kind,
    title,
    processor: key,
    region,
    ...decided(question, recipient),
    prices: models.sort((a, b) => a.micro_eur_per_month.high - b.micro_eur_per_month.high),
    reckoned:
      models.length === 0
        ? ['the price list has no price for it: put in what your contract says']
        : ['by token or page; what the models can do differs as much as their prices'],
    exposed: processor ? exposureOf(processor, given.day) : ['nobody has written it into the register, so nothing is known of it'],
    when: WHEN[kind],
  }
}

/** Prices of models that could do all of these tasks, as far as a price shows that: a model that is billed for no output writes none. */
function pricesOf({ prices }: PriceList, processor: string, tasks: readonly PolicyTask[]): Price[] {
  const ofTask = (task: PolicyTask) =>
    prices.filter((price) => {
      if (price.processor !== processor) return false
      if (task === 'ocr') return price.per_1000_pages_micro !== undefined
      return price.output_micro !== undefined && (task === 'embed') === (price.output_micro === 0)
    })
  return tasks.map(ofTask).reduce((all, some) => all.filter((price) => some.includes(price)))
}

function selfHostedWay(question: Question, month: Usage): Way {
  const { rules, prices, given, tasks } = question
  const offers = prices.server_hours.filter(
    ({ processor, server }) => processor === OWN_SERVER.processor && (given.server ?? server) === server,
  )
  // A documented speed is that of a model that writes.
  const measured = tasks.every((task) => task !== 'embed' && task !== 'ocr')
  const priced = offers
    .flatMap((offer) => (measured && monthOf(prices, offer, month)) || [])
    .sort((a, b) => a.micro_eur_per_month.high - b.micro_eur_per_month.high)
  const [cheapest] = priced
  const declared = rules.declarations[OWN_SERVER.processor]
  const declaration: Declaration = declared ?? {
    deployment: 'self_hosted',
    entity: 'your organisation',
    country: cheapest?.offer.country ?? 'DE',
    declared_on: given.day,
  }
  const recipient = recipientOf(rules.register, OWN_SERVER, { [OWN_SERVER.processor]: declaration })
  return {
    kind: 'self_hosted',
    title: 'vLLM on a server of your own',
    processor: OWN_SERVER.processor,
    region: OWN_SERVER.region,
    ...decided(question, recipient),
    prices: priced.map(({ offer: { read_on, confidence }, what, micro_eur_per_month }) => ({
      what,
      micro_eur_per_month,
      read_on,
      confidence,
    })),
    reckoned: [
      ...(cheapest
        ? cheapest.reckoned
        : ['no server in the price list has a documented speed for this, so how many it takes is not known']),
      ...unmeasured(offers),
      declared
        ? `decided by your own declaration of ${declared.declared_on}`
        : `decided as if you declared that you run it in ${declaration.country} (SELF_HOSTED_ENTITY, SELF_HOSTED_COUNTRY, SELF_HOSTED_DECLARED_ON)`,
    ],
    exposed: [
      'nothing is handed to a model provider; whoever can open your machine can read what is on it',
      'a company that rents you the server is your processor for that (GDPR Art. 28) and is not in this register: read its contract, its owners and its place',
    ],
    when: WHEN.self_hosted,
  }
}

interface PricedOffer {
  offer: ServerHour
  what: string
  micro_eur_per_month: Span
  reckoned: string[]
}

/** So many servers as the month needs, each paid for the whole month. Null without a documented speed: how many it takes is then not known. */
function monthOf(prices: PriceList, offer: ServerHour, month: Usage): PricedOffer | null {
  const { throughput, micro_per_hour, micro_per_month, currency, name, setup_micro } = offer
  if (!throughput) return null
  // Reading and writing are added up as if the server did one after the other; it does both at once, so it does more than this.
  const seconds = (end: keyof Span) =>
    Math.ceil(month.tokens_in[end] / throughput.tokens_per_second_in) + Math.ceil(month.tokens_out[end] / throughput.tokens_per_second_out)
  const secondsOfOne = (HOURS_PER_MONTH * HOUR_SECONDS * BUSY_PERCENT_MAX) / 100
  const servers = {
    low: Math.max(1, Math.ceil(seconds('low') / secondsOfOne)),
    high: Math.max(1, Math.ceil(seconds('high') / secondsOfOne)),
  }
  const hours = BigInt(HOURS_PER_MONTH) * BigInt(micro_per_hour)
  const one = micro_per_month !== undefined && BigInt(micro_per_month) < hours ? BigInt(micro_per_month) : hours
  const [low, high] = [microEur(prices, currency, one * BigInt(servers.low)), microEur(prices, currency, one * BigInt(servers.high))]
  if (low === null || high === null) return null
  const busy = Math.ceil(seconds('high') / HOUR_SECONDS)
  return {
    offer,
    what: `${servers.high} × ${name}`,
    micro_eur_per_month: { low, high },
    reckoned: [
      `${name}: at most ${busy.toLocaleString('en')} hours of work a month at ${throughput.tokens_per_second_in} tokens a second in and ${throughput.tokens_per_second_out} out`,
      `that speed is of ${throughput.model} (${throughput.confidence}: ${throughput.source})`,
      `a server is rented for all ${HOURS_PER_MONTH} hours of a month and taken to be busy for at most ${BUSY_PERCENT_MAX} % of them`,
      ...(setup_micro === undefined
        ? []
        : [`setting it up costs ${(setup_micro / 1_000_000).toFixed(2)} ${currency} once, which is not counted`]),
    ],
  }
}

function unmeasured(offers: readonly ServerHour[]): string[] {
  const names = offers.filter(({ throughput }) => !throughput).map(({ server }) => server)
  return names.length === 0 ? [] : [`priced, but nobody documented how fast they are: ${names.join(', ')}`]
}

/** Every task must be allowed; the first that is not says why. */
function decided({ rules, given, tasks }: Question, recipient: Recipient): Pick<Way, 'allowed' | 'rule' | 'failed'> {
  const decisions = tasks.map((task) => evaluate(rules.policy, recipient, { ...given, task }))
  const decision = decisions.find(({ outcome }) => outcome === 'refused') ?? decisions[0]
  return { allowed: decision?.outcome === 'allowed', rule: decision?.rule ?? null, failed: decision?.failed ?? [] }
}

/** What a register entry says of the data once it is there. */
function exposureOf(processor: Processor, day: string): string[] {
  const { retention, training, transfer, subprocessors, reach } = processor
  return [
    `reach of foreign law ${reachOn(processor, day)} (${reach.confidence}): ${reach.reason}`,
    subprocessors.read
      ? 'its list of subprocessors was read'
      : 'its list of subprocessors was not read, so nobody here can say who else is given the data',
    retention.days === null
      ? 'how long it keeps what it is sent is unknown'
      : `it keeps what it is sent for ${retention.days} days (${retention.confidence})`,
    `use for training: ${training.use.replaceAll('_', ' ')} (${training.confidence})`,
    `transfer mechanism (GDPR Chapter V): ${transfer.mechanism} (${transfer.confidence})`,
  ]
}
