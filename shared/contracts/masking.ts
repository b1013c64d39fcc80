import { z } from 'zod'

/**
 * What can be masked before a model call. The list is closed: policies name these in a rule, and the record counts by them.
 * `name` needs a recogniser; the others are found by rules.
 */
export const MaskKind = z.enum(['iban', 'vat_id', 'national_id', 'phone', 'email', 'card', 'ip', 'birth_date', 'address', 'name'])
export type MaskKind = z.infer<typeof MaskKind>

/** How often each kind occurs. A kind that nothing looked for is absent, which is something else than zero. */
export const MaskCounts = z.partialRecord(MaskKind, z.int().nonnegative())
export type MaskCounts = z.infer<typeof MaskCounts>
