import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { CliError } from './cli-error.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit-codes.ts'
import { pause } from './pause.ts'

const ERASURE_MS_MAX = 60_000
const PAUSE_MS = 100
const PAUSE_MS_MAX = 5_000
const PAUSE_GROWTH = 1.5

/**
 * Asks for the erasure and waits until its request is done, every store found empty: the event that says so is the answer, or null where the key may
 * not read records, and where a restored backup does not know the request. From the server's acceptance on no read finds the document. Throws CliError
 * ERASURE_TIMEOUT after a minute.
 */
export async function eraseAndWait(client: Client, documentId: string): Promise<ProcessingEvent | null> {
  const erasureId = await client.erase(documentId)
  if (erasureId === null) return null
  try {
    await untilDone(client, erasureId)
    return await newestErasure(client, documentId)
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.notAllowed) return null
    throw error
  }
}

async function untilDone(client: Client, erasureId: string): Promise<void> {
  const deadline = performance.now() + ERASURE_MS_MAX
  for (let pauseMs = PAUSE_MS; performance.now() < deadline; pauseMs = Math.min(pauseMs * PAUSE_GROWTH, PAUSE_MS_MAX)) {
    if ((await client.rights.erasure(erasureId)).state === 'done') return
    await pause(pauseMs, client.interrupted)
  }
  const message = `no read finds the document any more, but its erasure was not done within a minute; it goes on, \`greffier erasures show ${erasureId}\` tells`
  throw new CliError('ERASURE_TIMEOUT', message, EXIT.tryLater)
}

/** Of the record that one page alone: all of it may be more than an answer may have. */
async function newestErasure(client: Client, documentId: string): Promise<ProcessingEvent | null> {
  const { events } = await client.records({ document: documentId, operation: 'Erase', outcome: 'completed', limit: '1' }, undefined)
  return events[0] ?? null
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
