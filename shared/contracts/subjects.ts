import { z } from 'zod'

/** `subject_ref`: the number that the organisation itself has for a person, told by uploads under the metadata `subject_id`. */
export const IdentifierKind = z.enum(['email', 'phone', 'iban', 'id_number', 'name', 'subject_ref'])
export type IdentifierKind = z.infer<typeof IdentifierKind>

/** Where a document names a subject: in its pages, in a field read from them, or in what its upload said. */
export const FoundIn = z.enum(['text', 'field', 'metadata'])
export type FoundIn = z.infer<typeof FoundIn>

/** Art. 15, 20, 16, 18, 21. Packages are for the first two; what the others ask for has routes of its own, and here its term. */
export const SubjectRequestKind = z.enum(['access', 'portability', 'rectification', 'restriction', 'objection'])
export type SubjectRequestKind = z.infer<typeof SubjectRequestKind>

const identifier = z.string().trim().min(3).max(320).optional()

/** At least one; several are a union. They stand in bodies alone: addresses end in logs and histories. `country`: whose numbers are dialled without a code. */
export const SubjectIdentifiers = z
  .strictObject({
    email: identifier,
    phone: identifier,
    iban: identifier,
    id_number: identifier,
    name: identifier,
    subject_ref: identifier,
    country: z
      .string()
      .regex(/^[A-Z]{2}$/)
      .optional(),
  })
  .refine(({ country: _country, ...given }) => Object.values(given).some((value) => value !== undefined), 'name at least one identifier')
export type SubjectIdentifiers = z.infer<typeof SubjectIdentifiers>

/** `by`: which of the identifiers given led here. Two subjects of one document may be one person; nobody but a person can say so. */
export const SubjectMatches = z.strictObject({
  request_ref: z.uuid(),
  subjects: z.array(z.strictObject({ subject_id: z.uuid(), by: IdentifierKind })),
  documents: z.array(
    z.strictObject({
      document_id: z.uuid(),
      revision: z.int(),
      matches: z.array(z.strictObject({ subject_id: z.uuid(), by: IdentifierKind, found_in: FoundIn })),
    }),
  ),
  /** False: there are more documents than one answer holds. */
  complete: z.boolean(),
})
export type SubjectMatches = z.infer<typeof SubjectMatches>

/** `received_at`: when the person's request arrived, if not now; the month of Art. 12(3) runs from then. */
export const NewSubjectRequest = z.strictObject({
  kind: SubjectRequestKind,
  identifiers: SubjectIdentifiers,
  received_at: z.iso.datetime().optional(),
})
export type NewSubjectRequest = z.infer<typeof NewSubjectRequest>

export const SubjectRequestState = z.enum(['open', 'answered'])
export type SubjectRequestState = z.infer<typeof SubjectRequestState>

/** `key_id`: the API key that registered it. `identified_by`: by which kinds of identifier; what they are is kept as keyed hashes alone. */
export const SubjectRequestView = z.strictObject({
  request_id: z.uuid(),
  key_id: z.uuid(),
  kind: SubjectRequestKind,
  identified_by: z.array(IdentifierKind),
  received_at: z.iso.datetime(),
  due_at: z.iso.datetime(),
  extended_at: z.iso.datetime().nullable(),
  state: SubjectRequestState,
  answered_at: z.iso.datetime().nullable(),
})
export type SubjectRequestView = z.infer<typeof SubjectRequestView>
export const SubjectRequestList = z.strictObject({ requests: z.array(SubjectRequestView), next_cursor: z.uuid().nullable() })
export type SubjectRequestList = z.infer<typeof SubjectRequestList>

export const PackageFormat = z.enum(['json', 'csv'])
export type PackageFormat = z.infer<typeof PackageFormat>
