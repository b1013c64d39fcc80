import { TRAINED_ALGORITHMIC_MEDIA } from '../contracts/ai-mark.ts'
import type { Cost } from '../contracts/cost.ts'
import type { EventDraft, ProcessingEvent } from '../contracts/record.ts'
import { classesOf, type Decision } from '../policy/evaluate.ts'
import { type Declarations, recipientOf } from '../policy/recipient.ts'
import type { ProcessorRegister } from '../policy/register.ts'
import { custodyOf, NO_CUSTODY } from './call-custody.ts'
import type { CallContext } from './gateway.ts'
import type { CallFacts, Provider } from './provider.ts'

/** What a call's events have in common: whom it was to reach, by which rule, with what of which documents. */
export type CallDraft = Omit<EventDraft, 'phase'>

interface Rules {
  register: ProcessorRegister
  registerHash: string
  policyHash: string
  declarations: Declarations
  /** Of `subprocessor_set_hash`, by the key of a processor and the day (ISO 8601). */
  subprocessorSet: (processor: string, day: string) => string
}

export function describeCall(rules: Rules, provider: Provider, decision: Decision, context: CallContext): CallDraft {
  const documents = context.subjects.filter((subject) => subject.document_id !== null)
  const question = context.subjects.find((subject) => subject.document_id === null)
  const single = documents.length === 1 && context.subjects.length === 1 ? documents[0] : undefined
  const { processor, endpoints, region, models, languageModel } = provider
  const generates = languageModel && context.task !== 'embed'
  const now = new Date()
  const recipients = endpoints.map((endpoint) => recipientOf(rules.register, { processor, endpoint, region }, rules.declarations))
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
    data_categories: [...(single?.data_categories ?? [])],
    subject_categories: [...(single?.subject_categories ?? [])],
    provenance: 'derived',
    retention: single?.retention ?? null,
    // Which of several servers takes the call is known when it has ended.
    recipient: {
      processor,
      endpoint: endpoints.join(' '),
      region,
      register_hash: rules.registerHash,
      subprocessor_set_hash: rules.subprocessorSet(processor, now.toISOString().slice(0, 10)),
    },
    ...(decision.outcome === 'refused' ? NO_CUSTODY : custodyOf(recipients, now)),
    policy: { hash: rules.policyHash, rule: decision.rule, outcome: decision.outcome, failed: decision.failed },
    model: {
      task: context.task,
      requested: models[context.task] ?? '',
      returned: null,
      language_model: languageModel,
      tokens_in: null,
      tokens_cached: null,
      tokens_out: null,
      provider_request_id: null,
      schema_hash: context.schema_hash ?? null,
      prompt_hmac: null,
      cost: null,
    },
    ...(generates ? GENERATED : NOT_GENERATED),
    hits: single
      ? []
      : documents.flatMap((subject) =>
          subject.document_id === null ? [] : [{ doc_ref: subject.document_id, revision: subject.revision ?? 1, page: subject.page ?? 1 }],
        ),
  }
}

type Marking = Pick<ProcessingEvent, 'ai_generated' | 'marking'>

/** AI Act Art. 50(2): whatever such a call brings back is marked so wherever it is shown (ai-mark.ts). */
const GENERATED: Marking = { ai_generated: true, marking: TRAINED_ALGORITHMIC_MEDIA }
export const NOT_GENERATED: Marking = { ai_generated: false, marking: null }

/** The same after an answer: who gave it, with which model, for how much. */
export function describeAnswer(draft: CallDraft, facts: CallFacts, cost: Cost | null): CallDraft {
  return {
    ...draft,
    recipient: draft.recipient ? { ...draft.recipient, endpoint: facts.endpoint } : null,
    model: draft.model ? reported(draft.model, facts, cost) : null,
  }
}

/** A provider need not say which model it ran (wire-facts.ts). */
const NOT_STATED = 'not stated'

/** What a model's name or a request's id looks like. The record keeps what a provider says for ever: its words must not bring text into it. */
const NAME = /^[\w./][\w.:/@+-]{0,127}$/

/** The model that a provider says it ran; null where it said nothing, or what is no name. */
export function modelStated({ modelReturned }: Pick<CallFacts, 'modelReturned'>): string | null {
  return modelReturned !== NOT_STATED && NAME.test(modelReturned) ? modelReturned : null
}

function reported(model: NonNullable<ProcessingEvent['model']>, facts: CallFacts, cost: Cost | null): ProcessingEvent['model'] {
  return {
    ...model,
    returned: modelStated(facts) ?? NOT_STATED,
    tokens_in: facts.tokensIn,
    tokens_cached: facts.tokensCached,
    tokens_out: facts.tokensOut,
    provider_request_id: facts.requestId !== null && NAME.test(facts.requestId) ? facts.requestId : null,
    cost,
  }
}
