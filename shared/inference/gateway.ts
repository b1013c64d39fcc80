import type { DataCategory, SubjectCategory } from '../contracts/classification.ts'
import type { DataClass, Sensitivity } from '../contracts/document.ts'
import { AppError, errorCode } from '../contracts/errors.ts'
import type { EventDraft, ProcessingEvent } from '../contracts/record.ts'
import { type Database, type Tx, withTenant } from '../database/connection.ts'
import { appendEvent } from '../database/events.ts'
import type { DayBudget } from '../limits/day-budget.ts'
import type { ServedRecogniser } from '../masking/recogniser.ts'
import { byStrictness, type Decision, evaluate, together } from '../policy/evaluate.ts'
import type { Policy } from '../policy/policy.ts'
import { costOf, type PricedCall, type PriceList } from '../policy/prices.ts'
import { type Declarations, recipientOf } from '../policy/recipient.ts'
import { explainRefusal } from '../policy/refusal.ts'
import type { ProcessorRegister } from '../policy/register.ts'
import { NO_CUSTODY } from './call-custody.ts'
import { type CallDraft, describeAnswer, describeCall, NOT_GENERATED } from './call-event.ts'
import { maskCall } from './masked-provider.ts'
import { meterCall } from './meter.ts'
import { hearPrompt } from './prompt-mac.ts'
import { type CallFacts, type Provider, type ProviderResult, TASKS, type Task } from './provider.ts'
import { subprocessorSets } from './subprocessor-sets.ts'

/** Data that a call would show to a provider: one entry for each document that it contains, and one for a question. */
export interface CallSubject {
  document_id: string | null
  revision: number | null
  page: number | null
  sensitivity: Sensitivity
  data_classes: readonly DataClass[]
  purpose: string
  data_categories?: readonly DataCategory[]
  subject_categories?: readonly SubjectCategory[]
  retention?: ProcessingEvent['retention']
}

export interface CallContext {
  tenant_id: string
  task: Task
  step: string
  subjects: readonly CallSubject[]
  /** What the call will probably use, both ways: the day's budget holds it until the call has ended. */
  tokens: number
  /** ISO 639-1, or null: masking reads names, dates and addresses by it. */
  language: string | null
  /** Of the schema that the answer has to fit. */
  schema_hash?: string
  /** Under which the record keeps a proof of the prompt: one of each document that it shows, and one of the tenant's where it shows a question. */
  prompt_keys?: readonly Buffer[]
  signal: AbortSignal
  /** Only this processor may be used: the embedder that a tenant is bound to. */
  only?: string
}

/** Who a provider is, and nothing that could be called: the provider itself is seen by the `run` of a call alone. */
export type ProviderIdentity = Readonly<Pick<Provider, 'processor' | 'languageModel' | 'models'>>

/** For each task the providers that do it, in the order in which the policy is asked about them. */
export type Order = Readonly<Record<Task, readonly Provider[]>>

export interface GatewayResult<T> {
  value: T
  provider: ProviderIdentity
  facts: CallFacts
}

/** What a call does with the provider that it is given. */
export type Run<T> = (provider: Provider, signal: AbortSignal) => Promise<ProviderResult<T>>

export interface ModelGateway {
  /** For each task its providers in the configured order. */
  readonly order: Readonly<Record<Task, readonly ProviderIdentity[]>>
  /**
   * The only door out. Takes the first provider that the policy allows for every subject, commits the intent before a byte leaves, masks what the rule
   * says, calls, and completes the event. Refusals on the way are events too. Throws POLICY_REFUSED when none is allowed, DOCUMENT_ERASED or DOCUMENT_RESTRICTED when a
   * subject was erased or restricted before the intent, BUDGET_EXHAUSTED when the tenant has used up its day, BUDGET_TOO_SMALL when no day would do, else what the
   * provider throws.
   */
  call<T>(context: CallContext, run: Run<T>): Promise<GatewayResult<T>>
}

export interface GatewayOptions {
  database: Database
  order: Order
  register: ProcessorRegister
  registerHash: string
  policy: Policy
  policyHash: string
  prices: PriceList
  /** What the operator says of servers whose entries ask for it; without it their facts are unknown. */
  declarations: Declarations
  /** Recognises names for rules that mask them; without one no call that needs it is made. */
  recogniser?: ServedRecogniser | undefined
  budget: DayBudget
}

export function createGateway(options: GatewayOptions): ModelGateway {
  const rules = { ...options, subprocessorSet: subprocessorSets(options.register) }
  return {
    order: mapTasks((task) => options.order[task].map(identityOf)),
    call: async (context, run) => {
      const refused: CallDraft[] = []
      for (const provider of options.order[context.task]) {
        if (context.only !== undefined && provider.processor !== context.only) continue
        const decision = decide(options, provider, context)
        const draft = describeCall(rules, provider, decision, context)
        if (decision.outcome === 'refused') {
          refused.push(draft)
          await write(options, context, { ...draft, phase: 'refused', ...NOT_GENERATED })
          continue
        }
        const result = await show(options, context, { provider, decision, draft }, run)
        if (result !== 'unmaskable') return { ...result, provider: identityOf(provider) }
        refused.push(draft)
      }
      const { sentences } = explainRefusal(refused, options, context.step)
      throw new AppError('POLICY_REFUSED', sentences.join(' '), { extra: { sentences } })
    },
  }
}

/** One entry for each task. */
export function mapTasks<T>(make: (task: Task) => T): Record<Task, T> {
  return Object.fromEntries(TASKS.map((task) => [task, make(task)])) as Record<Task, T>
}

interface Allowed {
  provider: Provider
  decision: Decision
  draft: CallDraft
}

/** Intent, call, completion. `unmaskable`: nothing was sent, because what the rule wants masked could not be. */
async function show<T>(
  options: GatewayOptions,
  context: CallContext,
  allowed: Allowed,
  run: Run<T>,
): Promise<ProviderResult<T> | 'unmaskable'> {
  const { provider, decision, draft } = allowed
  // Rules in this process use no tokens of anybody's.
  const tokens = provider.languageModel ? context.tokens : 0
  const reservation = await options.budget.reserve(context.tenant_id, tokens, tokens === 0 ? 0 : costInAdvance(options, provider, context))
  const metered = meterCall(provider)
  const heard = hearPrompt(metered.provider, context.prompt_keys ?? [])
  const masked = maskCall(options.recogniser, heard.provider, decision.mask, context)
  const intent = await commitIntent(options, context, { ...draft, minimisation: masked.intended }).catch(async (error: unknown) => {
    await reservation.release()
    throw error
  })
  const startedAt = performance.now()
  const priced = (facts: CallFacts) =>
    costOf(options.prices, { ...pricedCall(provider, context.task, facts), duration_ms: performance.now() - startedAt })
  const close = (outcome: Partial<CallDraft> & Pick<EventDraft, 'phase'>) => {
    const model = outcome.model ?? draft.model
    return write(
      options,
      context,
      {
        ...draft,
        minimisation: masked.minimisation(),
        duration_ms: Math.round(performance.now() - startedAt),
        ...outcome,
        model: model ? { ...model, prompt_hmac: heard.mac() } : null,
      },
      intent,
    )
  }
  let result: ProviderResult<T>
  try {
    result = await run(masked.provider, context.signal)
  } catch (error) {
    const code = errorCode(error)
    const unmaskable = code === 'POLICY_REFUSED'
    const used = metered.answered()
    const cost = used && priced(used)
    // Before the budget is asked for anything: a store of budgets that does not answer must not leave the intent open.
    await close({
      ...(used && describeAnswer(draft, used, cost)),
      ...(unmaskable && used === null && NO_CUSTODY),
      ...NOT_GENERATED,
      phase: unmaskable ? 'refused' : 'completed',
      result: unmaskable ? null : 'failed',
      error_code: code,
    })
    // What nobody waited for may have been answered all the same, and what could not be read has been paid for: nobody said how much it was, so all of it stays held.
    const unknown = context.signal.aborted || (used === null && code === 'MODEL_OUTPUT_INVALID')
    if (!unknown) await (used ? reservation.settle(tokensOf(used), cost?.micro_eur ?? 0) : reservation.release())
    if (unmaskable) return 'unmaskable'
    throw error
  }
  // An answer that was asked for again is in no result, and is billed.
  const facts = metered.answered() ?? result.facts
  const cost = priced(facts)
  await close({ ...describeAnswer(draft, facts, cost), phase: 'completed', result: 'ok' })
  await reservation.settle(tokensOf(facts), cost?.micro_eur ?? 0)
  return { ...result, facts }
}

function tokensOf({ tokensIn, tokensOut }: CallFacts): number {
  return tokensIn + tokensOut
}

function commitIntent({ database }: GatewayOptions, context: CallContext, draft: CallDraft): Promise<string> {
  return withTenant(database, context.tenant_id, async (tx) => {
    await assertAllOpen(tx, context)
    return appendEvent(tx, context.tenant_id, { ...draft, phase: 'intent' })
  })
}

/** Between reading a document and calling there is time for its erasure or restriction, and after that nobody else is shown it any more. */
async function assertAllOpen(tx: Tx, { subjects }: CallContext): Promise<void> {
  const ids = subjects.flatMap((subject) => subject.document_id ?? [])
  if (ids.length === 0) return
  const closed = await tx
    .selectFrom('documents')
    .select('erased_at')
    .where('id', 'in', ids)
    .where((row) => row.or([row('erased_at', 'is not', null), row('restricted_at', 'is not', null)]))
    .orderBy('erased_at')
    .limit(1)
    .executeTakeFirst()
  if (closed) throw new AppError(closed.erased_at ? 'DOCUMENT_ERASED' : 'DOCUMENT_RESTRICTED')
}

function write({ database }: GatewayOptions, context: CallContext, draft: EventDraft, closes: string | null = null): Promise<string> {
  return withTenant(database, context.tenant_id, (tx) => appendEvent(tx, context.tenant_id, draft, closes))
}

/** A call is allowed when the policy allows it for each document in it, at each address that may take it. The answer is the first refusal, else what was decided on the strictest data. */
function decide(options: GatewayOptions, provider: Provider, context: CallContext): Decision {
  const { processor, region, endpoints } = provider
  const recipients = endpoints.map((endpoint) => recipientOf(options.register, { processor, endpoint, region }, options.declarations))
  const { task, tenant_id } = context
  const day = new Date().toISOString().slice(0, 10)
  const decisions = [...context.subjects]
    .sort(byStrictness)
    .flatMap((subject) => recipients.map((recipient) => evaluate(options.policy, recipient, { ...subject, task, tenant_id, day })))
  const [strictest] = decisions
  if (!strictest) return { outcome: 'refused', rule: null, failed: [{ requirement: 'subjects', found: 'none' }], mask: [] }
  return together(decisions, strictest)
}

/** By the name that was asked for: an alias is what a price list names. */
function pricedCall(
  { processor, region, models }: Provider,
  task: Task,
  facts: Pick<CallFacts, 'tokensIn' | 'tokensCached' | 'tokensOut' | 'pages'>,
): PricedCall {
  const { tokensIn, tokensCached, tokensOut, pages } = facts
  return {
    processor,
    region,
    model: models[task] ?? '',
    tokens_in: tokensIn,
    tokens_cached: tokensCached,
    tokens_out: tokensOut,
    ...(pages !== undefined && { pages }),
  }
}

/** As if all of it came out of the model, which is the dearest. */
function costInAdvance(options: GatewayOptions, provider: Provider, { task, tokens }: CallContext): number {
  return costOf(options.prices, pricedCall(provider, task, { tokensIn: 0, tokensCached: 0, tokensOut: tokens }))?.micro_eur ?? 0
}

function identityOf({ processor, languageModel, models }: Provider): ProviderIdentity {
  return { processor, languageModel, models }
}
