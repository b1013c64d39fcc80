import { CliError } from './cli-error.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit-codes.ts'
import { pause } from './pause.ts'

const ERASURE_MS_MAX = 60_000
const POLL_MS = 200

/** Asks for the erasure and waits until the document answers as erased (410). Throws CliError ERASURE_TIMEOUT after a minute. */
export async function eraseAndWait(client: Client, documentId: string): Promise<void> {
  await client.erase(documentId)
  const deadline = performance.now() + ERASURE_MS_MAX
  while (performance.now() < deadline) {
    if (await isErased(client, documentId)) return
    await pause(POLL_MS, client.interrupted)
  }
  throw new CliError('ERASURE_TIMEOUT', 'the erasure was accepted but not finished within a minute; it goes on', EXIT.unexpected)
}

/** True when the server says that the document was erased, rather than that it never was. */
export async function isErased(client: Client, documentId: string): Promise<boolean> {
  try {
    await client.document(documentId)
    return false
  } catch (error) {
    if (error instanceof CliError && error.code === 'DOCUMENT_ERASED') return true
    throw error
  }
}
