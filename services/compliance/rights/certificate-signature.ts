import type { Tx } from '../../../shared/database/connection.ts'
import { readHead } from '../../../shared/database/ledger.ts'
import { findLogVkey, readLogKeys } from '../../../shared/database/ledger-keys.ts'
import type { Tenants } from '../../../shared/database/tenants.ts'
import { parseNote, signNote } from '../../../shared/ledger/note.ts'

/** Makes a signed note of a text that ends in a newline, with the key that signs the tenant's log now: an auditor pins one key for both. */
export async function signByLog(tx: Tx, tenants: Tenants, tenantId: string, text: string): Promise<string> {
  // The log of a tenant that has none yet begins here, with its key.
  const { signer } = await readHead(tx, tenantId, await tenants.keys(tenantId))
  return signNote(text, [signer])
}

/** The verifier key of the note's signature, and how the keys of the log followed each other since its first. */
export async function keysOfNote(tx: Tx, tenants: Tenants, tenantId: string, note: string): Promise<{ vkey: string; rotations: string[] }> {
  const keyId = parseNote(note).signatures[0]?.keyId ?? ''
  const { rotations } = await readLogKeys(tx, tenantId, await tenants.keys(tenantId))
  return { vkey: await findLogVkey(tx, tenantId, keyId), rotations }
}
