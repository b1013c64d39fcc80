import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { CliError } from './cli-error.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit-codes.ts'
import { pause } from './pause.ts'

export const ERASURE_WAIT_SECONDS = 60
const PAUSE_MS = 100
const PAUSE_MS_MAX = 5_000
const PAUSE_GROWTH = 1.5

/**
 * `event` says which stores were found empty; null where a restored backup does not know the request. `settling`: a stage has not said that it ended and may
 * write until `settlesAt`; the stores are then read back once more, without anybody asking. `unseen`: the key may erase and not read what became of it.
 */
export type Erased =
  | { state: 'done'; event: ProcessingEvent | null }
  | { state: 'settling'; event: ProcessingEvent | null; erasureId: string; settlesAt: string }
  | { state: 'unseen'; event: null }

/**
 * Asks for the erasure and waits until its request is done, every store found empty. From the server's acceptance on no read finds the document. Throws
 * CliError ERASURE_TIMEOUT when it is not done after the time for no such reason.
 */
export async function eraseAndWait(client: Client, documentId: string, waitSeconds = ERASURE_WAIT_SECONDS): Promise<Erased> {
  const erasureId = await client.erase(documentId)
  if (erasureId === null) return { state: 'done', event: null }
  try {
    const ended = await untilDone(client, erasureId, waitSeconds)
    return { ...ended, event: await newestErasure(client, documentId) }
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.notAllowed) return { state: 'unseen', event: null }
    throw error
  }
}

async function untilDone(client: Client, erasureId: string, waitSeconds: number) {
  const deadline = performance.now() + waitSeconds * 1_000
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(pauseMs * PAUSE_GROWTH, PAUSE_MS_MAX)) {
    const { state, settles_at } = await client.rights.erasure(erasureId)
    if (state === 'done') return { state } as const
    const leftMs = deadline - performance.now()
    if (leftMs > 0) await pause(Math.min(pauseMs, leftMs), client.interrupted)
    else if (settles_at !== null) return { state: 'settling', erasureId, settlesAt: settles_at } as const
    else break
  }
  const message = `no read finds the document any more, but its erasure was not done within ${waitSeconds} s; it goes on, \`greffier erasures show ${erasureId}\` tells`
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
