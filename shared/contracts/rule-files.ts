import { z } from 'zod'

/** The files that events name by the SHA-256 of their bytes: `policy.hash`, `recipient.register_hash`, `register_hash`. */
export const RuleKind = z.enum(['policy', 'processors', 'activities'])
export type RuleKind = z.infer<typeof RuleKind>

/** `hash`: SHA-256 of the file's bytes, hexadecimal. */
export interface RuleFile {
  kind: RuleKind
  hash: string
}
