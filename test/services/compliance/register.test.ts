import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import jsonld from 'jsonld'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { toNode } from '../../../services/compliance/records/json-ld.ts'
import { RECORD_CONTEXT } from '../../../services/compliance/records/json-ld-context.ts'
import { registerCsv } from '../../../services/compliance/register/cnil.ts'
import { registerFides } from '../../../services/compliance/register/fides.ts'
import { registerJsonLd } from '../../../services/compliance/register/json-ld.ts'
import { registerJson, reportRegister } from '../../../services/compliance/register/report.ts'
import { DataCategory, SubjectCategory } from '../../../shared/contracts/classification.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { openDatabase, withTenant } from '../../../shared/database/connection.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { declareBy } from '../../../shared/policy/activities.ts'
import { DPV_CONTEXT } from '../../../shared/policy/dpv.ts'
import { RegisterReport, type RegisterView } from '../../../shared/policy/register-report.ts'
import { loadActivities, loadRegister } from '../../../shared/runtime/policy-files.ts'
import { FULL_EVENT } from '../../support/full-event.ts'
import { unheard } from '../../support/pools.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const INFRA = new URL('../../../infra/', import.meta.url).pathname
const WITH_ALL = `version: 1
notice: for tests
controller: { name: "=cmd|'/c calc'!A1", contact: "+49 30 1" }
joint_controllers: [{ name: Joint SA, contact: joint@example.org }]
representative: { name: Rep, contact: rep@example.org }
dpo: { name: DPO, contact: dpo@example.org }
activities:
  - id: care
    name: "Care; \\"home\\"\\nvisits"
    purposes: [care, billing]
    role: controller
    subject_categories: [patient, child]
    data_categories:
      - { category: health, erasure: { rule: after the last visit, days: 3650 } }
      - { category: contact, erasure: { rule: open, days: null } }
    special: true
    criminal: true
    legal_basis: A6-1-c
    art9_basis: A9-2-h
    art10_basis: a law
    recipients: [builtin, mistral]
    third_countries: [{ country: US, safeguard: "SCC, module 2" }]
    measures: { technical: [encryption], organisational: ["-training"] }
    assessments: { dpia: { status: done, link: https://example.org/dpia }, lia: { status: not_needed, link: null }, tia: { status: open, link: null } }
    source: the patient
    notice_version: "3"
    automated_decision: none of weight
    created_on: 2023-05-25
    reviewed_on: 2024-01-01
    review_by: 2025-01-01
    ai: { role: deployer, risk: high }
    dpa_reference: DPA 7
    data_use: essential.service
  - id: letters
    name: Letters
    purposes: [letters]
    role: controller
    subject_categories: [customer]
    data_categories: [{ category: contact, erasure: { rule: soon, days: 30 } }, { category: family, erasure: { rule: soon, days: 30 } }]
    special: false
    criminal: false
    legal_basis: A6-1-b
    art9_basis: null
    recipients: [nobody-known]
    third_countries: []
    measures: { technical: [], organisational: [] }
    assessments: { dpia: { status: open, link: null }, lia: { status: not_needed, link: null }, tia: { status: not_needed, link: null } }
    source: letters
    notice_version: null
    automated_decision: null
    review_by: 2099-01-01
    ai: { role: none, risk: minimal }
    dpa_reference: null
`

let bench: Workbench
let report: RegisterReport
let asProcessor: RegisterReport
let enclosed: Record<RegisterView, string>
beforeAll(async () => {
  bench = await openWorkbench()
  const path = join(mkdtempSync(join(tmpdir(), 'greffier-activities-')), 'activities.yaml')
  writeFileSync(path, WITH_ALL)
  const { activities, activitiesHash } = loadActivities(path)
  const shipped = loadRegister(join(INFRA, 'processors.yaml'))
  const register = structuredClone(shipped.register)
  for (const processor of register.processors) if (processor.key === 'mistral') processor.legal_entity.read_on = '2020-01-01'
  const database = openDatabase(bench.serviceUrl, unheard, declareBy(activities, activitiesHash))
  const append = (draft: Partial<EventDraft>) =>
    withTenant(database, bench.tenantId, (tx) =>
      appendEvent(tx, bench.tenantId, { operation: 'Infer', step: 'enrich', phase: 'completed', ...draft }),
    )
  const doc_ref = (await bench.upload({ options: { purpose: 'letters' } })).document_id
  const of = { doc_ref, purpose: 'letters' }
  await append({ ...of, special: true, criminal: true, data_categories: ['contact', 'health'], subject_categories: ['customer', 'member'] })
  await append({ ...of, legal_basis: 'A6-1-f' })
  await append({ doc_ref, purpose: 'stray', data_categories: ['location'] })
  const services = { database, activities, activitiesHash, register, registerHash: shipped.registerHash }
  report = await reportRegister(services, bench.tenantId, { view: 'controller' })
  asProcessor = await reportRegister(services, bench.tenantId, { view: 'processor' })
  enclosed = {
    controller: await registerJson(services, bench.tenantId, 'controller'),
    processor: await registerJson(services, bench.tenantId, 'processor'),
  }
  await database.destroy()
})
afterAll(() => bench.close())

const entry = (id: string | null) => {
  const found = report.activities.find((activity) => activity.id === id)
  if (!found) throw new Error(`no activity ${id}`)
  return found
}
const driftsOf = (id: string | null) =>
  Object.entries(entry(id).fields).flatMap(([field, { drift }]) =>
    drift.map(({ kind, name, severity }) => `${severity} ${field} ${kind} ${name}`),
  )

describe('drift', () => {
  test('names every field in which the record goes beyond the declaration, and nothing else', () => {
    expect(driftsOf('letters')).toEqual([
      'drift subject_categories undeclared_subject_category member',
      'drift data_categories undeclared_data_category health',
      'note data_categories never_observed family',
      'drift special undeclared_special_data Art. 9',
      'drift criminal undeclared_criminal_data Art. 10',
      'drift legal_basis other_basis A6-1-f',
      'drift recipients unregistered_recipient nobody-known',
      'note recipients never_observed nobody-known',
      'note assessments assessment_open dpia',
    ])
  })

  test('says which declarations have aged: facts on recipients, and reviews', () => {
    expect(driftsOf('care')).toEqual([
      'note purposes never_observed care',
      'note purposes never_observed billing',
      'drift recipients stale_evidence mistral',
      'note recipients never_observed mistral',
      'note assessments assessment_open tia',
      'drift review review_overdue 2025-01-01',
    ])
    expect(driftsOf(null)).toEqual(['drift purposes undeclared_purpose stray'])
  })
})

test('each register of a bundle is the same report as JSON', () => {
  const parsed = (view: RegisterView) => ({ ...RegisterReport.parse(JSON.parse(enclosed[view])), generated_at: '' })
  expect(parsed('controller')).toEqual({ ...report, generated_at: '' })
  expect(parsed('processor')).toEqual({ ...asProcessor, generated_at: '' })
})

test('as JSON-LD it loses no term when it is expanded, asks for no document, and says what is declared in words of the vocabulary', async () => {
  const documentLoader = (url: string) => Promise.reject(new Error(`asked for ${url}`))
  const options = { documentLoader, safe: true } as jsonld.Options.Expand
  const [expanded] = await jsonld.expand(registerJsonLd(report) as jsonld.JsonLdDocument, options)
  const flat = JSON.stringify(expanded)
  expect(expanded).toMatchObject({ '@type': ['https://w3id.org/dpv#RecordsOfActivities'] })
  for (const iri of [
    'https://w3id.org/dpv#hasDataController',
    'https://w3id.org/dpv/legal/eu/gdpr#A6-1-c',
    'https://w3id.org/dpv/legal/eu/gdpr#A9-2-h',
    'https://w3id.org/dpv/pd#Health',
    'https://w3id.org/dpv#Patient',
    'https://w3id.org/dpv/loc#US',
    'https://w3id.org/dpv#StorageDeletion',
    'https://w3id.org/dpv#DPIA',
    'P3650D',
    'urn:greffier:vocab:drift',
  ])
    expect(flat).toContain(`"${iri}"`)
  // What has no prefix of the context would still be there, as itself.
  const prefixes = Object.keys(DPV_CONTEXT).map((prefix) => `"${prefix}:`)
  expect(prefixes.filter((prefix) => flat.includes(prefix))).toEqual([])
})

test('its JSON-LD and that of the record name each category by the same IRI, and no two categories by one', async () => {
  const register = await categoriesOf(registerJsonLd(withCategories(DataCategory.options, SubjectCategory.options)))
  const event = { ...FULL_EVENT, data_categories: DataCategory.options, subject_categories: SubjectCategory.options }
  const node = { ...toNode(event), special_category: null, provenance: null }
  expect(await categoriesOf({ '@context': RECORD_CONTEXT, ...node })).toEqual(register)
  expect(new Set(register.data).size).toBe(DataCategory.options.length)
  expect(new Set(register.subjects).size).toBe(SubjectCategory.options.length)
})

test('as CSV it has a row for each activity, every cell under its heading, and none that a spreadsheet would compute', () => {
  const [head = [], ...rows] = readCsv(registerCsv(report))
  expect(head.slice(0, 5)).toEqual(['Nom / sigle', 'N° / REF', 'Date de création', 'Mise à jour', 'Responsable du traitement'])
  expect(rows.map((row) => row.length)).toEqual(rows.map(() => head.length))
  const cell = (row: string[], heading: string) => row[head.indexOf(heading)]
  const [care = [], letters = [], stray = []] = rows
  expect(cell(care, 'Nom / sigle')).toBe('Care; "home"\nvisits')
  expect(cell(care, 'Responsable du traitement')).toBe(`'=cmd|'/c calc'!A1 (+49 30 1)`)
  expect(cell(care, 'Mesures de sécurité organisationnelles')).toBe(`'-training`)
  expect([cell(care, 'Date de création'), cell(care, 'Mise à jour')]).toEqual(['2023-05-25', '2024-01-01'])
  expect(cell(care, 'Données concernant la santé')).toBe('santé – effacement : 3650 jours (after the last visit)')
  expect(cell(care, 'Transferts hors UE : garanties')).toBe('SCC, module 2')
  expect(cell(letters, 'Écarts constatés')).toContain('catégorie de données non déclarée : santé')
  expect(cell(stray, 'N° / REF')).toBe('')
  expect(cell(stray, 'Écarts constatés')).toBe('finalité non déclarée : stray')
  expect(rows.flat().filter((text) => /^[=+\-@\t\r]/.test(text))).toEqual([])
})

test('as YAML for Fides it has what fideslang demands, with keys of its taxonomy or of its own', () => {
  const text = registerFides(report)
  expect(text).toMatch(/^# Not in this file: the purpose stray, which no activity declares\.\n/)
  const { organization, system, data_subject } = Fides.parse(parse(text))
  expect(organization).toMatchObject([{ fides_key: 'default_organization', data_protection_officer: { email: 'dpo@example.org' } }])
  expect(system.map(({ fides_key }) => fides_key)).toEqual(['care', 'letters'])
  const [care] = system
  expect(care?.privacy_declarations.map(({ name }) => name)).toEqual(['care', 'billing'])
  expect(care).toMatchObject({
    does_international_transfers: true,
    requires_data_protection_assessments: true,
    dpa_location: 'https://example.org/dpia',
  })
  expect(care?.privacy_declarations[0]).toMatchObject({
    data_use: 'essential.service',
    data_categories: ['user.contact', 'user.health'],
    legal_basis_for_processing: 'Legal obligations',
    special_category_legal_basis: 'Health or social care (with a basis in law)',
    third_parties: 'mistral',
  })
  const own = data_subject.map(({ fides_key }) => fides_key)
  const used = system.flatMap(({ privacy_declarations }) => privacy_declarations.flatMap(({ data_subjects }) => data_subjects))
  expect(used.filter((key) => !DEFAULT_SUBJECTS.includes(key) && !own.includes(key))).toEqual([])
})

/** A register of one activity, with these categories declared. */
function withCategories(data: readonly DataCategory[], subjects: readonly SubjectCategory[]): RegisterReport {
  const letters = entry('letters')
  const none = { observed: [], drift: [] }
  const fields = {
    ...letters.fields,
    data_categories: { ...none, declared: [...data] },
    subject_categories: { ...none, declared: [...subjects] },
  }
  return { ...report, activities: [{ ...letters, fields }] }
}

/** The IRIs by which an export names what data it is of whom, in its order: of an event, or of the first activity of a register. */
async function categoriesOf(document: object): Promise<{ data: string[]; subjects: string[] }> {
  const [expanded = {}] = (await jsonld.expand(JSON.parse(JSON.stringify(document)), { safe: true } as jsonld.Options.Expand)) as Expanded[]
  const [process = expanded] = (expanded[`${DPV_CONTEXT.dpv}hasProcess`] ?? []) as Expanded[]
  const named = (property: string) => (process[`${DPV_CONTEXT.dpv}${property}`] ?? []).map((one) => String(one['@id']))
  return { data: named('hasPersonalData'), subjects: named('hasDataSubject') }
}
type Expanded = Record<string, Record<string, unknown>[]>

/** RFC 4180 with semicolons. */
function readCsv(text: string): string[][] {
  expect(text).toMatch(/^\uFEFF/)
  const rows: string[][] = [[]]
  for (const [, quoted, plain, end] of text.slice(1).matchAll(/(?:"((?:[^"]|"")*)"|([^;\r\n"]*))(;|\r\n)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '')
    if (end !== ';') rows.push([])
  }
  return rows.slice(0, -1)
}

/** What fideslang 3 demands of these models (src/fideslang/models.py): keys, required members and the values of its enumerations. */
const FidesKey = z.string().regex(/^[a-zA-Z0-9_.<>-]+$/)
const ContactDetails = z.strictObject({ name: z.string(), address: z.string(), email: z.string(), phone: z.string() })
const Fides = z.strictObject({
  organization: z.array(
    z.strictObject({
      fides_key: FidesKey,
      name: z.string(),
      description: z.string(),
      controller: ContactDetails,
      data_protection_officer: ContactDetails.optional(),
      representative: ContactDetails.optional(),
    }),
  ),
  data_subject: z.array(z.strictObject({ fides_key: FidesKey, name: z.string() })),
  system: z.array(
    z.strictObject({
      fides_key: FidesKey,
      organization_fides_key: FidesKey,
      name: z.string(),
      system_type: z.string(),
      responsibility: z.array(z.enum(['Controller', 'Processor', 'Sub-Processor'])),
      processes_personal_data: z.boolean(),
      does_international_transfers: z.boolean(),
      legal_basis_for_transfers: z.array(z.string()),
      requires_data_protection_assessments: z.boolean(),
      dpa_location: z.string().optional(),
      dpa_progress: z.string().optional(),
      dpo: z.string().optional(),
      joint_controller_info: z.string().optional(),
      data_security_practices: z.string().optional(),
      meta: z.record(z.string(), z.unknown()),
      privacy_declarations: z.array(
        z.strictObject({
          name: z.string(),
          data_use: FidesKey,
          data_categories: z.array(
            z.enum([
              'user.name',
              'user.contact',
              'user.financial',
              'user.professional_information',
              'user.demographic',
              'user.location',
              'user.content.private',
              'user.health',
              'user.criminal_history',
            ]),
          ),
          data_subjects: z.array(FidesKey),
          legal_basis_for_processing: z
            .enum(['Consent', 'Contract', 'Legal obligations', 'Vital interests', 'Public interest', 'Legitimate interests'])
            .optional(),
          impact_assessment_location: z.string().optional(),
          retention_period: z.string(),
          processes_special_category_data: z.boolean(),
          special_category_legal_basis: z.string().optional(),
          data_shared_with_third_parties: z.boolean(),
          third_parties: z.string().optional(),
        }),
      ),
    }),
  ),
})
const DEFAULT_SUBJECTS = ['customer', 'supplier_vendor', 'employee', 'job_applicant', 'patient']
