import type { DataCategory, SubjectCategory } from '../../../shared/contracts/classification.ts'
import { DPV_CONTEXT, DPV_DATA, DPV_SUBJECTS } from '../../../shared/policy/dpv.ts'
import type { RegisterEntry, RegisterReport } from '../../../shared/policy/register-report.ts'

type Node = Record<string, unknown>

/** The register as a `dpv:RecordsOfActivities`: what is declared is said of the process itself, what was observed and the drift under terms of our own. */
export function registerJsonLd(report: RegisterReport): Node {
  const { tenant_id, controller, joint_controllers, representative, dpo } = report
  return {
    '@context': DPV_CONTEXT,
    '@id': `urn:greffier:register:${tenant_id}`,
    '@type': 'dpv:RecordsOfActivities',
    'dcterms:created': { '@value': report.generated_at, '@type': 'xsd:dateTime' },
    'dcterms:description': report.notice,
    [report.view === 'controller' ? 'dpv:hasDataController' : 'dpv:hasDataProcessor']: party(
      controller,
      report.view === 'controller' ? 'dpv:DataController' : 'dpv:DataProcessor',
    ),
    'dpv:hasJointDataControllers': joint_controllers.map((one) => party(one, 'dpv:JointDataControllers')),
    'dpv:hasRepresentative': representative ? [party(representative, 'dpv:Representative')] : [],
    'dpv:hasDataProtectionOfficer': dpo ? [party(dpo, 'dpv:DataProtectionOfficer')] : [],
    'greffier:registerHash': report.register_hash,
    'dpv:hasProcess': report.activities.map((entry) => processOf(tenant_id, entry)),
  }
}

function processOf(tenantId: string, entry: RegisterEntry): Node {
  const { fields } = entry
  const id = entry.id === null ? `undeclared:${encodeURIComponent(entry.name)}` : entry.id
  const { assessments, measures, erasure } = fields
  return {
    '@id': `urn:greffier:activity:${tenantId}:${id}`,
    '@type': 'dpv:PersonalDataProcess',
    'dcterms:title': entry.name,
    'dpv:hasDataController': entry.controllers.map((one) => party(one, 'dpv:DataController')),
    'dpv:hasPurpose': (fields.purposes.declared ?? []).map((name) => purpose(tenantId, name)),
    'dpv:hasDataSubject': (fields.subject_categories.declared ?? []).map(subject),
    'dpv:hasPersonalData': (fields.data_categories.declared ?? []).map(data),
    'dpv:hasLegalBasis': [fields.legal_basis.declared, fields.art9_basis.declared].flatMap((basis) =>
      basis ? [{ '@id': `eu-gdpr:${basis}` }] : [],
    ),
    'dpv:hasRecipient': (fields.recipients.declared ?? []).map(recipient),
    'dpv:hasThirdCountry': (fields.third_countries.declared ?? []).map(({ country, safeguard }) => ({
      '@id': `loc:${country}`,
      'greffier:safeguard': safeguard,
    })),
    'dpv:hasStorageCondition': (erasure.declared ?? []).map(({ category, rule, days }) => ({
      '@type': 'dpv:StorageDeletion',
      'dpv:hasPersonalData': data(category),
      'dcterms:description': rule,
      ...(days !== null && { 'dpv:hasDuration': { '@value': `P${days}D`, '@type': 'xsd:duration' } }),
    })),
    'dpv:hasTechnicalMeasure': (measures.declared?.technical ?? []).map((name) => described('dpv:TechnicalMeasure', name)),
    'dpv:hasOrganisationalMeasure': (measures.declared?.organisational ?? []).map((name) => described('dpv:OrganisationalMeasure', name)),
    'dpv:hasImpactAssessment': Object.entries(assessments.declared ?? {}).map(([name, { status, link }]) => ({
      '@type': name === 'dpia' ? 'dpv:DPIA' : name === 'tia' ? 'dpv:DataTransferImpactAssessment' : 'dpv:ImpactAssessment',
      'dcterms:title': name.toUpperCase(),
      'greffier:status': status,
      ...(link !== null && { 'dcterms:references': { '@id': link } }),
    })),
    'dpv:hasDataSource': fields.source.declared === null ? [] : [described('dpv:DataSource', fields.source.declared)],
    'dpv:hasNotice': fields.notice_version.declared === null ? [] : [described('dpv:PrivacyNotice', fields.notice_version.declared)],
    'greffier:automatedDecision': fields.automated_decision.declared ?? [],
    'greffier:observed': {
      'greffier:events': entry.events,
      'dpv:hasPurpose': fields.purposes.observed.map(({ name }) => purpose(tenantId, name)),
      'dpv:hasDataSubject': fields.subject_categories.observed.map(({ name }) => subject(name)),
      'dpv:hasPersonalData': fields.data_categories.observed.map(({ name }) => data(name)),
      'dpv:hasRecipient': fields.recipients.observed.map(({ name }) => recipient(name)),
      'dpv:hasThirdCountry': fields.third_countries.observed.flatMap(({ name }) => (name === 'unknown' ? [] : [{ '@id': `loc:${name}` }])),
    },
    'greffier:drift': Object.values(fields)
      .flatMap(({ drift }) => drift)
      .map(({ kind, severity, text }) => ({ 'greffier:kind': kind, 'greffier:severity': severity, 'dcterms:description': text })),
  }
}

function party({ name, contact }: { name: string; contact: string }, type: string): Node {
  return { '@type': type, 'dpv:hasName': name, 'dpv:hasContact': contact }
}

function purpose(tenantId: string, name: string): Node {
  return { '@id': `urn:greffier:purpose:${tenantId}:${encodeURIComponent(name)}`, '@type': 'dpv:Purpose', 'dcterms:title': name }
}

/** A category that an older version wrote and today's does not know is personal data all the same. */
function data(name: string): Node {
  return { '@id': DPV_DATA[name as DataCategory] ?? 'dpv:PersonalData' }
}

function subject(name: string): Node {
  return { '@id': DPV_SUBJECTS[name as SubjectCategory] ?? 'dpv:DataSubject' }
}

function recipient(name: string): Node {
  return { '@id': `urn:greffier:processor:${encodeURIComponent(name)}`, '@type': 'dpv:DataProcessor', 'dpv:hasName': name }
}

function described(type: string, text: string): Node {
  return { '@type': type, 'dcterms:description': text }
}
