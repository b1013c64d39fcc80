import type { ProcessingEvent } from '../../../shared/contracts/record.ts'

/** One event as a node of the graph, in the terms of RECORD_CONTEXT: its own members, its parts with their types, its identifiers as URNs (RFC 9562, 4). */
export function toNode(event: ProcessingEvent): object {
  const { event_id, recipient, transfer, policy, model, minimisation, provider_retention, retention, human, ai_generated, marking } = event
  return {
    ...event,
    '@id': urn(event_id),
    '@type': 'DataProcessingRecord',
    controller_ref: urn(event.controller_ref),
    doc_ref: event.doc_ref && urn(event.doc_ref),
    request_ref: event.request_ref && urn(event.request_ref),
    parent_events: event.parent_events.map(urn),
    hits: event.hits.map((hit) => ({ ...hit, doc_ref: urn(hit.doc_ref) })),
    special_category: event.special ? 'SpecialCategoryPersonalData' : null,
    recipient: typed('Recipient', recipient),
    transfer: typed('DataTransferRecord', transfer),
    policy: typed('DataJurisdictionPolicy', policy),
    model: typed('AISystem', model),
    minimisation: typed('Pseudonymisation', minimisation),
    provider_retention: typed('StorageCondition', provider_retention),
    retention: typed('StorageDeletion', retention),
    human: typed('HumanInvolvementForVerification', human),
    notice: ai_generated || marking !== null ? { '@type': 'AINotice', marking } : null,
  }
}

function typed(type: string, part: object | null): object | null {
  return part && { '@type': type, ...part }
}

const urn = (id: string) => `urn:uuid:${id}`
