import type { CostEstimate, EstimatedDocument, EstimatedTask, Span } from '../contracts/cost.ts'
import type { PolicyRequest } from './evaluate.ts'
import { explain, type Rules } from './explain.ts'
import { PolicyTask } from './policy.ts'
import { costOf, type PriceList } from './prices.ts'
import {
  CHARACTERS_PER_PAGE,
  CHARACTERS_PER_TOKEN,
  type Experience,
  NONE,
  PAGED,
  PROMPT_TOKENS,
  SEEN_DOCUMENTS_MIN,
  sizeOf,
  speaksOf,
  TOKENS_OUT,
  total,
  type Usage,
  usageOf,
  WINDOW_CHARACTERS,
} from './usage.ts'

/** Whether a document goes through it; a question is asked later and by somebody else. */
const IS_OF_DOCUMENTS = { classify: true, extract: true, answer: false, embed: true, ocr: true } as const satisfies Record<
  PolicyTask,
  boolean
>

/**
 * What documents will probably cost before anybody has read them: for each task the provider that the policy would choose, at least and at most so many calls
 * and tokens, and what they cost by the price list. What a tenant's record says of its own documents goes before the defaults, and both are named.
 */
export function estimate(
  rules: Rules,
  prices: PriceList,
  documents: readonly EstimatedDocument[],
  request: Omit<PolicyRequest, 'task'>,
  experience: Experience,
): CostEstimate {
  const lines = PolicyTask.options.flatMap((task) => {
    if (!IS_OF_DOCUMENTS[task]) return []
    const chosen = choose(rules, { ...request, task })
    return chosen ? [priced(prices, task, chosen, usageBy(chosen, usageOf(task, documents, experience)))] : []
  })
  const counted = lines.filter(({ processor }) => processor !== null)
  return {
    documents: documents.length,
    pages: total(documents.map((document) => sizeOf(document, experience.sizes).pages)),
    calls: total(counted.map(({ calls }) => calls)),
    tokens: total(counted.flatMap(({ tokens_in, tokens_out }) => [tokens_in, tokens_out])),
    micro_eur: total(counted.flatMap(({ micro_eur }) => micro_eur ?? [])),
    unpriced_tasks: counted.filter(({ micro_eur }) => micro_eur === null).map(({ task }) => task),
    tasks: lines,
    assumptions: assumptions(documents, lines, experience),
  }
}

interface Choice {
  processor: string | null
  region: string | null
  model: string | null
  rule: string | null
  /** Rules in this process: no tokens of anybody's. */
  inProcess: boolean
}

/** Null where no provider is configured for the task: nothing would be asked. Embeddings go to the first provider or to nobody (embedder.ts). */
function choose(rules: Rules, request: PolicyRequest): Choice | null {
  const first = rules.targets[request.task][0]
  if (!first) return null
  const { providers, chosen } = explain(rules, request)
  const taken = request.task === 'embed' && chosen !== first.processor ? null : chosen
  const decided = providers.find(({ processor }) => processor === (taken ?? first.processor))
  const target = rules.targets[request.task].find(({ processor }) => processor === taken)
  const deployment = rules.register.processors.find(({ key }) => key === taken)?.deployment
  return {
    processor: taken,
    region: target?.region ?? null,
    model: target?.model ?? null,
    rule: decided?.rule ?? null,
    inProcess: deployment === 'in_process',
  }
}

/** What a provider would really use: nothing where nobody may be asked, and rules in this process read no tokens. */
function usageBy({ processor, inProcess }: Choice, usage: Usage): Usage {
  if (processor === null) return { calls: NONE, tokens_in: NONE, tokens_out: NONE, pages: NONE }
  return inProcess ? { ...usage, tokens_in: NONE, tokens_out: NONE } : usage
}

/** Millionths of a euro for a usage at one model; null: the list has no price for it. */
export function costSpan(prices: PriceList, model: { processor: string; region: string; model: string }, usage: Usage): Span | null {
  const at = (end: keyof Span) =>
    costOf(prices, {
      ...model,
      tokens_in: usage.tokens_in[end],
      tokens_cached: 0,
      tokens_out: usage.tokens_out[end],
      pages: usage.pages[end],
    })?.micro_eur
  const [low, high] = [at('low'), at('high')]
  return low === undefined || high === undefined ? null : { low, high }
}

function priced(prices: PriceList, task: PolicyTask, { processor, region, model, rule }: Choice, usage: Usage): EstimatedTask {
  const { calls, tokens_in, tokens_out } = usage
  const micro_eur = processor === null ? NONE : costSpan(prices, { processor, region: region ?? '', model: model ?? '' }, usage)
  return { task, processor, region, model, rule, calls, tokens_in, tokens_out, micro_eur }
}

function assumptions(documents: readonly EstimatedDocument[], lines: readonly EstimatedTask[], { sizes, tokens }: Experience): string[] {
  const types = [...new Set(documents.map(({ media_type }) => media_type))].sort()
  const unread = documents.filter(({ media_type, pages }) => media_type === PAGED && pages === undefined).length
  const span = ({ low, high }: Span) => `${low.toLocaleString('en')} to ${high.toLocaleString('en')}`
  const ofType = types.map((type) => {
    const known = sizes.find((one) => speaksOf(one, type))
    if (type !== PAGED) return `${type}: as many characters as bytes${type === 'text/html' ? ', or a tenth of them' : ''}`
    return known
      ? `${type}: ${span(known.characters_per_page)} characters a page, as in ${known.documents} documents of your own`
      : `${type}: ${span(CHARACTERS_PER_PAGE)} characters a page, a default: your record holds fewer than ${SEEN_DOCUMENTS_MIN} such documents`
  })
  const measured = tokens.filter((one) => types.some((type) => speaksOf(one, type)) && lines.some(({ task }) => task === one.task))
  return [
    ...ofType,
    ...(unread === 0 ? [] : [`${unread} PDF without a known number of pages: taken from its size`]),
    ...measured.map(
      (one) =>
        `${one.task} of ${one.media_type}: ${span(one.tokens_in_per_page)} tokens a page, as ${one.documents} documents of your own used`,
    ),
    `a token is ${CHARACTERS_PER_TOKEN.low} to ${CHARACTERS_PER_TOKEN.high} characters where your record does not say; nothing comes from a provider's cache`,
    `for every ${WINDOW_CHARACTERS.toLocaleString('en')} characters ${span(PROMPT_TOKENS)} tokens of instructions and, where fields are read, ${span(TOKENS_OUT.extract)} of an answer`,
    'every call succeeds at the first attempt; questions about the documents come on top',
    ...(lines.some(({ task, processor }) => task === 'ocr' && processor !== null)
      ? ['at least no page, at most every page of a PDF is a picture']
      : []),
    ...lines
      .filter(({ processor }) => processor === null)
      .map(({ task }) => `${task}: the policy allows no configured provider, so nothing is asked`),
  ]
}
