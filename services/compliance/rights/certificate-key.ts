import { deriveKey } from '../../../shared/blobs/keys.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { signNote } from '../../../shared/ledger/note.ts'
import { formatSigningKey, signerOf, verifierKeyOf } from '../../../shared/ledger/note-keys.ts'
import type { Sign } from './certificate.ts'

/** Signs with an Ed25519 key that is derived from the tenant's root key, wherever no other signer is given. */
export function derivedSigner(tenants: Tenants): Sign {
  return async (tenantId, text) => signNote(text, [signerOf(await certificateKey(tenants, tenantId))])
}

/** What an auditor pins. */
export async function certificateVerifierKey(tenants: Tenants, tenantId: string): Promise<string> {
  return verifierKeyOf(await certificateKey(tenants, tenantId))
}

async function certificateKey(tenants: Tenants, tenantId: string): Promise<string> {
  const seed = deriveKey((await tenants.keys(tenantId)).documents, 'greffier/v1/tenant/erasure-certificates')
  return formatSigningKey(`greffier/${tenantId}/erasures`, seed)
}
