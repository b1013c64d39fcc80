import type { ProcessingEvent } from '../../../shared/contracts/record.ts'

/** One event as a node of the graph, in the terms of RECORD_CONTEXT: its own members, its parts with their types, its identifiers as URNs (RFC 9562, 4). */
export function toNode(event: ProcessingEvent): object {
  const { controller_ref, ...members } = event
  const { event_id, recipient, transfer, policy, model, minimisation, provider_retention, retention, human, ai_generated, marking } = event
  return {
    ...members,
    '@id': urn(event_id),
    '@type': 'DataProcessingRecord',
    // Whose log it is: a processor's is not to be read as the controller's (Art. 30(2)(a)). A context cannot choose by another member.
    [event.role === 'processor' ? 'processor_ref' : 'controller_ref']: urn(controller_ref),
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
