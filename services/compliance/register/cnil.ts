import { toCsv } from '../../../shared/exports/csv.ts'
import type { DriftKind, RegisterEntry, RegisterReport } from '../../../shared/policy/register-report.ts'

/** The rows of the model's sheet, and which of our categories belong in each. */
const DATA_ROWS: readonly [heading: string, categories: readonly string[]][] = [
  ['État civil, identité, données d’identification, images', ['identification', 'contact']],
  ['Vie personnelle (habitudes de vie, situation familiale, etc.)', ['family', 'communication']],
  ['Vie professionnelle (CV, scolarité, formation, etc.)', ['employment', 'education']],
  ['Informations d’ordre économique et financier (revenus, situation financière, etc.)', ['financial']],
  ['Données de localisation (déplacements, données GPS, GSM, etc.)', ['location']],
]
const SENSITIVE_ROWS: readonly [heading: string, categories: readonly string[]][] = [
  ['Données révélant l’origine raciale ou ethnique', ['ethnic_origin']],
  ['Données révélant les opinions politiques', ['political_opinion']],
  ['Données révélant les convictions religieuses ou philosophiques', ['religious_belief']],
  ['Données révélant l’appartenance syndicale', ['union_membership']],
  ['Données génétiques', ['genetic']],
  ['Données biométriques', ['biometric']],
  ['Données concernant la santé', ['health']],
  ['Données concernant la vie sexuelle ou l’orientation sexuelle', ['sex_life']],
  ['Données relatives à des condamnations pénales ou infractions', ['criminal_offence']],
]

const FRENCH: Readonly<Record<string, string>> = {
  identification: 'identification',
  contact: 'coordonnées',
  financial: 'données financières',
  employment: 'emploi',
  education: 'formation',
  family: 'famille',
  location: 'localisation',
  communication: 'communications',
  health: 'santé',
  genetic: 'données génétiques',
  biometric: 'données biométriques',
  ethnic_origin: 'origine ethnique',
  political_opinion: 'opinions politiques',
  religious_belief: 'convictions religieuses',
  union_membership: 'appartenance syndicale',
  sex_life: 'vie sexuelle',
  criminal_offence: 'infractions',
  customer: 'clients',
  supplier: 'fournisseurs',
  employee: 'salariés',
  applicant: 'candidats',
  patient: 'patients',
  citizen: 'usagers',
  member: 'adhérents',
  child: 'enfants',
  other_person: 'autres personnes',
}

const DRIFTS: Readonly<Record<DriftKind, string>> = {
  undeclared_purpose: 'finalité non déclarée',
  undeclared_subject_category: 'catégorie de personnes non déclarée',
  undeclared_data_category: 'catégorie de données non déclarée',
  undeclared_special_data: 'données sensibles non déclarées',
  undeclared_criminal_data: 'données d’infractions non déclarées',
  undeclared_recipient: 'destinataire non déclaré',
  undeclared_country: 'pays tiers non déclaré',
  unregistered_recipient: 'destinataire absent du registre des sous-traitants',
  other_basis: 'autre base légale dans les traces',
  retention_overrun: 'durée de conservation dépassée',
  stale_evidence: 'informations anciennes sur le sous-traitant',
  review_overdue: 'révision en retard',
  assessment_open: 'analyse à faire',
  never_observed: 'déclaré mais non observé',
}

type Column = [heading: string, cell: (entry: RegisterEntry, report: RegisterReport) => string]

const COLUMNS: readonly Column[] = [
  ['Nom / sigle', ({ name }) => name],
  ['N° / REF', ({ id }) => id ?? ''],
  ['Date de création', ({ fields }) => fields.review.declared?.created_on ?? ''],
  ['Mise à jour', ({ fields }) => fields.review.declared?.reviewed_on ?? ''],
  [
    'Responsable du traitement',
    ({ controllers }, report) => (controllers.length > 0 ? controllers : [report.controller]).map(party).join(' ; '),
  ],
  ['Sous-traitant', ({ role }, report) => (role === 'processor' ? party(report.controller) : '')],
  ['Délégué à la protection des données', (_, { dpo }) => (dpo ? party(dpo) : '')],
  ['Représentant', (_, { representative }) => (representative ? party(representative) : '')],
  ['Responsable(s) conjoint(s)', (_, { joint_controllers }) => joint_controllers.map(party).join(' ; ')],
  ['Finalité principale', ({ fields, name }) => fields.purposes.declared?.[0] ?? name],
  ['Sous-finalités', ({ fields }) => fields.purposes.declared?.slice(1).join(' ; ') ?? ''],
  ['Base légale', ({ fields }) => [fields.legal_basis.declared, fields.art9_basis.declared].filter((basis) => basis !== null).join(' ; ')],
  ['Mesures de sécurité techniques', ({ fields }) => fields.measures.declared?.technical.join(' ; ') ?? ''],
  ['Mesures de sécurité organisationnelles', ({ fields }) => fields.measures.declared?.organisational.join(' ; ') ?? ''],
  ...DATA_ROWS.map(dataColumn),
  ...SENSITIVE_ROWS.map(dataColumn),
  ['Catégories de personnes concernées', ({ fields }) => (fields.subject_categories.declared ?? []).map(french).join(' ; ')],
  ['Destinataires', ({ fields }) => fields.recipients.declared?.join(' ; ') ?? ''],
  ['Transferts hors UE : pays', ({ fields }) => fields.third_countries.declared?.map(({ country }) => country).join(' ; ') ?? ''],
  ['Transferts hors UE : garanties', ({ fields }) => fields.third_countries.declared?.map(({ safeguard }) => safeguard).join(' ; ') ?? ''],
  ['Écarts constatés', ({ fields }) => driftsOf(fields).join(' ; ')],
]

/**
 * A row for each activity, in the order of the headings of the simplified register of the CNIL (2019). Semicolons and the mark of UTF-8, because that is what
 * a spreadsheet with French settings opens as columns; no cell begins with what it would compute.
 */
export function registerCsv(report: RegisterReport): string {
  const rows = report.activities.map((entry) => COLUMNS.map(([, cell]) => cell(entry, report)))
  return toCsv([COLUMNS.map(([heading]) => heading), ...rows], { bom: true, delimiter: ';' })
}

/** What of these is declared, each with the limit of its erasure. */
function dataColumn([heading, categories]: readonly [string, readonly string[]]): Column {
  return [
    heading,
    ({ fields }) =>
      (fields.erasure.declared ?? [])
        .filter(({ category }) => categories.includes(category))
        .map(({ category, days, rule }) => `${french(category)} – effacement : ${days === null ? rule : `${days} jours (${rule})`}`)
        .join(' ; '),
  ]
}

function driftsOf(fields: RegisterEntry['fields']): string[] {
  const drifts = Object.values(fields).flatMap(({ drift }) => drift)
  return drifts.filter(({ severity }) => severity === 'drift').map(({ kind, name }) => `${DRIFTS[kind]} : ${french(name)}`)
}

function party({ name, contact }: { name: string; contact: string }): string {
  return `${name} (${contact})`
}

function french(name: string): string {
  return FRENCH[name] ?? name
}
