import { z } from 'zod'

/** Kinds of personal data that can be masked before a call. */
export const MaskKind = z.enum(['iban', 'vat_id', 'national_id', 'phone', 'email', 'card', 'ip', 'birth_date', 'address', 'name'])
export type MaskKind = z.infer<typeof MaskKind>
