import { AppError } from '../../../shared/contracts/errors.ts'
import type { Checkpoint } from '../../../shared/database/ledger-pushes.ts'
import type { Outbound } from '../../../shared/inference/outbound.ts'

/** Well below the time that a transaction may idle: the push runs in one. */
const ANSWER_MS_MAX = 10_000

export interface Witness {
  url: string
  /** Sent as a bearer token; it is in no message and no log line. */
  token: string | null
  outbound: Outbound
}

/**
 * Posts the signed note as it is. Any 2xx says that it is kept; a redirect is a refusal, and of the body nothing is read, however long it is. Throws AppError
 * UNAVAILABLE, without the address, which may hold a secret.
 */
export async function postToWitness({ url, token, outbound }: Witness, { note }: Checkpoint, signal: AbortSignal): Promise<void> {
  const headers = { 'content-type': 'text/plain; charset=utf-8', ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)])
  let response: Response
  try {
    response = await outbound.fetch(url, { method: 'POST', headers, body: note, redirect: 'manual', signal: deadline })
    await response.body?.cancel()
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'the witness did not answer', { cause })
  }
  if (!response.ok) throw new AppError('UNAVAILABLE', `the witness answered ${response.status}`, { extra: { status: response.status } })
}
