import type { DataCategory, SubjectCategory } from '../contracts/classification.ts'

/**
 * Prefixes of the W3C Data Privacy Vocabulary 2.x and its extensions, as a JSON-LD context: names are written with their prefix, so that a document needs no
 * other context and nothing is fetched to read it. `greffier` is for what the vocabulary has no word for.
 */
export const DPV_CONTEXT = {
  dpv: 'https://w3id.org/dpv#',
  pd: 'https://w3id.org/dpv/pd#',
  loc: 'https://w3id.org/dpv/loc#',
  'eu-gdpr': 'https://w3id.org/dpv/legal/eu/gdpr#',
  dcterms: 'http://purl.org/dc/terms/',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
  greffier: 'urn:greffier:vocab:',
} as const

/** Terms of the extension for personal data. */
export const DPV_DATA: Readonly<Record<DataCategory, string>> = {
  identification: 'pd:Identifying',
  contact: 'pd:Contact',
  financial: 'pd:Financial',
  employment: 'pd:Professional',
  education: 'pd:Education',
  family: 'pd:Family',
  location: 'pd:Location',
  communication: 'pd:Communication',
  health: 'pd:Health',
  genetic: 'pd:Genetic',
  biometric: 'pd:Biometric',
  ethnic_origin: 'pd:EthnicOrigin',
  political_opinion: 'pd:PoliticalOpinion',
  religious_belief: 'pd:ReligiousBelief',
  union_membership: 'pd:TradeUnionMembership',
  sex_life: 'pd:Sexual',
  criminal_offence: 'pd:CriminalOffense',
}

/** The vocabulary has no word for a supplier who is a person: a name of our own, so that it is not taken for any other person. */
export const DPV_SUBJECTS: Readonly<Record<SubjectCategory, string>> = {
  customer: 'dpv:Customer',
  supplier: 'urn:greffier:subject-category:supplier',
  employee: 'dpv:Employee',
  applicant: 'dpv:JobApplicant',
  patient: 'dpv:Patient',
  citizen: 'dpv:Citizen',
  member: 'dpv:Member',
  child: 'dpv:Child',
  other_person: 'dpv:DataSubject',
}
