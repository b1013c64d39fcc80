import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { seal, unseal } from '../../../shared/blobs/keys.ts'

const SALT_BYTES = 32
const Sealed = z.strictObject({ salt: z.string(), text: z.string() })

/** A reason in somebody's words: sealed under `key`, and what the record may hold of it for ever, SHA-256 over a random salt and the text. */
export function sealReason(key: Buffer, text: string, context: string): { sealed: Buffer; commit: string } {
  const salt = randomBytes(SALT_BYTES)
  const commit = createHash('sha256').update(salt).update(text).digest('hex')
  return { sealed: seal(key, JSON.stringify({ salt: salt.toString('base64'), text }), context), commit }
}

/** Throws DECRYPTION_FAILED. */
export function openReason(key: Buffer, sealed: Buffer, context: string): string {
  return Sealed.parse(JSON.parse(unseal(key, sealed, context).toString('utf8'))).text
}
