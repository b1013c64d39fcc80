import type { ProcessingEvent } from '../../../shared/contracts/record.ts'
import { outcomeOf } from '../../../shared/contracts/records.ts'
import type { Cell } from '../../../shared/exports/csv.ts'

/** One column a line: what stands in its head, and how an event fills it. */
const COLUMNS: Readonly<Record<string, (event: ProcessingEvent) => Cell>> = {
  event_id: ({ event_id }) => event_id,
  time: ({ time }) => time,
  operation: ({ operation }) => operation,
  step: ({ step }) => step,
  outcome: outcomeOf,
  error_code: ({ error_code }) => error_code,
  duration_ms: ({ duration_ms }) => duration_ms,
  document: ({ doc_ref }) => doc_ref,
  revision: ({ revision }) => revision,
  other_documents: ({ hits }) => [...new Set(hits.map(({ doc_ref }) => doc_ref))],
  controller: ({ controller_ref }) => controller_ref,
  role: ({ role }) => role,
  purpose: ({ purpose }) => purpose,
  activity: ({ activity_ref }) => activity_ref,
  register_hash: ({ register_hash }) => register_hash,
  legal_basis: ({ legal_basis }) => legal_basis,
  art9_basis: ({ art9_basis }) => art9_basis,
  sensitivity: ({ sensitivity }) => sensitivity,
  special: ({ special }) => special,
  criminal: ({ criminal }) => criminal,
  data_categories: ({ data_categories }) => data_categories,
  subject_categories: ({ subject_categories }) => subject_categories,
  provenance: ({ provenance }) => provenance,
  processor: ({ recipient }) => recipient?.processor ?? null,
  endpoint: ({ recipient }) => recipient?.endpoint ?? null,
  region: ({ recipient }) => recipient?.region ?? null,
  processors_hash: ({ recipient }) => recipient?.register_hash ?? null,
  subprocessor_set_hash: ({ recipient }) => recipient?.subprocessor_set_hash ?? null,
  transfer_country: ({ transfer }) => transfer?.country ?? null,
  transfer_importer: ({ transfer }) => transfer?.importer ?? null,
  transfer_mechanism: ({ transfer }) => transfer?.mechanism ?? null,
  provider_retention: ({ provider_retention }) => provider_retention?.mode ?? null,
  provider_retention_until: ({ provider_retention }) => provider_retention?.until ?? null,
  policy_outcome: ({ policy }) => policy?.outcome ?? null,
  policy_rule: ({ policy }) => policy?.rule ?? null,
  policy_hash: ({ policy }) => policy?.hash ?? null,
  policy_failed: ({ policy }) => policy?.failed.map(({ requirement, found }) => `${requirement}: ${found};`) ?? null,
  task: ({ model }) => model?.task ?? null,
  model_requested: ({ model }) => model?.requested ?? null,
  model_returned: ({ model }) => model?.returned ?? null,
  language_model: ({ model }) => model?.language_model ?? null,
  tokens_in: ({ model }) => model?.tokens_in ?? null,
  tokens_cached: ({ model }) => model?.tokens_cached ?? null,
  tokens_out: ({ model }) => model?.tokens_out ?? null,
  cost_micro_eur: ({ model }) => model?.cost?.micro_eur ?? null,
  provider_request_id: ({ model }) => model?.provider_request_id ?? null,
  schema_hash: ({ model }) => model?.schema_hash ?? null,
  prompt_hmac: ({ model }) => model?.prompt_hmac ?? null,
  masked_before: ({ minimisation }) => counts(minimisation?.before),
  masked_after: ({ minimisation }) => counts(minimisation?.after),
  recogniser: ({ minimisation }) => minimisation?.recogniser?.entity ?? null,
  ai_generated: ({ ai_generated }) => ai_generated,
  marking: ({ marking }) => marking,
  human_reviewed: ({ human }) => human?.reviewed ?? null,
  human_outcome: ({ human }) => human?.outcome ?? null,
  retention_rule: ({ retention }) => retention?.rule ?? null,
  erase_after: ({ retention }) => retention?.erase_after ?? null,
  hold: ({ retention }) => retention?.hold ?? null,
  stores: ({ stores }) => stores.map(({ store, kind, remaining }) => `${store}/${kind}=${remaining}`),
  request: ({ request_ref }) => request_ref,
  justification_commit: ({ justification_commit }) => justification_commit,
  content_commit: ({ content_commit }) => content_commit,
  annex_commit: ({ annex_commit }) => annex_commit,
  output_hash: ({ output_hash }) => output_hash,
  parent_events: ({ parent_events }) => parent_events,
}

export const CSV_HEAD: readonly string[] = Object.keys(COLUMNS)

export function csvRow(event: ProcessingEvent): Cell[] {
  return Object.values(COLUMNS).map((cell) => cell(event))
}

function counts(of: Partial<Record<string, number>> | undefined): string[] | null {
  return of ? Object.entries(of).map(([kind, count]) => `${kind}=${count}`) : null
}
