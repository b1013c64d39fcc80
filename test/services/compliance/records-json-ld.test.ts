import jsonld, { type JsonLdDocument } from 'jsonld'
import { expect, test } from 'vitest'
import { toNode } from '../../../services/compliance/records/json-ld.ts'
import { RECORD_CONTEXT } from '../../../services/compliance/records/json-ld-context.ts'
import { Art9Basis, LegalBasis, Operation, type ProcessingEvent } from '../../../shared/contracts/record.ts'
import { FULL_EVENT } from '../../support/full-event.ts'

const DPV = 'https://w3id.org/dpv#'
const PD = 'https://w3id.org/dpv/pd#'
const GDPR = 'https://w3id.org/dpv/legal/eu/gdpr#'

/** Without a network: the context is in the document, and anything else that it asked for would fail. */
async function expand(...events: ProcessingEvent[]): Promise<Record<string, unknown>[]> {
  const documentLoader = async (url: string): Promise<never> => {
    throw new Error(`${url} was asked for`)
  }
  // `safe`, which the types do not know: what would be dropped is an error.
  const options = { documentLoader, safe: true }
  const document = JSON.parse(JSON.stringify({ '@context': RECORD_CONTEXT, '@graph': events.map(toNode) })) as JsonLdDocument
  return (await jsonld.expand(document, options)) as unknown as Record<string, unknown>[]
}

const ids = (value: unknown) => (value as { '@id': string }[]).map((one) => one['@id'])

/** Strings, numbers and booleans, whatever they hang on. */
function leaves(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(leaves)
  if (typeof value === 'object' && value !== null) return Object.entries(value).flatMap(([key, of]) => (key === '@type' ? [] : leaves(of)))
  return value === null ? [] : [value]
}

test('no member of an event is lost: every value that goes in comes out of the expansion', async () => {
  const [node] = await expand(FULL_EVENT)
  const before = leaves(JSON.parse(JSON.stringify(toNode(FULL_EVENT))))
  expect(Object.keys(toNode(FULL_EVENT))).toEqual(expect.arrayContaining(Object.keys(FULL_EVENT)))
  expect(Object.values(FULL_EVENT).filter((value) => value === null)).toEqual([])
  expect(leaves(node)).toHaveLength(before.length)
})

test('members and values are terms of the Data Privacy Vocabulary and its extensions', async () => {
  const [node = {}] = await expand(FULL_EVENT)
  expect(node['@id']).toBe(`urn:uuid:${FULL_EVENT.event_id}`)
  expect(node['@type']).toEqual([`${DPV}DataProcessingRecord`])
  expect(ids(node[`${DPV}hasDataController`])).toEqual([`urn:uuid:${FULL_EVENT.controller_ref}`])
  expect(ids(node[`${DPV}hasIdentifier`])).toEqual([`urn:uuid:${FULL_EVENT.doc_ref}`])
  expect(ids(node[`${DPV}hasProcessing`])).toEqual([`${DPV}Transmit`])
  expect(ids(node[`${DPV}hasPurpose`])).toEqual(['urn:greffier:purpose:invoice_processing'])
  expect(ids(node[`${DPV}hasRecordOfActivity`])).toEqual(['urn:greffier:activity:invoices'])
  expect(ids(node[`${DPV}hasLegalBasis`]).sort()).toEqual([`${GDPR}A6-1-b`, `${GDPR}A9-2-f`])
  expect(ids(node[`${DPV}hasSensitivityLevel`])).toEqual(['urn:greffier:sensitivity:confidential'])
  expect(ids(node[`${DPV}hasPersonalData`]).sort()).toEqual([
    `${DPV}DerivedPersonalData`,
    `${DPV}SpecialCategoryPersonalData`,
    `${PD}Contact`,
    `${PD}Health`,
  ])
  expect(ids(node[`${DPV}hasDataSubject`])).toEqual([`${DPV}Customer`, `${DPV}Employee`])
  expect(ids(node[`${DPV}hasActivityStatus`])).toEqual([`${DPV}ActivityCompleted`])
  expect(node['http://purl.org/dc/terms/created']).toEqual([
    { '@type': 'http://www.w3.org/2001/XMLSchema#dateTime', '@value': FULL_EVENT.time },
  ])
  expect(node['urn:greffier:record:transfer']).toMatchObject([
    {
      '@type': [`${DPV}DataTransferRecord`],
      [`${DPV}hasLegalBasis`]: [{ '@id': `${GDPR}A46-2-c` }],
      [`${DPV}hasThirdCountry`]: [{ '@value': 'US' }],
    },
  ])
  const types = (name: string) => (node[name] as { '@type': string[] }[]).flatMap((part) => part['@type']).sort()
  expect(types(`${DPV}hasRecipient`)).toEqual([`${DPV}Recipient`])
  expect(types(`${DPV}hasPolicy`)).toEqual([`${DPV}DataJurisdictionPolicy`])
  expect(types(`${DPV}hasTechnicalMeasure`)).toEqual([`${DPV}Pseudonymisation`])
  expect(types(`${DPV}hasStorageCondition`)).toEqual([`${DPV}StorageCondition`, `${DPV}StorageDeletion`])
  expect(types(`${DPV}hasHumanInvolvement`)).toEqual([`${DPV}HumanInvolvementForVerification`])
  expect(types(`${DPV}hasNotice`)).toEqual([`${DPV}AINotice`])
  expect(types('urn:greffier:record:model')).toEqual(['https://w3id.org/dpv/legal/eu/aiact#AISystem'])
})

test('the organisation is the controller only of what it did as one; of what it did for others it is the processor', async () => {
  const [own = {}, forOthers = {}] = await expand({ ...FULL_EVENT, role: 'controller' }, { ...FULL_EVENT, role: 'processor' })
  const organisation = [{ '@id': `urn:uuid:${FULL_EVENT.controller_ref}` }]
  expect(own).toMatchObject({ [`${DPV}hasDataController`]: organisation, [`${DPV}hasEntity`]: [{ '@id': `${DPV}DataController` }] })
  expect(forOthers).toMatchObject({ [`${DPV}hasDataProcessor`]: organisation, [`${DPV}hasEntity`]: [{ '@id': `${DPV}DataProcessor` }] })
  expect(own).not.toHaveProperty([`${DPV}hasDataProcessor`])
  expect(forOthers).not.toHaveProperty([`${DPV}hasDataController`])
  expect(leaves(forOthers)).toHaveLength(leaves(own).length)
})

test.each(['intent', 'completed', 'refused', 'outcome_unknown'] as const)('the phase %s has a status of its own', async (phase) => {
  const [node = {}] = await expand({ ...FULL_EVENT, phase })
  const expected = {
    intent: `${DPV}ActivityPlanned`,
    completed: `${DPV}ActivityCompleted`,
    refused: `${DPV}ActivityNotCompleted`,
    outcome_unknown: 'urn:greffier:phase:outcome_unknown',
  }
  expect(ids(node[`${DPV}hasActivityStatus`])).toEqual([expected[phase]])
})

test('every operation and every legal basis is a term of its vocabulary', async () => {
  const nodes = await expand(...Operation.options.map((operation) => ({ ...FULL_EVENT, operation })))
  expect(nodes.flatMap((node) => ids(node[`${DPV}hasProcessing`]))).toEqual(Operation.options.map((name) => `${DPV}${name}`))
  const bases = await expand(
    ...LegalBasis.options.map((legal_basis) => ({ ...FULL_EVENT, legal_basis, art9_basis: null })),
    ...Art9Basis.options.map((art9_basis) => ({ ...FULL_EVENT, art9_basis, legal_basis: null })),
  )
  expect(bases.flatMap((node) => ids(node[`${DPV}hasLegalBasis`]))).toEqual(
    [...LegalBasis.options, ...Art9Basis.options].map((name) => `${GDPR}${name}`),
  )
})
