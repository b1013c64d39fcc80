import { z } from 'zod'

/** The key that signs an organisation's log now, and the statements by which each key followed from the one before, oldest first. */
export const LedgerKey = z.strictObject({ origin: z.string(), vkey: z.string(), rotations: z.array(z.string()) })
export type LedgerKey = z.infer<typeof LedgerKey>

/** The new key, and the statement that the old and the new one signed. */
export const KeyExchange = z.strictObject({ vkey: z.string(), rotation: z.string() })
export type KeyExchange = z.infer<typeof KeyExchange>
