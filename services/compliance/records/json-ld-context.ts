import { Art9Basis, LegalBasis, Operation } from '../../../shared/contracts/record.ts'
import { DPV_CONTEXT, DPV_DATA, DPV_SUBJECTS } from '../../../shared/policy/dpv.ts'

/** What the vocabularies have no term for. Not an address: nothing is to be fetched. */
export const OWN = 'urn:greffier:record:'
export const EU_AIACT = 'https://w3id.org/dpv/legal/eu/aiact#'

/** A member whose values are terms: those of `values`, and any other in a namespace of its own. */
const termsOf = (property: string, kind: string, values: Record<string, string> = {}) => ({
  '@id': property,
  '@type': '@vocab',
  '@context': { '@vocab': `urn:greffier:${kind}:`, ...values },
})
const node = (property: string, members: object = {}) => ({ '@id': property, '@context': members })
const prefixed = (prefix: string, names: readonly string[]) => Object.fromEntries(names.map((name) => [name, `${prefix}:${name}`]))
const time = (property: string) => ({ '@id': property, '@type': 'xsd:dateTime' })
const reference = (property: string) => ({ '@id': property, '@type': '@id' })

/**
 * The members of an event in terms of the Data Privacy Vocabulary 2 and its extensions for the GDPR and the AI Act (W3C Data Privacy Vocabularies and Controls
 * Community Group). It is written into every export: whoever reads one needs no network.
 */
export const RECORD_CONTEXT = {
  '@version': 1.1,
  '@vocab': OWN,
  dpv: DPV_CONTEXT.dpv,
  pd: DPV_CONTEXT.pd,
  'eu-gdpr': DPV_CONTEXT['eu-gdpr'],
  'eu-aiact': EU_AIACT,
  dct: 'http://purl.org/dc/terms/',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
  DataProcessingRecord: 'dpv:DataProcessingRecord',
  Recipient: 'dpv:Recipient',
  DataTransferRecord: 'dpv:DataTransferRecord',
  DataJurisdictionPolicy: 'dpv:DataJurisdictionPolicy',
  Pseudonymisation: 'dpv:Pseudonymisation',
  AISystem: 'eu-aiact:AISystem',
  StorageCondition: 'dpv:StorageCondition',
  StorageDeletion: 'dpv:StorageDeletion',
  HumanInvolvementForVerification: 'dpv:HumanInvolvementForVerification',
  AINotice: 'dpv:AINotice',
  time: time('dct:created'),
  controller_ref: reference('dpv:hasDataController'),
  processor_ref: reference('dpv:hasDataProcessor'),
  role: termsOf('dpv:hasEntity', 'role', { controller: 'dpv:DataController', processor: 'dpv:DataProcessor' }),
  doc_ref: reference('dpv:hasIdentifier'),
  parent_events: reference(`${OWN}parent_events`),
  request_ref: reference(`${OWN}request_ref`),
  activity_ref: termsOf('dpv:hasRecordOfActivity', 'activity'),
  operation: termsOf('dpv:hasProcessing', 'operation', prefixed('dpv', Operation.options)),
  purpose: termsOf('dpv:hasPurpose', 'purpose'),
  legal_basis: termsOf('dpv:hasLegalBasis', 'legal-basis', prefixed('eu-gdpr', LegalBasis.options)),
  art9_basis: termsOf('dpv:hasLegalBasis', 'legal-basis', prefixed('eu-gdpr', Art9Basis.options)),
  justification_commit: 'dpv:hasJustification',
  sensitivity: termsOf('dpv:hasSensitivityLevel', 'sensitivity'),
  data_categories: termsOf('dpv:hasPersonalData', 'data-category', DPV_DATA),
  special_category: termsOf('dpv:hasPersonalData', 'data-category', prefixed('dpv', ['SpecialCategoryPersonalData'])),
  subject_categories: termsOf('dpv:hasDataSubject', 'subject-category', DPV_SUBJECTS),
  provenance: termsOf('dpv:hasPersonalData', 'provenance', {
    provided: 'dpv:ProvidedPersonalData',
    observed: 'dpv:ObservedPersonalData',
    derived: 'dpv:DerivedPersonalData',
  }),
  recipient: node('dpv:hasRecipient', { processor: 'dpv:hasIdentifier', region: 'dpv:hasLocation', endpoint: 'dpv:hasAddress' }),
  transfer: node(`${OWN}transfer`, {
    country: 'dpv:hasThirdCountry',
    importer: 'dpv:hasDataImporter',
    mechanism: termsOf('dpv:hasLegalBasis', 'transfer-mechanism', {
      adequacy_45: 'eu-gdpr:A45-3',
      scc_46: 'eu-gdpr:A46-2-c',
      ...prefixed('eu-gdpr', ['A45-3', 'A46-2-a', 'A46-2-b', 'A46-2-c', 'A46-2-d', 'A46-2-e', 'A46-2-f', 'A46-3-a', 'A46-3-b']),
      ...prefixed('eu-gdpr', ['A49-1-a', 'A49-1-b', 'A49-1-c', 'A49-1-d', 'A49-1-e', 'A49-1-f', 'A49-1-g']),
    }),
  }),
  provider_retention: node('dpv:hasStorageCondition', { until: time(`${OWN}until`) }),
  retention: node('dpv:hasStorageCondition', { erase_after: time(`${OWN}erase_after`) }),
  policy: node('dpv:hasPolicy', { rule: 'dpv:hasRule' }),
  model: node(`${OWN}model`),
  minimisation: node('dpv:hasTechnicalMeasure'),
  human: node('dpv:hasHumanInvolvement', { outcome: 'dpv:hasOutcome' }),
  notice: node('dpv:hasNotice'),
  phase: termsOf('dpv:hasActivityStatus', 'phase', {
    intent: 'dpv:ActivityPlanned',
    completed: 'dpv:ActivityCompleted',
    refused: 'dpv:ActivityNotCompleted',
  }),
} as const
