import { z } from 'zod'
import { DataClass } from './document.ts'
import { DocumentType } from './extraction.ts'

/** What a text says of people (GDPR Art. 30(1)(c)); the Art. 9 and Art. 10 kinds are named one by one. A closed list, since records keep it in the clear. */
export const DataCategory = z.enum([
  'identification',
  'contact',
  'financial',
  'employment',
  'education',
  'family',
  'location',
  'communication',
  'health',
  'genetic',
  'biometric',
  'ethnic_origin',
  'political_opinion',
  'religious_belief',
  'union_membership',
  'sex_life',
  'criminal_offence',
])
export type DataCategory = z.infer<typeof DataCategory>

/** Whom it speaks of (GDPR Art. 30(1)(c)). */
export const SubjectCategory = z.enum([
  'customer',
  'supplier',
  'employee',
  'applicant',
  'patient',
  'citizen',
  'member',
  'child',
  'other_person',
])
export type SubjectCategory = z.infer<typeof SubjectCategory>

/** What a document is. `data_classes` may only raise what the upload declared. `language` is ISO 639-1, or null where it could not be told. */
export const Classification = z.strictObject({
  type: DocumentType,
  language: z.string().length(2).nullable(),
  data_classes: z.array(DataClass),
  data_categories: z.array(DataCategory),
  subject_categories: z.array(SubjectCategory),
})
export type Classification = z.infer<typeof Classification>
