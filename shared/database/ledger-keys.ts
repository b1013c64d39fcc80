import { newKey, seal, unseal } from '../blobs/keys.ts'
import { AppError } from '../contracts/errors.ts'
import { signRotation } from '../ledger/key-rotation.ts'
import type { NoteSigner } from '../ledger/note.ts'
import { formatSigningKey, signerOf, verifierKeyOf, verifierOf } from '../ledger/note-keys.ts'
import type { Tx } from './connection.ts'
import { lockLog } from './ledger-lock.ts'
import type { TenantKeys } from './tenants.ts'

/** Enough to exchange a key every day for years; each statement goes into every bundle. */
const KEYS_MAX = 2_000

export interface LogKeys {
  /** What auditors pin: the key that signs now. */
  vkey: string
  /** The statements by which each key followed from the one before, oldest first. */
  rotations: string[]
  signer: NoteSigner
}

/** A log's name, which is also its keys': it says nothing but whose log it is. */
export function originOf(tenantId: string): string {
  return `greffier/${tenantId}`
}

/** The keys of a tenant's log, which has to exist. Throws DECRYPTION_FAILED under another master key. */
export async function readLogKeys(tx: Tx, tenantId: string, keys: TenantKeys): Promise<LogKeys> {
  const rows = await tx
    .selectFrom('ledger_keys')
    .select(['generation', 'vkey', 'sealed_seed', 'rotation'])
    .where('tenant_id', '=', tenantId)
    .orderBy('generation')
    .limit(KEYS_MAX)
    .execute()
  const newest = rows.at(-1)
  if (newest?.sealed_seed == null) throw new AppError('INTERNAL', 'the log has no key')
  const seed = unseal(keys.ledger, newest.sealed_seed, contextOf(tenantId, newest.generation))
  return {
    vkey: newest.vkey,
    rotations: rows.flatMap(({ rotation }) => (rotation === null ? [] : [rotation])),
    signer: signerOf(formatSigningKey(originOf(tenantId), seed)),
  }
}

/** The verifier key, whenever it signed, of the log's keys with this id (`shared/ledger/note.ts`). */
export async function findLogVkey(tx: Tx, tenantId: string, keyId: string): Promise<string> {
  const rows = await tx.selectFrom('ledger_keys').select('vkey').where('tenant_id', '=', tenantId).limit(KEYS_MAX).execute()
  const found = rows.find(({ vkey }) => verifierOf(vkey).keyId === keyId)
  if (!found) throw new AppError('INTERNAL', 'the log has no such key')
  return found.vkey
}

/** The log's first key. */
export async function createLogKey(tx: Tx, tenantId: string, keys: TenantKeys): Promise<void> {
  const { seed, vkey } = newLogKey(tenantId)
  const sealed_seed = seal(keys.ledger, seed, contextOf(tenantId, 0))
  await tx.insertInto('ledger_keys').values({ tenant_id: tenantId, generation: 0, vkey, sealed_seed, rotation: null }).execute()
}

/** Exchanges the key over the tree as it is now; what the old one could sign is destroyed. Returns the statement that both keys signed. */
export async function rotateLogKey(
  tx: Tx,
  { tenantId, keys, readTree }: { tenantId: string; keys: TenantKeys; readTree: () => Promise<{ size: number; root: Uint8Array }> },
): Promise<{ vkey: string; rotation: string }> {
  await lockLog(tx, tenantId)
  const old = await readLogKeys(tx, tenantId, keys)
  const generation = old.rotations.length + 1
  if (generation >= KEYS_MAX) throw new AppError('INTERNAL', `a log has at most ${KEYS_MAX} keys`)
  const { seed, vkey, signer } = newLogKey(tenantId)
  const statement = { origin: originOf(tenantId), ...(await readTree()), oldKey: old.vkey, newKey: vkey }
  const rotation = await signRotation(statement, { old: old.signer, new: signer })
  const sealed_seed = seal(keys.ledger, seed, contextOf(tenantId, generation))
  await tx.insertInto('ledger_keys').values({ tenant_id: tenantId, generation, vkey, sealed_seed, rotation }).execute()
  await tx
    .updateTable('ledger_keys')
    .set({ sealed_seed: null })
    .where('tenant_id', '=', tenantId)
    .where('generation', '<', generation)
    .execute()
  return { vkey, rotation }
}

function newLogKey(tenantId: string): { seed: Buffer; vkey: string; signer: NoteSigner } {
  const seed = newKey()
  const signingKey = formatSigningKey(originOf(tenantId), seed)
  return { seed, vkey: verifierKeyOf(signingKey), signer: signerOf(signingKey) }
}

function contextOf(tenantId: string, generation: number): string {
  return `ledger-key/${tenantId}/${generation}`
}
