import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { deriveKey, seal, unseal } from '../../../shared/blobs/keys.ts'
import { NewExtension } from '../../../shared/contracts/erasure.ts'
import type { TenantKeys } from '../../../shared/database/tenants.ts'

const SALT_BYTES = 32
const Sealed = z.strictObject({ salt: z.string(), text: z.string() })

/** The route that extends the term of a request of a person, whatever the person asked for. */
export const EXTENSION = {
  tags: ['rights'],
  summary: 'Extend the term by two months, once',
  description:
    'Art. 12(3): where complexity or number makes it necessary. Tell the person, with the reason, before the first month is over.',
  params: z.object({ id: z.uuid() }),
  body: NewExtension,
}

/** Why a term was extended, under a key for requests of that kind. */
export function sealExtension({ documents }: TenantKeys, requests: 'erasure-requests' | 'subject-requests', id: string, reason: string) {
  return sealReason(deriveKey(documents, `greffier/v1/tenant/${requests}`), reason, `${id}/extension`)
}

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
