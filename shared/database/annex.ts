import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { NODE_PRIMITIVES } from '../blobs/hashing.ts'
import { seal, unseal } from '../blobs/keys.ts'
import type { DocumentKeys } from '../blobs/vault.ts'
import { type Annex, SaltedAnnex } from '../contracts/record.ts'
import { ANNEX_SALT_BYTES, annexCommitment } from '../ledger/annex-commitment.ts'
import type { DocumentRow } from './documents.ts'

/** Older ones name the key without its name, or no key, and have no salt. */
const SealedAnnex = z.strictObject({
  ...SaltedAnnex.shape,
  uploaded_by: z.union([SaltedAnnex.shape.uploaded_by, z.uuid().transform((key_id) => ({ key_id, name: null }))]).default(null),
  salt: SaltedAnnex.shape.salt.default(null),
})

/**
 * What an erasure destroys with the key: the names that the uploader gave, and by which API key. The salt goes with them. `commit` is the `annex_commit` of
 * the event that is written in the same transaction.
 */
export function sealAnnex(keys: DocumentKeys, documentId: string, annex: Annex): { sealed: Buffer; commit: string } {
  const salted = { ...annex, salt: randomBytes(ANNEX_SALT_BYTES).toString('hex') }
  return {
    sealed: seal(keys.column, JSON.stringify(salted), contextOf(documentId)),
    commit: annexCommitment(salted, NODE_PRIMITIVES.sha256),
  }
}

export function openAnnex(keys: DocumentKeys, row: Pick<DocumentRow, 'id' | 'sealed_annex'>): SaltedAnnex {
  if (!row.sealed_annex) return { file_name: null, metadata: {}, uploaded_by: null, salt: null }
  return SealedAnnex.parse(JSON.parse(unseal(keys.column, row.sealed_annex, contextOf(row.id)).toString('utf8')))
}

const contextOf = (documentId: string) => `${documentId}/annex`
