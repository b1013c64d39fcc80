import { stringify } from 'yaml'
import type { DataCategory, SubjectCategory } from '../../../shared/contracts/classification.ts'
import type { RegisterEntry, RegisterReport } from '../../../shared/policy/register-report.ts'

/** Keys of fideslang's default taxonomy, 3.2. */
const DATA: Readonly<Record<DataCategory, string>> = {
  identification: 'user.name',
  contact: 'user.contact',
  financial: 'user.financial',
  employment: 'user.professional_information',
  education: 'user.professional_information',
  family: 'user.demographic',
  location: 'user.location',
  communication: 'user.content.private',
  health: 'user.health',
  genetic: 'user.health.genetic',
  biometric: 'user.biometrics',
  ethnic_origin: 'user.demographic.race_ethnicity',
  political_opinion: 'user.demographic.political_opinion',
  religious_belief: 'user.demographic.religious_belief',
  union_membership: 'user.demographic.union_membership',
  sex_life: 'user.demographic.sexual_orientation',
  criminal_offence: 'user.criminal_history',
}

/** Fides's `citizen_voter` is somebody on an electoral roll: citizens, members, children and others are defined by the file itself. */
const SUBJECTS: Readonly<Record<SubjectCategory, string>> = {
  customer: 'customer',
  supplier: 'supplier_vendor',
  employee: 'employee',
  applicant: 'job_applicant',
  patient: 'patient',
  citizen: 'citizen',
  member: 'member',
  child: 'child',
  other_person: 'other_person',
}
const OWN_SUBJECTS: Readonly<Record<string, string>> = {
  citizen: 'Citizen',
  member: 'Member',
  child: 'Child',
  other_person: 'Other person',
}

const BASES: Readonly<Record<string, string>> = {
  'A6-1-a': 'Consent',
  'A6-1-b': 'Contract',
  'A6-1-c': 'Legal obligations',
  'A6-1-d': 'Vital interests',
  'A6-1-e': 'Public interest',
  'A6-1-f': 'Legitimate interests',
}
const SPECIAL_BASES: Readonly<Record<string, string>> = {
  'A9-2-a': 'Explicit consent',
  'A9-2-b': 'Employment, social security and social protection',
  'A9-2-c': 'Vital interests',
  'A9-2-d': 'Not-for-profit bodies',
  'A9-2-e': 'Made public by the data subject',
  'A9-2-f': 'Legal claims or judicial acts',
  'A9-2-g': 'Reasons of substantial public interest (with a basis in law)',
  'A9-2-h': 'Health or social care (with a basis in law)',
  'A9-2-i': 'Public health (with a basis in law)',
  'A9-2-j': 'Archiving, research and statistics (with a basis in law)',
}

/** A dictionary that Fides reads: an organisation, and a system for each declared activity with a declaration for each of its purposes. */
export function registerFides(report: RegisterReport): string {
  const declared = report.activities.filter(({ id }) => id !== null)
  const undeclared = report.activities.filter(({ id }) => id === null)
  const subjects = [...new Set(declared.flatMap((entry) => subjectsOf(entry)))].filter((key) => key in OWN_SUBJECTS)
  const dictionary = {
    organization: [
      {
        fides_key: 'default_organization',
        name: report.controller.name,
        description: report.notice,
        controller: contact(report.controller),
        ...(report.dpo && { data_protection_officer: contact(report.dpo) }),
        ...(report.representative && { representative: contact(report.representative) }),
      },
    ],
    ...(subjects.length > 0 && { data_subject: subjects.map((fides_key) => ({ fides_key, name: OWN_SUBJECTS[fides_key] })) }),
    system: declared.map((entry) => systemOf(report, entry)),
  }
  // Fides cannot say that nobody knows what something is for, so that such a purpose has no system.
  const missing = undeclared.map(({ name }) => `# Not in this file: the purpose ${oneLine(name)}, which no activity declares.\n`).join('')
  return `${missing}${stringify(dictionary, { lineWidth: 0 })}`
}

function systemOf(report: RegisterReport, entry: RegisterEntry) {
  const { fields } = entry
  const measures = fields.measures.declared
  const dpia = fields.assessments.declared?.dpia
  const countries = fields.third_countries
  const joint = report.joint_controllers.map(({ name }) => name).join('; ')
  return {
    fides_key: entry.id ?? '',
    organization_fides_key: 'default_organization',
    name: entry.name,
    system_type: 'Service',
    responsibility: [entry.role === 'processor' ? 'Processor' : 'Controller'],
    processes_personal_data: true,
    does_international_transfers: (countries.declared?.length ?? 0) > 0 || countries.observed.length > 0,
    legal_basis_for_transfers: [...new Set((countries.declared ?? []).map(({ safeguard }) => safeguard))],
    requires_data_protection_assessments: dpia !== undefined && dpia.status !== 'not_needed',
    ...(dpia?.link && { dpa_location: dpia.link }),
    ...(dpia && { dpa_progress: dpia.status }),
    ...(report.dpo && { dpo: report.dpo.contact }),
    ...(joint !== '' && { joint_controller_info: joint }),
    ...(measures && { data_security_practices: [...measures.technical, ...measures.organisational].join('; ') }),
    privacy_declarations: (fields.purposes.declared ?? []).map((purpose) => declarationOf(entry, purpose)),
    meta: {
      register_hash: report.register_hash,
      drift: Object.values(fields).flatMap(({ drift }) => drift.filter(({ severity }) => severity === 'drift').map(({ text }) => text)),
    },
  }
}

function declarationOf(entry: RegisterEntry, purpose: string) {
  const { fields } = entry
  const data = [...(fields.data_categories.declared ?? []), ...fields.data_categories.observed.map(({ name }) => name)]
  const handed = [
    ...(fields.recipients.declared ?? []).filter(
      (name) => !fields.recipients.observed.some((seen) => seen.name === name && seen.in_process),
    ),
    ...fields.recipients.observed.filter(({ in_process }) => !in_process).map(({ name }) => name),
  ].filter((name) => name !== 'builtin')
  const limits = (fields.erasure.declared ?? []).map(
    ({ category, days, rule }) => `${category}: ${days === null ? rule : `${days} days (${rule})`}`,
  )
  const special = fields.art9_basis.declared
  const lia = fields.assessments.declared?.lia.link
  return {
    name: purpose,
    data_use: entry.data_use ?? 'operations',
    data_categories: [...new Set(data.map((name) => DATA[name as DataCategory] ?? 'user'))].sort(),
    data_subjects: subjectsOf(entry),
    ...(fields.legal_basis.declared && { legal_basis_for_processing: BASES[fields.legal_basis.declared] }),
    ...(lia && { impact_assessment_location: lia }),
    retention_period: limits.join('; '),
    processes_special_category_data: fields.special.declared === true || fields.special.observed,
    ...(special && { special_category_legal_basis: SPECIAL_BASES[special] }),
    data_shared_with_third_parties: handed.length > 0,
    ...(handed.length > 0 && { third_parties: [...new Set(handed)].sort().join(', ') }),
  }
}

function subjectsOf({ fields: { subject_categories } }: RegisterEntry): string[] {
  const names = [...(subject_categories.declared ?? []), ...subject_categories.observed.map(({ name }) => name)]
  return [...new Set(names.map((name) => SUBJECTS[name as SubjectCategory] ?? 'other_person'))].sort()
}

/** fideslang's ContactDetails wants four texts; what a contact is, nobody has said. */
function contact({ name, contact: reached }: { name: string; contact: string }) {
  return { name, address: '', email: reached.includes('@') ? reached : '', phone: '' }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
