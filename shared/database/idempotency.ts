import { sql } from 'kysely'
import { UploadAccepted } from '../contracts/document.ts'
import { AppError } from '../contracts/errors.ts'
import type { Tx } from './connection.ts'

const KEEP_HOURS = 24

/**
 * The answer that an Idempotency-Key was given, or null for a new key. Two requests with one key run one after the other: the second waits for
 * the first one's commit. Throws IDEMPOTENCY_CONFLICT when the key came with another request (draft-ietf-httpapi-idempotency-key-header).
 */
export async function claimIdempotencyKey(tx: Tx, keyHmac: Buffer, requestHmac: Buffer): Promise<UploadAccepted | null> {
  await sql`SELECT pg_advisory_xact_lock(${keyHmac.readBigInt64BE(0).toString()}::bigint)`.execute(tx)
  const row = await tx.selectFrom('idempotency').select(['request_hmac', 'answer']).where('key_hmac', '=', keyHmac).executeTakeFirst()
  if (!row) return null
  if (!row.request_hmac.equals(requestHmac)) throw new AppError('IDEMPOTENCY_CONFLICT')
  return UploadAccepted.parse(JSON.parse(row.answer))
}

/** Whether a request with this key was answered, without waiting for one that is under way. */
export async function isAnswered(tx: Tx, keyHmac: Buffer): Promise<boolean> {
  return (await tx.selectFrom('idempotency').select('document_id').where('key_hmac', '=', keyHmac).executeTakeFirst()) !== undefined
}

export async function keepIdempotentAnswer(
  tx: Tx,
  tenantId: string,
  keyHmac: Buffer,
  requestHmac: Buffer,
  answer: UploadAccepted,
): Promise<void> {
  await tx
    .insertInto('idempotency')
    .values({
      tenant_id: tenantId,
      document_id: answer.document_id,
      key_hmac: keyHmac,
      request_hmac: requestHmac,
      answer: JSON.stringify(answer),
    })
    .execute()
}

export async function forgetOldKeys(tx: Tx): Promise<void> {
  await tx.deleteFrom('idempotency').where('created_at', '<', sql<Date>`now() - ${KEEP_HOURS} * interval '1 hour'`).execute()
}
