import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { CliError } from './cli-error.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit-codes.ts'
import { pause } from './pause.ts'

const ERASURE_MS_MAX = 60_000
const POLL_MS = 200

/**
 * Asks for the erasure and waits until the record says that every store was found empty: that event is the answer, or null where the key may
 * not read records. From the server's acceptance on no read finds the document. Throws CliError ERASURE_TIMEOUT after a minute.
 */
export async function eraseAndWait(client: Client, documentId: string): Promise<ProcessingEvent | null> {
  await client.erase(documentId)
  const deadline = performance.now() + ERASURE_MS_MAX
  try {
    while (performance.now() < deadline) {
      const { events } = await client.record(documentId)
      const done = events.find(({ operation, phase, result }) => operation === 'Erase' && phase === 'completed' && result === 'ok')
      if (done) return done
      await pause(POLL_MS, client.interrupted)
    }
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.notAllowed) return null
    throw error
  }
  const message =
    'no read finds the document any more, but its stores were not emptied within a minute; it goes on, `greffier record` tells'
  throw new CliError('ERASURE_TIMEOUT', message, EXIT.tryLater)
}

/** The stores that the erasure read back, each once. */
export function emptiedStores(event: ProcessingEvent): string {
  return [...new Set(event.stores.map(({ store }) => store))].join(', ')
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
