import type { Art9Basis, LegalBasis } from '../../../shared/contracts/record.ts'
import { last, type OwnData } from './own-data.ts'

/** Consent and contract (Art. 20(1)(a)); explicit consent for special categories. */
const PORTABLE: readonly (LegalBasis | Art9Basis)[] = ['A6-1-a', 'A6-1-b', 'A9-2-a']

/** What Art. 20 leaves out, and why the package does too. */
export const PORTABILITY_STATEMENTS = {
  scope:
    'What you provided, in a form that machines read: what was said of you when a document was handed in, the passages of the document that hold your data, and what you had corrected. What was derived from it (types, fields, classes, vectors) is no part of this right; ask for access (Art. 15) to see it.',
  originals:
    'The original files are not part of it, since they may hold data of other people (Art. 20(4)); their passages about you are, with other people masked.',
} as const

interface LeftOut {
  document_id: string
  legal_basis: LegalBasis | null
  /** `legal_basis`: another one than consent or contract. */
  reason: 'legal_basis' | 'no_legal_basis_on_record'
}

export interface PortableDocument {
  document_id: string
  media_type: string
  received_at: string
  purpose: string
  legal_basis: LegalBasis | null
  art9_basis: Art9Basis | null
  provided: Record<string, string>
  passages: { page: number; text: string }[]
  corrections: { name: string; value: string }[]
}

/** A document's provided data, or why it has none to carry. */
export function portableData({ row, ownEvents, metadata, fields, passages, mask }: OwnData): PortableDocument | LeftOut {
  const legal_basis = last(ownEvents.map((event) => event.legal_basis))
  const art9_basis = last(ownEvents.map((event) => event.art9_basis))
  const bases = [legal_basis, art9_basis].filter((basis) => basis !== null)
  if (bases.length === 0) return { document_id: row.id, legal_basis, reason: 'no_legal_basis_on_record' }
  if (!bases.some((basis) => PORTABLE.includes(basis))) return { document_id: row.id, legal_basis, reason: 'legal_basis' }
  return {
    document_id: row.id,
    media_type: row.media_type,
    received_at: row.created_at.toISOString(),
    purpose: row.purpose,
    legal_basis,
    art9_basis,
    provided: metadata,
    passages,
    corrections: fields.flatMap(([name, { field }]) => (field.status === 'corrected' ? [{ name, value: mask(field.value) }] : [])),
  }
}
