import type { Cost } from '../contracts/cost.ts'
import type { DataClass, Sensitivity } from '../contracts/document.ts'
import { AppError, errorCode } from '../contracts/errors.ts'
import type { EventDraft, ProcessingEvent } from '../contracts/record.ts'
import { type Database, type Tx, withTenant } from '../database/connection.ts'
import { appendEvent } from '../database/events.ts'
import { byStrictness, classesOf, type Decision, evaluate } from '../policy/evaluate.ts'
import type { Policy } from '../policy/policy.ts'
import { costOf, type PricedCall, type PriceList } from '../policy/prices.ts'
import { type Declarations, recipientOf } from '../policy/recipient.ts'
import type { ProcessorRegister } from '../policy/register.ts'
import { type CallFacts, type Provider, type ProviderResult, TASKS, type Task } from './provider.ts'

/** Data that a call would show to a provider: one entry for each document that it contains, and one for a question. */
export interface CallSubject {
  document_id: string | null
  revision: number | null
  page: number | null
  sensitivity: Sensitivity
  data_classes: readonly DataClass[]
  purpose: string
}

export interface CallContext {
  tenant_id: string
  task: Task
  step: string
  subjects: readonly CallSubject[]
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

export interface ModelGateway {
  /** For each task its providers in the configured order. */
  readonly order: Readonly<Record<Task, readonly ProviderIdentity[]>>
  /**
   * The only door out. Takes the first provider that the policy allows for every subject, commits the intent before a byte leaves, calls, and
   * completes the event. Refusals on the way are events too. Throws POLICY_REFUSED when none is allowed, DOCUMENT_ERASED when a subject was erased
   * before the intent, else what the provider throws.
   */
  call<T>(context: CallContext, run: (provider: Provider, signal: AbortSignal) => Promise<ProviderResult<T>>): Promise<GatewayResult<T>>
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
}

export function createGateway(options: GatewayOptions): ModelGateway {
  const { database, order } = options
  const write = (context: CallContext, draft: EventDraft, closes: string | null = null) =>
    withTenant(database, context.tenant_id, (tx) => appendEvent(tx, context.tenant_id, draft, closes))

  const choose = async (context: CallContext) => {
    for (const provider of order[context.task]) {
      if (context.only !== undefined && provider.processor !== context.only) continue
      const decision = decide(options, provider, context)
      const draft = describe(options, provider, decision, context)
      if (decision.outcome === 'allowed') return { provider, draft }
      await write(context, { ...draft, phase: 'refused', ai_generated: false })
    }
    throw new AppError('POLICY_REFUSED', `no configured provider may ${context.task} this data under policy ${options.policy.name}`)
  }

  return {
    order: mapTasks((task) => order[task].map(identityOf)),
    call: async (context, run) => {
      const { provider, draft } = await choose(context)
      const intent = await withTenant(database, context.tenant_id, async (tx) => {
        await assertNoneErased(tx, context.subjects)
        return appendEvent(tx, context.tenant_id, { ...draft, phase: 'intent' })
      })
      const startedAt = performance.now()
      const elapsed = () => Math.round(performance.now() - startedAt)
      let result: Awaited<ReturnType<typeof run>>
      try {
        result = await run(provider, context.signal)
      } catch (error) {
        await write(
          context,
          { ...draft, ai_generated: false, phase: 'completed', result: 'failed', error_code: errorCode(error), duration_ms: elapsed() },
          intent,
        )
        throw error
      }
      const completed = {
        ...draft,
        recipient: draft.recipient ? { ...draft.recipient, endpoint: result.facts.endpoint } : null,
        model: reported(draft.model, result.facts, costOf(options.prices, pricedCall(provider, context, result.facts))),
        phase: 'completed',
        result: 'ok',
        duration_ms: elapsed(),
      } as const
      await write(context, completed, intent)
      return { value: result.value, provider: identityOf(provider), facts: result.facts }
    },
  }
}

/** One entry for each task. */
export function mapTasks<T>(make: (task: Task) => T): Record<Task, T> {
  return Object.fromEntries(TASKS.map((task) => [task, make(task)])) as Record<Task, T>
}

function identityOf({ processor, languageModel, models }: Provider): ProviderIdentity {
  return { processor, languageModel, models }
}

/** Between reading a document and calling there is time for its erasure, and after its tombstone nobody else is shown it any more. */
async function assertNoneErased(tx: Tx, subjects: readonly CallSubject[]): Promise<void> {
  const ids = subjects.flatMap((subject) => subject.document_id ?? [])
  if (ids.length === 0) return
  const erased = await tx.selectFrom('documents').select('id').where('id', 'in', ids).where('erased_at', 'is not', null).executeTakeFirst()
  if (erased) throw new AppError('DOCUMENT_ERASED')
}

/** A call is allowed when the policy allows it for each document in it, at each address that may take it. The answer is the first refusal, else what was decided on the strictest data. */
function decide(options: GatewayOptions, provider: Provider, context: CallContext): Decision {
  const { processor, region } = provider
  const recipients = provider.endpoints.map((endpoint) =>
    recipientOf(options.register, { processor, endpoint, region }, options.declarations),
  )
  const day = new Date().toISOString().slice(0, 10)
  const decisions = [...context.subjects]
    .sort(byStrictness)
    .flatMap((subject) =>
      recipients.map((recipient) =>
        evaluate(options.policy, recipient, { ...subject, task: context.task, tenant_id: context.tenant_id, day }),
      ),
    )
  const none: Decision = { outcome: 'refused', rule: null, failed: [{ requirement: 'subjects', found: 'none' }] }
  return decisions.find((decision) => decision.outcome === 'refused') ?? decisions[0] ?? none
}

function describe(options: GatewayOptions, provider: Provider, decision: Decision, context: CallContext): Omit<EventDraft, 'phase'> {
  const documents = context.subjects.filter((subject) => subject.document_id !== null)
  const question = context.subjects.find((subject) => subject.document_id === null)
  const single = documents.length === 1 && context.subjects.length === 1 ? documents[0] : undefined
  return {
    operation: context.task === 'embed' ? 'Derive' : 'Infer',
    step: context.step,
    doc_ref: single?.document_id ?? null,
    revision: single?.revision ?? null,
    // A question is what the call is for; the documents in it have their own purpose on their own record.
    purpose: (question ?? single)?.purpose ?? null,
    sensitivity: single?.sensitivity ?? null,
    special: single ? classesOf(single).includes('special') : null,
    criminal: single ? classesOf(single).includes('criminal') : null,
    provenance: 'derived',
    recipient: {
      processor: provider.processor,
      endpoint: provider.endpoints.join(' '),
      region: provider.region,
      register_hash: options.registerHash,
    },
    policy: { hash: options.policyHash, rule: decision.rule, outcome: decision.outcome, failed: decision.failed },
    model: {
      task: context.task,
      requested: provider.models[context.task] ?? '',
      returned: null,
      language_model: provider.languageModel,
      tokens_in: null,
      tokens_out: null,
      provider_request_id: null,
      cost: null,
    },
    ai_generated: provider.languageModel && context.task !== 'embed',
    hits: single
      ? []
      : documents.flatMap((subject) =>
          subject.document_id === null ? [] : [{ doc_ref: subject.document_id, revision: subject.revision ?? 1, page: subject.page ?? 1 }],
        ),
  }
}

/** What a model's name or a request's id looks like. The record keeps what a provider says for ever: its words must not bring text into it. */
const NAME = /^[\w./][\w.:/@+-]{0,127}$/

/** By the name that was asked for: an alias is what a price list names. */
function pricedCall({ processor, region, models }: Provider, { task }: CallContext, { tokensIn, tokensOut }: CallFacts): PricedCall {
  return { processor, region, model: models[task] ?? '', tokens_in: tokensIn, tokens_out: tokensOut }
}

function reported(model: ProcessingEvent['model'] | undefined, facts: CallFacts, cost: Cost | null): ProcessingEvent['model'] {
  if (!model) return null
  return {
    ...model,
    returned: NAME.test(facts.modelReturned) ? facts.modelReturned : 'not stated',
    tokens_in: facts.tokensIn,
    tokens_out: facts.tokensOut,
    provider_request_id: facts.requestId !== null && NAME.test(facts.requestId) ? facts.requestId : null,
    cost,
  }
}
